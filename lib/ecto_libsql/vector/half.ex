defmodule EctoLibSql.Vector.Half do
  @moduledoc false
  # 16-bit floats of IEEE 754, as libSQL rounds to them: to the nearest, ties to even. Where the number
  # is so small that it loses bits by its exponent already, those are cut off before.

  import Bitwise

  @doc "The bits of a 16-bit float, for those of a finite 32-bit one."
  @spec from_f32(non_neg_integer()) :: non_neg_integer() | :overflow
  def from_f32(bits) do
    sign = bits >>> 16 &&& 0x8000
    exponent = (bits >>> 23 &&& 0xFF) - 127
    fraction = bits &&& 0x7FFFFF

    magnitude =
      cond do
        exponent > 15 -> 0x7C00
        exponent >= -14 -> round_off((exponent + 15) <<< 23 ||| fraction)
        exponent >= -25 -> round_off((fraction ||| 0x800000) >>> (-exponent - 14))
        true -> 0
      end

    if magnitude >= 0x7C00, do: :overflow, else: sign ||| magnitude
  end

  # Takes 13 bits off. A carry goes into the exponent, which is what it should do.
  defp round_off(bits) do
    even = bits >>> 13
    rest = bits &&& 0x1FFF
    if rest > 0x1000 or (rest == 0x1000 and (even &&& 1) == 1), do: even + 1, else: even
  end
end

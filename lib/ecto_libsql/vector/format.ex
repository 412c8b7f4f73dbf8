defmodule EctoLibSql.Vector.Format do
  @moduledoc false
  # The blobs of libSQL's vectors: little-endian numbers, and behind them what tells the kind. A blob
  # of even length is f32; of others the last byte is the kind's code.
  #
  # Bit by bit what libSQL's own functions make of the same numbers. As those read numbers as 32-bit
  # floats, whatever the kind but f64, so does this.

  alias EctoLibSql.Vector.Half

  @type kind :: EctoLibSql.Vector.kind()

  @codes %{f32: 1, f64: 2, f1bit: 3, f8: 4, f16: 5, fb16: 6}
  @kinds Map.new(@codes, fn {kind, code} -> {code, kind} end)

  # Half way from the greatest 32-bit float to what would be the next.
  @beyond_f32 (2 - 2 ** -24) * 2 ** 127

  @doc """
  The blob of floats. `{:error, index}` is of the first that the kind cannot store.
  """
  @spec encode([float()], kind()) :: {:ok, binary()} | {:error, non_neg_integer()}
  def encode(numbers, :f64),
    do:
      {:ok, for(number <- numbers, into: <<>>, do: <<number::float-64-little>>) <> <<@codes.f64>>}

  def encode(numbers, kind) do
    case Enum.find_index(numbers, &(abs(&1) >= @beyond_f32)) do
      nil -> from_f32(for(number <- numbers, into: <<>>, do: <<number::float-32-little>>), kind)
      index -> {:error, index}
    end
  end

  defp from_f32(floats, :f32), do: {:ok, floats}

  defp from_f32(floats, :fb16) do
    {:ok, for(<<_low::16, high::16 <- floats>>, into: <<>>, do: <<high::16>>) <> <<@codes.fb16>>}
  end

  defp from_f32(floats, :f16) do
    halves = for <<bits::32-little <- floats>>, do: Half.from_f32(bits)

    case Enum.find_index(halves, &(&1 == :overflow)) do
      nil -> {:ok, for(half <- halves, into: <<>>, do: <<half::16-little>>) <> <<@codes.f16>>}
      index -> {:error, index}
    end
  end

  defp from_f32(floats, :f1bit) do
    bits = for <<float::float-32-little <- floats>>, do: if(float > 0, do: 1, else: 0)

    data =
      for byte <- Enum.chunk_every(bits, 8),
          into: <<>>,
          do: <<Integer.undigits(Enum.reverse(byte), 2)>>

    padding = if rem(byte_size(data), 2) == 0, do: <<0>>, else: <<>>
    trailing = 8 * (byte_size(data) + byte_size(padding) + 1) - length(bits)
    {:ok, <<data::binary, padding::binary, trailing, @codes.f1bit>>}
  end

  # A byte q stands for alpha * q + shift.
  defp from_f32(floats, :f8) do
    numbers = for <<float::float-32-little <- floats>>, do: float
    {least, most} = extremes(numbers)

    case single(most - least) do
      :overflow ->
        {:error, Enum.find_index(numbers, &(&1 == most))}

      range ->
        alpha = single(range / 255)
        bytes = for number <- numbers, into: <<>>, do: <<byte(number, least, alpha)>>
        padding = rem(4 - rem(byte_size(bytes), 4), 4)

        {:ok,
         <<bytes::binary, 0::size(padding)-unit(8), alpha::float-32-little,
           least::float-32-little, 0, padding, @codes.f8>>}
    end
  end

  # Of zeros with different signs, the later one.
  defp extremes([first | rest]) do
    Enum.reduce(rest, {first, first}, fn number, {least, most} ->
      {if(least < number, do: least, else: number), if(most > number, do: most, else: number)}
    end)
  end

  defp byte(number, least, _alpha) when number == least, do: 0
  defp byte(_number, _least, alpha) when alpha == 0, do: 255

  defp byte(number, least, alpha) do
    case single(single(number - least) / alpha) do
      steps when is_float(steps) and steps <= 255 -> trunc(steps + 0.5)
      _beyond -> 255
    end
  end

  # A double rounded to a 32-bit float.
  defp single(double) when abs(double) >= @beyond_f32, do: :overflow

  defp single(double) do
    <<single::float-32>> = <<double::float-32>>
    single
  end

  @doc """
  The kind of a blob, its dimension, and its numbers' part.
  """
  @spec parse(binary()) :: {:ok, kind(), non_neg_integer(), binary()} | :error
  def parse(blob) when rem(byte_size(blob), 2) == 0, do: numbers(:f32, blob, 4)

  def parse(blob) do
    {data, <<code>>} = split(blob, 1)
    parse(@kinds[code], data)
  end

  defp parse(:f32, data), do: numbers(:f32, data, 4)
  defp parse(:f64, data), do: numbers(:f64, data, 8)
  defp parse(kind, data) when kind in [:f16, :fb16], do: numbers(kind, data, 2)

  defp parse(:f1bit, data) when data != "" do
    size = 8 * byte_size(data) - :binary.last(data)
    bytes = div(size + 7, 8)

    if size > 0 and bytes < byte_size(data),
      do: {:ok, :f1bit, size, binary_part(data, 0, bytes)},
      else: :error
  end

  defp parse(:f8, data) when byte_size(data) >= 10 do
    {numbers, <<_zero, padding>>} = split(data, 2)
    size = byte_size(numbers) - 8 - padding

    if size > 0 and padding < 4 and rem(size + padding, 4) == 0,
      do: {:ok, :f8, size, numbers},
      else: :error
  end

  defp parse(_kind, _data), do: :error

  defp numbers(kind, data, width) do
    if data != "" and rem(byte_size(data), width) == 0,
      do: {:ok, kind, div(byte_size(data), width), data},
      else: :error
  end

  defp split(binary, last) do
    size = byte_size(binary) - last
    <<head::binary-size(size), tail::binary>> = binary
    {head, tail}
  end

  @doc """
  The numbers of what `parse/1` has answered: `:error` where some are NaN or infinite.
  """
  @spec decode(kind(), non_neg_integer(), binary()) :: {:ok, [float()]} | :error
  def decode(kind, size, data) do
    numbers = floats(kind, size, data)
    # What is no number matches no float.
    if length(numbers) == size, do: {:ok, numbers}, else: :error
  end

  defp floats(:f32, _size, data), do: for(<<float::float-32-little <- data>>, do: float)
  defp floats(:f64, _size, data), do: for(<<float::float-64-little <- data>>, do: float)
  defp floats(:f16, _size, data), do: for(<<float::float-16-little <- data>>, do: float)

  defp floats(:fb16, _size, data) do
    floats(:f32, nil, for(<<half::16 <- data>>, into: <<>>, do: <<0::16, half::16>>))
  end

  defp floats(:f1bit, size, data) do
    for(<<byte <- data>>, position <- 0..7, do: Bitwise.band(Bitwise.bsr(byte, position), 1))
    |> Enum.take(size)
    |> Enum.map(&(2.0 * &1 - 1.0))
  end

  defp floats(:f8, size, data) do
    {bytes, parameters} = split(data, 8)

    with <<alpha::float-32-little, shift::float-32-little>> <- parameters do
      for <<byte <- binary_part(bytes, 0, size)>>,
          float = single(single(alpha * byte) + shift),
          is_float(float),
          do: float
    else
      _no_numbers -> []
    end
  end
end

defmodule EctoLibSql.UUID.Generator do
  @moduledoc false
  # UUIDs of versions 4 and 7. Those of version 7 ascend within this VM, whichever process makes
  # them: RFC 9562, section 6.2, method 1, a counter of 12 bits in rand_a. Time and counter are one
  # number in an atomic, which only goes up:
  #
  #   * in a new millisecond the counter begins at a random number of 11 bits
  #   * in the same one, or where the clock has gone back, the number goes up by one; a counter that
  #     is full so moves the time a millisecond ahead of the clock

  import Bitwise

  @counter_bits 12
  @seed_bits 11

  @doc """
  Makes the clock, once for this VM: with the application's start, and it stays over its stop.
  """
  @spec start_up() :: :ok
  def start_up do
    if :persistent_term.get(__MODULE__, nil) == nil,
      do: :persistent_term.put(__MODULE__, new_clock()),
      else: :ok
  end

  @doc "A clock that has not ticked."
  @spec new_clock() :: :atomics.atomics_ref()
  def new_clock, do: :atomics.new(1, signed: false)

  @doc "The 16 bytes of a random UUID."
  @spec v4() :: <<_::128>>
  def v4 do
    <<a::48, b::12, c::62, _::6>> = :crypto.strong_rand_bytes(16)
    <<a::48, 4::4, b::12, 2::2, c::62>>
  end

  @doc "The 16 bytes of a UUID that is greater than all of version 7 that this VM has made."
  @spec v7() :: <<_::128>>
  def v7 do
    <<seed::@seed_bits, random::62, _::7>> = :crypto.strong_rand_bytes(10)
    next = tick(clock(), :os.system_time(:millisecond), seed)
    <<time::48, counter::@counter_bits>> = <<next::60>>
    <<time::48, 7::4, counter::@counter_bits, 2::2, random::62>>
  end

  @doc "The clock's next number at this time: 48 bits of milliseconds, and 12 of the counter."
  @spec tick(:atomics.atomics_ref(), non_neg_integer(), non_neg_integer()) :: pos_integer()
  def tick(clock, now, seed), do: tick(clock, :atomics.get(clock, 1), now, seed)

  defp tick(clock, last, now, seed) do
    next = if now > last >>> @counter_bits, do: now <<< @counter_bits ||| seed, else: last + 1

    case :atomics.compare_exchange(clock, 1, last, next) do
      :ok -> next
      other -> tick(clock, other, now, seed)
    end
  end

  defp clock do
    :persistent_term.get(__MODULE__, nil) ||
      raise "UUIDs of version 7 need the application :ecto_libsql to be started"
  end
end

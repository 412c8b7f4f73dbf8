defmodule EctoLibSql.ReaderHeap do
  @moduledoc false
  # The heap of the process that reads rows: large enough that the garbage collector does not copy the
  # same rows again and again, for the time of the reading. In words, of 8 bytes.

  # While a long result comes in, and its reader goes over it, nearly all that is on the heap is
  # alive, and a heap that grows by small steps is collected at each: with 10,000 rows read as
  # structs, that was 26 of 43 ms. A heap much larger than its contents costs as well: each collection
  # moves to pages that the kernel has to give and clear (docs/performance.md). So it grows to 8 MB at
  # once, then doubles up to 32 MB.
  @first_room 1_000_000
  @most_room 4_000_000

  # What reads a stream makes garbage of each fetch, and with a small heap it collects several times a
  # fetch, for nothing: 60,000 structs took 228 ms with the least heap, 96 ms with this.
  @stream_room 100_000

  @typedoc "What `leave_stream/1` sets back."
  @opaque before :: non_neg_integer()

  @doc "Runs `fun`, which reads a long result, and calls `grow/0` as more of it comes in."
  @spec for_long_result((-> result)) :: result when result: var
  def for_long_result(fun) do
    before = least()
    grow()

    try do
      fun.()
    after
      Process.flag(:min_heap_size, before)
    end
  end

  @spec grow() :: :ok
  def grow do
    {:total_heap_size, words} = Process.info(self(), :total_heap_size)
    room = max(min(8 * words, @first_room), min(2 * words, @most_room))
    Process.flag(:min_heap_size, room)
    :ok
  end

  @doc "Gives the calling process the heap to read a stream with."
  @spec enter_stream() :: before()
  def enter_stream do
    before = least()
    Process.flag(:min_heap_size, max(before, @stream_room))
    before
  end

  @spec leave_stream(before()) :: :ok
  def leave_stream(before) do
    Process.flag(:min_heap_size, before)
    :ok
  end

  defp least do
    {:min_heap_size, words} = Process.info(self(), :min_heap_size)
    words
  end
end

# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.UUIDPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.UUID
    alias EctoLibSql.UUID.{Generator, SQL}

    # The same again, digit by digit and with numbers.
    defp naive_format(bytes) do
      digits = bytes |> :binary.decode_unsigned() |> Integer.digits(16)
      digits = List.duplicate(0, 32 - length(digits)) ++ digits

      [8, 4, 4, 4, 12]
      |> Enum.map_reduce(digits, &Enum.split(&2, &1))
      |> elem(0)
      |> Enum.map_join("-", fn part -> Enum.map_join(part, &Integer.to_string(&1, 16)) end)
      |> String.downcase()
    end

    defp naive_parse(text) do
      with [8, 4, 4, 4, 12] <- text |> String.split("-") |> Enum.map(&String.length/1),
           digits = String.replace(text, "-", ""),
           true <- digits |> String.graphemes() |> Enum.all?(&(&1 =~ ~r/\A[0-9a-f]\z/i)) do
        {:ok, <<String.to_integer(digits, 16)::128>>}
      else
        _ -> :error
      end
    end

    defp bytes, do: one_of([binary(length: 16), map(integer(0..0xFFFF), &<<&1::128>>)])

    defp version7(time) do
      gen all(time <- time, a <- integer(0..0xFFF), b <- integer(0..0x3FFFFFFFFFFFFFFF)) do
        <<time::48, 7::4, a::12, 2::2, b::62>>
      end
    end

    # A UUID's text with up to two changes.
    defp almost do
      gen all(
            bytes <- bytes(),
            upper? <- boolean(),
            changes <-
              list_of({integer(0..36), string(~c"0Afg-{} \0é", max_length: 2)}, max_length: 2)
          ) do
        text = naive_format(bytes)
        text = if upper?, do: String.upcase(text), else: text

        Enum.reduce(changes, text, fn {at, change}, text ->
          String.slice(text, 0, at) <> change <> String.slice(text, (at + 1)..-1//1)
        end)
      end
    end

    setup do
      %{s: connect!()}
    end

    property "text and bytes are those of a naive implementation", %{s: s} do
      check all(bytes <- bytes()) do
        text = naive_format(bytes)
        assert UUID.to_text(bytes) == text
        assert UUID.parse(text) == {:ok, bytes}
        assert UUID.parse(String.upcase(text)) == {:ok, bytes}
        sql = "SELECT #{SQL.convert("?1", :text)}, #{SQL.convert("?2", :binary)}"
        assert rows(s, sql, [{:blob, bytes}, text]) == [[text, bytes]]
      end
    end

    property "what is taken and what is refused", %{s: s} do
      check all(
              text <-
                one_of([
                  almost(),
                  string(:printable),
                  string(~c"0123456789abcdefABCDEF-", length: 36)
                ])
            ) do
        case naive_parse(text) do
          {:ok, bytes} ->
            assert UUID.parse(text) == {:ok, bytes}
            assert rows(s, "SELECT #{SQL.convert("?1", :binary)}", [text]) == [[bytes]]

          :error ->
            assert {:error, "is no UUID: " <> _} = UUID.parse(text)
            assert rows(s, "SELECT #{SQL.convert("?1", :binary)}", [text]) == [[nil]]
        end

        stored? = match?({:ok, _}, naive_parse(text)) and String.downcase(text) == text

        assert rows(s, "SELECT #{SQL.check("?1", :text)}", [text]) == [
                 [if(stored?, do: 1, else: 0)]
               ]
      end
    end

    property "bytes, text, compare/2 and SQLite have one order", %{s: s} do
      check all(uuids <- list_of(bytes(), min_length: 2, max_length: 20)) do
        sorted = Enum.sort(uuids)
        texts = Enum.map(sorted, &UUID.to_text/1)
        assert Enum.sort(texts) == texts
        assert Enum.sort(uuids, UUID) == sorted
        assert Enum.sort(Enum.shuffle(texts), UUID) == texts

        values = Enum.map_join(uuids, ", ", fn _ -> "(?, ?)" end)
        params = Enum.flat_map(uuids, &[UUID.to_text(&1), {:blob, &1}])
        from = "FROM (VALUES #{values})"
        assert rows(s, "SELECT column1 #{from} ORDER BY 1", params) == Enum.map(texts, &[&1])
        assert rows(s, "SELECT column2 #{from} ORDER BY 1", params) == Enum.map(sorted, &[&1])
      end
    end

    property "times, within a range and in SQL", %{s: s} do
      time =
        one_of([integer(0..253_402_300_799_999), integer(1_600_000_000_000..1_900_000_000_000)])

      check all(<<milliseconds::48, _::80>> = bytes <- version7(time)) do
        expected = DateTime.from_unix!(milliseconds, :millisecond)
        assert UUID.timestamp(bytes) == {:ok, expected}
        assert UUID.timestamp(naive_format(bytes)) == {:ok, expected}
        assert UUID.compare(UUID.first_at(expected), bytes) in [:lt, :eq]
        assert UUID.compare(bytes, UUID.last_at(expected)) in [:lt, :eq]

        [[text]] = rows(s, "SELECT #{SQL.timestamp("?1")}", [{:blob, bytes}])
        assert DateTime.from_iso8601(text <> "Z") |> elem(1) |> DateTime.compare(expected) == :eq
      end
    end

    property "a clock ascends, however time goes" do
      check all(
              times <- list_of({integer(0..5), integer(0..0x7FF)}, min_length: 2, max_length: 200)
            ) do
        clock = Generator.new_clock()
        ticks = for {now, seed} <- times, do: Generator.tick(clock, now + 1000, seed)
        assert ticks == ticks |> Enum.uniq() |> Enum.sort()

        # Never behind the time that was, and, with so few, never ahead.
        for {tick, index} <- Enum.with_index(ticks) do
          latest = times |> Enum.take(index + 1) |> Enum.map(&elem(&1, 0)) |> Enum.max()
          assert Bitwise.bsr(tick, 12) == latest + 1000
        end
      end
    end

    property "in the order in which they were made, as text and as blobs in a table", %{s: s} do
      check all(count <- integer(2..50), max_runs: 20) do
        made = for _ <- 1..count, do: UUID.bingenerate(version: 7)
        values = Enum.map_join(made, ", ", fn _ -> "(?, ?)" end)
        params = Enum.flat_map(Enum.shuffle(made), &[UUID.to_text(&1), {:blob, &1}])
        sql = "SELECT column2 FROM (VALUES #{values}) ORDER BY "
        assert s |> rows(sql <> "column1", params) |> List.flatten() == made
        assert s |> rows(sql <> "column2", params) |> List.flatten() == made
      end
    end
  end
end

defmodule EctoLibSql.UUIDTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, UUID}
  alias EctoLibSql.UUID.{Generator, SQL}

  # RFC 9562, appendix A and B, and sections 5.9 and 5.10.
  @v1 "C232AB00-9414-11EC-B3C8-9F6BDECED846"
  @v3 "5df41881-3aed-3515-88a7-2f4a814cf09e"
  @v4 "919108f7-52d1-4320-9bac-f847db4148a8"
  @v5 "2ed6657d-e927-568b-95e1-2665a8aea6a2"
  @v6 "1EC9414C-232A-6B00-B3C8-9F6BDECED846"
  @v7 "017F22E2-79B0-7CC3-98C4-DC0C0C07398F"
  @v8 "2489E9AD-2EE2-8E00-8EC9-32D5F69181C0"
  @null "00000000-0000-0000-0000-000000000000"
  @max "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"

  @malformed [
    {"", "it has 0 characters instead of 36"},
    {"abc", "it has 3 characters instead of 36"},
    {"é", "it has 1 characters instead of 36"},
    {<<255, 255>>, "it has 2 bytes instead of 36"},
    {String.replace(@v4, "9", "é", global: false), "it has 37 bytes instead of 36"},
    {@v4 <> "0", "it has 37 characters instead of 36"},
    {@v4 <> "\n", "it has 37 characters instead of 36"},
    {"{#{@v4}}", "it is in braces"},
    {"urn:uuid:#{@v4}", "it begins with urn:uuid:"},
    {"URN:UUID:#{@v4}", "it begins with urn:uuid:"},
    {String.replace(@v4, "-", ""), "it has no hyphens"},
    {"g19108f7-52d1-4320-9bac-f847db4148a8", "character 1 is no hexadecimal digit"},
    {"919108f7-52d1-4320-9bac-f847db4148a ", "character 36 is no hexadecimal digit"},
    {"919108f7-52d1-4320-9bac-f847db414\0a8", "character 34 is no hexadecimal digit"},
    {"919108f7-52d1-4320-9bac-f847db414é8", "character 34 is no hexadecimal digit"},
    {"919108f7052d1-4320-9bac-f847db4148a8", "character 9 is no hyphen"},
    {"919108f-752d1-4320-9bac-f847db4148a8", "character 8 is no hexadecimal digit"}
  ]

  describe "reading" do
    test "the RFC's examples" do
      for {text, version} <- [
            {@v1, 1},
            {@v3, 3},
            {@v4, 4},
            {@v5, 5},
            {@v6, 6},
            {@v7, 7},
            {@v8, 8}
          ] do
        assert {:ok, <<_::16-bytes>> = bytes} = UUID.parse(text)
        assert bytes == text |> String.replace("-", "") |> Base.decode16!(case: :mixed)
        assert UUID.to_text(bytes) == String.downcase(text)
        assert UUID.to_text(text) == String.downcase(text)
        assert UUID.version(text) == {:ok, version}
        assert UUID.version(bytes) == {:ok, version}
        assert UUID.valid?(text)
        assert UUID.valid?(String.downcase(text))
      end

      assert UUID.timestamp(@v7) == {:ok, ~U[2022-02-22 19:22:22.000Z]}
    end

    test "the nil UUID and the max UUID have no version" do
      assert UUID.parse(@null) == {:ok, <<0::128>>}
      assert UUID.parse!(@max) == <<-1::128>>

      for uuid <- [@null, @max] do
        assert {:error, "is no UUID of RFC 9562's variant" <> _} = UUID.version(uuid)
        assert {:error, "is no UUID of RFC 9562's variant" <> _} = UUID.timestamp(uuid)
      end
    end

    test "what is malformed is refused, with what is wrong" do
      for {text, reason} <- @malformed do
        assert {:error, message} = UUID.parse(text)
        assert String.starts_with?(message, "is no UUID: " <> reason)
        refute UUID.valid?(text)
        assert_raise ArgumentError, ~r/is no UUID/, fn -> UUID.parse!(text) end
        assert {:error, ^message} = UUID.version(text)
        assert {:error, ^message} = UUID.timestamp(text)
        assert_raise ArgumentError, ~r/is no UUID/, fn -> UUID.to_text(text) end
        assert_raise ArgumentError, ~r/is no UUID/, fn -> UUID.compare(@v4, text) end
      end

      assert UUID.parse(17) == {:error, "is no UUID: it is no text"}
      refute UUID.valid?(nil)
      refute UUID.valid?(<<0::128>>)
    end

    test "only those of version 7 have a time" do
      assert UUID.timestamp(@v6) == {:error, "is of version 6; those of version 7 have a time"}

      # The calendar's last millisecond, and the next.
      assert UUID.timestamp(<<253_402_300_799_999::48, 7::4, 0::12, 2::2, 0::62>>) ==
               {:ok, ~U[9999-12-31 23:59:59.999Z]}

      assert UUID.timestamp(<<253_402_300_800_000::48, 7::4, 0::12, 2::2, 0::62>>) ==
               {:error, "has a time after the year 9999"}
    end

    test "the first and the last of a time enclose all others of it" do
      time = ~U[2022-02-22 19:22:22.000999Z]
      assert UUID.compare(UUID.first_at(time), @v7) == :lt
      assert UUID.compare(@v7, UUID.last_at(time)) == :lt
      next = UUID.first_at(DateTime.add(time, 1, :millisecond))
      assert UUID.compare(UUID.last_at(time), next) == :lt
      assert UUID.timestamp(UUID.last_at(time)) == {:ok, ~U[2022-02-22 19:22:22.000Z]}

      assert_raise ArgumentError, ~r/begin with 1970/, fn ->
        UUID.first_at(~U[1969-12-31 23:59:59Z])
      end
    end
  end

  describe "making" do
    test "has the version and the variant, and small letters" do
      for version <- [4, 7], _ <- 1..200 do
        text = UUID.generate(version: version)
        assert text == String.downcase(text)
        assert UUID.version(text) == {:ok, version}
        assert {:ok, ^version} = UUID.version(UUID.bingenerate(version: version))
      end

      assert UUID.version(UUID.generate()) == {:ok, 4}
    end

    test "refuses other versions and options" do
      assert_raise ArgumentError, "version: takes 4 or 7, got: 1", fn ->
        UUID.generate(version: 1)
      end

      assert_raise ArgumentError, ~r/unknown keys \[:precision\]/, fn ->
        UUID.generate(precision: :monotonic)
      end
    end

    test "every bit that is none of time, version and variant is random" do
      bits = fn version -> for <<bit::1 <- UUID.bingenerate(version: version)>>, do: bit end

      # A bit that stays the same in 200 of them would be one in 2^199.
      seen = fn version ->
        for(_ <- 1..200, do: bits.(version)) |> Enum.zip_with(&(&1 |> Enum.uniq() |> length()))
      end

      fixed = fn seen, from -> for {1, at} <- Enum.with_index(seen), at >= from, do: at end
      assert fixed.(seen.(4), 0) == [48, 49, 50, 51, 64, 65]
      # The counter goes up from a number of 11 bits.
      assert fixed.(seen.(7), 64) == [64, 65]
    end

    test "a time is that of the system" do
      before = System.os_time(:millisecond)
      {:ok, time} = UUID.timestamp(UUID.generate(version: 7))
      # Others may have moved it ahead a little: 4,096 of them a millisecond.
      assert DateTime.to_unix(time, :millisecond) >= before
      assert DateTime.to_unix(time, :millisecond) <= System.os_time(:millisecond) + 1000
    end

    test "those of many processes are all different, and each process's ascend" do
      made =
        1..16
        |> Enum.map(fn _ ->
          Task.async(fn -> for _ <- 1..2_000, do: UUID.bingenerate(version: 7) end)
        end)
        |> Task.await_many(60_000)

      for own <- made, do: assert(own == Enum.sort(own))
      all = List.flatten(made)
      assert length(Enum.uniq(all)) == 32_000
      # Not the random bits alone tell them apart.
      assert all |> Enum.uniq_by(fn <<head::8-bytes, _::binary>> -> head end) |> length() ==
               32_000
    end

    test "one that was handed from process to process is greater than what came before" do
      parent = self()

      Enum.reduce(1..50, UUID.generate(version: 7), fn _, last ->
        spawn_link(fn -> send(parent, UUID.generate(version: 7)) end)
        assert_receive next
        assert UUID.compare(last, next) == :lt
        next
      end)
    end
  end

  describe "the clock" do
    defp tick(clock, now, seed) do
      <<time::48, counter::12>> = <<Generator.tick(clock, now, seed)::60>>
      {time, counter}
    end

    test "counts within a millisecond, and goes on where the time goes back" do
      clock = Generator.new_clock()
      assert tick(clock, 1000, 5) == {1000, 5}
      assert tick(clock, 1000, 2000) == {1000, 6}
      assert tick(clock, 999, 2000) == {1000, 7}
      assert tick(clock, 0, 0) == {1000, 8}
      assert tick(clock, 1001, 3) == {1001, 3}
    end

    test "a counter that is full moves the time ahead" do
      clock = Generator.new_clock()
      assert tick(clock, 1000, 2047) == {1000, 2047}
      ticks = for _ <- 1..2048, do: tick(clock, 1000, 7)
      assert List.last(ticks) == {1000, 4095}
      assert tick(clock, 1000, 7) == {1001, 0}
      # The time catches up.
      assert tick(clock, 1001, 7) == {1001, 1}
      assert tick(clock, 1002, 7) == {1002, 7}
    end

    test "processes that tick at once have each number once" do
      clock = Generator.new_clock()

      numbers =
        1..8
        |> Enum.map(fn _ ->
          Task.async(fn -> for _ <- 1..5_000, do: Generator.tick(clock, 1, 0) end)
        end)
        |> Task.await_many(60_000)
        |> List.flatten()

      first = Bitwise.bsl(1, 12)
      assert Enum.sort(numbers) == Enum.to_list(first..(first + 39_999))
    end
  end

  describe "plain SQL" do
    setup do
      %{s: connect!()}
    end

    defp value(s, sql, params \\ []), do: s |> rows("SELECT " <> sql, params) |> hd() |> hd()

    test "makes UUIDs of both versions in both forms", %{s: s} do
      many = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 500) "

      for version <- [4, 7], storage <- [:text, :binary] do
        before = System.os_time(:millisecond)
        made = "CREATE TABLE t AS #{many} SELECT #{SQL.generate(version, storage)} AS x FROM n"
        :ok = EctoLibSql.run(s, made)
        rows = rows(s, "SELECT x, #{SQL.stored?("x", storage)} FROM t")
        :ok = EctoLibSql.run(s, "DROP TABLE t")
        ids = for [id, 1] <- rows, do: id
        assert length(Enum.uniq(ids)) == 500

        for id <- ids do
          assert UUID.version(id) == {:ok, version}
          if storage == :text, do: assert(UUID.to_text(id) == id)
        end

        if version == 7 do
          assert [time] = ids |> Enum.map(&UUID.timestamp/1) |> Enum.uniq()
          assert {:ok, time} = time
          assert DateTime.to_unix(time, :millisecond) in before..System.os_time(:millisecond)
        end
      end
    end

    test "and all bits are random that can be", %{s: s} do
      for version <- [4, 7], storage <- [:text, :binary] do
        bits =
          for _ <- 1..200 do
            id = value(s, SQL.generate(version, storage))
            bytes = if storage == :text, do: UUID.parse!(id), else: id
            for <<bit::1 <- bytes>>, do: bit
          end

        same = bits |> Enum.zip_with(&(&1 |> Enum.uniq() |> length())) |> Enum.with_index()
        from = if version == 4, do: 0, else: 48
        assert for({1, at} <- same, at >= from, do: at) == [48, 49, 50, 51, 64, 65]
      end
    end

    test "turns one form into the other, and what is no UUID into NULL", %{s: s} do
      convert = fn value, to ->
        value(s, "(SELECT #{SQL.convert("u", to)} FROM (SELECT ? AS u))", [value])
      end

      for text <- [@v1, @v4, @v7, @null, @max] do
        small = String.downcase(text)
        bytes = UUID.parse!(text)
        assert convert.(text, :text) == small
        assert convert.({:blob, bytes}, :text) == small
        assert convert.(text, :binary) == bytes
        assert convert.({:blob, bytes}, :binary) == bytes
      end

      malformed = for {text, _reason} <- @malformed, String.valid?(text), do: text
      blobs = [{:blob, ""}, {:blob, <<0::120>>}, {:blob, <<0::136>>}, {:blob, @v4}]

      for value <- malformed ++ blobs ++ [nil, 1, 1.5, @v4 <> "\0", "0123456789abcdef"],
          to <- [:text, :binary],
          do: assert(convert.(value, to) == nil)
    end

    test "reads the time of version 7, as Elixir does", %{s: s} do
      stored = fn value -> value(s, SQL.timestamp("?"), [value]) end
      assert stored.(@v7) == "2022-02-22T19:22:22.000000"
      assert stored.({:blob, UUID.parse!(@v7)}) == "2022-02-22T19:22:22.000000"

      for milliseconds <- [0, 1, 999, 1_645_557_742_001, 253_402_300_799_999] do
        id = <<milliseconds::48, 7::4, 0::12, 2::2, 0::62>>
        {:ok, time} = UUID.timestamp(id)
        text = time |> DateTime.to_naive() |> NaiveDateTime.to_iso8601()
        assert stored.({:blob, id}) == text <> "000"
      end

      after_9999 = <<253_402_300_800_000::48, 7::4, 0::12, 2::2, 0::62>>
      other_variant = <<1::48, 7::4, 0::12, 1::2, 0::62>>

      for value <-
            [@v4, @v6, @null, @max, "abc", nil, 7] ++
              [{:blob, after_9999}, {:blob, other_variant}],
          do: assert(stored.(value) == nil)
    end

    test "the check takes what is stored, and NULL, and nothing else", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE a (id, CHECK (#{SQL.check("id", :text)}))")
      :ok = EctoLibSql.run(s, "CREATE TABLE b (id, CHECK (#{SQL.check("id", :binary)}))")
      bytes = {:blob, UUID.parse!(@v4)}

      taken = fn table, value ->
        case EctoLibSql.query(s, "INSERT INTO #{table} VALUES (?)", [value]) do
          {:ok, _} -> true
          {:error, %Error{code: :constraint_check}} -> false
        end
      end

      assert taken.("a", @v4) and taken.("a", nil)
      assert taken.("b", bytes) and taken.("b", nil)
      refute taken.("a", bytes) or taken.("b", @v4)

      for {text, _reason} <- @malformed,
          String.valid?(text),
          table <- ["a", "b"],
          do: refute(taken.(table, text))

      for value <- [@v7, @v4 <> "\0", 1, {:blob, @v4}, {:blob, "abc"}],
          table <- ["a", "b"],
          do: refute(taken.(table, value))

      assert rows(s, "SELECT count(*) FROM a") == [[2]]
      assert rows(s, "SELECT count(*) FROM b") == [[2]]
    end

    test "as a default it is there for connections without the functions", %{s: s} do
      sql =
        "CREATE TABLE t (n INTEGER, " <>
          "a DEFAULT (#{SQL.generate(4, :text)}), b DEFAULT (#{SQL.generate(7, :text)}), " <>
          "c DEFAULT (#{SQL.generate(4, :binary)}), d DEFAULT (#{SQL.generate(7, :binary)}))"

      :ok = EctoLibSql.run(s, sql)
      :ok = EctoLibSql.run(s, "INSERT INTO t (n) VALUES (1), (2), (3)")

      for {column, version} <- [{"a", 4}, {"b", 7}, {"c", 4}, {"d", 7}] do
        ids = s |> rows("SELECT #{column} FROM t") |> List.flatten()
        assert length(Enum.uniq(ids)) == 3
        for id <- ids, do: assert(UUID.version(id) == {:ok, version})
      end
    end

    test "and in a database whose text is UTF-16", %{s: s} do
      :ok = EctoLibSql.run(s, "PRAGMA encoding = 'UTF-16'")

      sql =
        "CREATE TABLE t (n, " <>
          "a DEFAULT (#{SQL.generate(4, :text)}) CHECK (#{SQL.check("a", :text)}), " <>
          "b DEFAULT (#{SQL.generate(7, :text)}) CHECK (#{SQL.check("b", :text)}), " <>
          "c DEFAULT (#{SQL.generate(4, :binary)}) CHECK (#{SQL.check("c", :binary)}), " <>
          "d DEFAULT (#{SQL.generate(7, :binary)}) CHECK (#{SQL.check("d", :binary)}))"

      :ok = EctoLibSql.run(s, sql)
      assert rows(s, "PRAGMA encoding") == [["UTF-16le"]]
      :ok = EctoLibSql.run(s, "INSERT INTO t (n) VALUES (1)")

      for {column, version, to} <- [
            {"a", 4, :binary},
            {"b", 7, :binary},
            {"c", 4, :text},
            {"d", 7, :text}
          ] do
        [[id, other]] = rows(s, "SELECT #{column}, #{SQL.convert(column, to)} FROM t")
        assert UUID.version(id) == {:ok, version}
        assert UUID.compare(id, other) == :eq
      end

      {:ok, time} = UUID.timestamp(value(s, "b FROM t"))

      assert value(s, "#{SQL.timestamp("b")} FROM t") =~
               DateTime.to_iso8601(time) |> String.trim("Z")

      assert {:error, %Error{code: :constraint_check}} =
               EctoLibSql.query(s, "INSERT INTO t (a) VALUES (?)", [@v4 <> "\0"])
    end

    test "the engine's functions read and write the same" do
      s = connect!(functions: [:uuid])

      for version <- ["uuid4", "uuid7"] do
        text = value(s, version <> "()")
        bytes = value(s, "uuid_blob(?)", [text])
        assert UUID.parse!(text) == bytes
        assert UUID.to_text(bytes) == text
        assert value(s, "uuid_str(#{version}_blob())") |> UUID.valid?()
      end
    end
  end
end

defmodule EctoLibSql.Function.GroupsTest do
  # The functions written in Rust, against Elixir's and OTP's own implementations.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Function}

  setup do
    %{s: connect!(functions: Function.groups())}
  end

  defp value(s, sql, params \\ []) do
    {:ok, [value]} = EctoLibSql.query_one(s, "SELECT " <> sql, params)
    value
  end

  defp message(s, sql, params \\ []) do
    assert {:error, %Error{code: code, message: message}} =
             EctoLibSql.query(s, "SELECT " <> sql, params)

    assert code in [:error, :error_missing_collseq]
    message
  end

  defp column(s, sql, params \\ []), do: s |> rows(sql, params) |> Enum.map(&hd/1)

  describe "the option" do
    test "names what it does not know, and what it takes" do
      assert {:error, %Error{code: :invalid_option, message: message}} =
               EctoLibSql.connect(database: ":memory:", functions: [:regexp, :regex])

      assert message =~ ":regex is none"
      assert message =~ ":haversine"

      for wrong <- [:regexp, "regexp", [1], nil, [:regexp | :uuid], %{}] do
        assert {:error, %Error{code: :invalid_option}} =
                 EctoLibSql.connect(database: ":memory:", functions: wrong)
      end
    end

    test "is for databases in this VM" do
      assert {:error, %Error{code: :unsupported, message: message}} =
               EctoLibSql.connect(uri: "http://localhost:1", functions: [:regexp])

      assert message =~ "functions"
    end

    test "gives a connection these groups and no others" do
      s = connect!(functions: [:uuid])
      assert value(s, "length(uuid())") == 36
      assert message(s, "'a' REGEXP 'a'") =~ "no such function: REGEXP"
      assert message(s, "'a' = 'b' COLLATE decimal") =~ "no such collation sequence: decimal"
      assert message(connect!(), "uuid()") =~ "no such function: uuid"
    end

    test "holds after a reset", %{s: s} do
      :ok = EctoLibSql.reset_connection(s)
      assert value(s, "'abc' REGEXP 'b'") == 1
    end

    test "knows the groups of the library" do
      for group <- Function.groups() do
        s = connect!(functions: [group])
        before = connect!()
        sql = "SELECT count(*) FROM pragma_function_list"
        assert rows(s, sql) > rows(before, sql)
      end
    end
  end

  describe "a schema" do
    test "may use them in indexes, generated columns, CHECKs and defaults", %{s: s} do
      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE t (
          id TEXT PRIMARY KEY DEFAULT (uuid7()),
          name TEXT COLLATE unicode_nocase UNIQUE CHECK (name REGEXP '^\\w+$'),
          plain TEXT AS (unaccent(name)),
          price TEXT COLLATE decimal
        );
        CREATE INDEX t_digest ON t (sha256(name));
        INSERT INTO t (name, price) VALUES ('Émile', '10'), ('Zoë', '9.5');
        """)

      assert column(s, "SELECT plain FROM t ORDER BY price") == ["Zoe", "Emile"]
      assert column(s, "SELECT price FROM t ORDER BY id") == ["10", "9.5"]

      digest = :crypto.hash(:sha256, "Zoë")
      sql = "SELECT price FROM t WHERE sha256(name) = ?"
      assert rows(s, sql, [{:blob, digest}]) == [["9.5"]]
      assert [[_, _, _, plan]] = rows(s, "EXPLAIN QUERY PLAN " <> sql, [{:blob, digest}])
      assert plan =~ "t_digest"

      assert {:error, %Error{code: :constraint_unique}} =
               EctoLibSql.query(s, "INSERT INTO t (name) VALUES ('émile')")

      assert {:error, %Error{code: :constraint_check}} =
               EctoLibSql.query(s, "INSERT INTO t (name) VALUES ('a b')")
    end

    test "may not use random ones where the answer has to stay", %{s: s} do
      assert {:error, %Error{code: :error, message: message}} =
               EctoLibSql.query(s, "CREATE TABLE u (a, b AS (uuid()))")

      assert message =~ "non-deterministic"
      :ok = EctoLibSql.run(s, "CREATE TABLE u (a)")

      assert {:error, %Error{message: message}} =
               EctoLibSql.query(s, "CREATE INDEX u_a ON u (a || uuid())")

      assert message =~ "non-deterministic"
    end

    @tag :tmp_dir
    test "is an error for connections without them, which read the rest", context do
      s = connect_file!(context, functions: [:text, :regexp])

      {:ok, _} =
        EctoLibSql.execute_batch(s, """
        CREATE TABLE t (a COLLATE natural_sort UNIQUE);
        CREATE TABLE u (a CHECK (a REGEXP 'x'));
        CREATE TABLE v (a);
        """)

      other = connect_file!(context)
      assert rows(other, "SELECT * FROM v") == []
      assert message(other, "a FROM t ORDER BY a") =~ "no such collation sequence: natural_sort"

      assert {:error, %Error{message: message}} =
               EctoLibSql.query(other, "INSERT INTO u VALUES ('x')")

      assert message =~ "REGEXP"
    end
  end

  describe ":decimal" do
    test "calculates exactly", %{s: s} do
      assert value(s, "decimal_add('0.1', '0.2')") == "0.3"
      assert value(s, "decimal_sub(1, '0.9')") == "0.1"
      assert value(s, "decimal_mul('1.50', 3)") == "4.50"
      assert value(s, "decimal_div(1, 3)") == "0.3333333333333333333333333333333333"
      assert value(s, "decimal_cmp('10', '9.99')") == 1
      assert value(s, "decimal('-1.5e3')") == "-1500"
      assert value(s, "decimal(NULL)") == nil
      assert message(s, "decimal_div(1, 0)") == "division by zero"
      assert message(s, "decimal('12a')") == "'12a' is no decimal number"
    end

    test "aggregates and sorts", %{s: s} do
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a TEXT COLLATE decimal)")
      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES ('10'), ('9.5'), (NULL), ('1e2')")
      sql = "SELECT decimal_sum(a), decimal_avg(a), decimal_min(a), decimal_max(a) FROM t"
      assert [["119.5", avg, "9.5", "1e2"]] = rows(s, sql)
      assert avg =~ ~r/^39\.83333/
      assert column(s, "SELECT a FROM t WHERE a > '9.50' ORDER BY a") == ["10", "1e2"]
    end

    test "has the sums, products and order of integers", %{s: s} do
      :rand.seed(:exsss, {1, 2, 3})

      for _ <- 1..200 do
        {a, b} = {integer(), integer()}
        text = &[Integer.to_string(&1), Integer.to_string(&2)]
        assert value(s, "decimal_add(?, ?)", text.(a, b)) == Integer.to_string(a + b)
        assert value(s, "decimal_sub(?, ?)", text.(a, b)) == Integer.to_string(a - b)
        assert value(s, "decimal_mul(?, ?)", text.(a, b)) == Integer.to_string(a * b)
        order = if a < b, do: -1, else: if(a > b, do: 1, else: 0)
        assert value(s, "decimal_cmp(?, ?)", text.(a, b)) == order
      end
    end

    defp integer do
      digits = :rand.uniform(60)
      (:rand.uniform(Integer.pow(10, digits)) - 1) * Enum.random([1, -1])
    end
  end

  describe ":regexp" do
    test "matches, captures and replaces", %{s: s} do
      assert value(s, "'abc' REGEXP '^a.c$'") == 1
      assert value(s, "regexp_like('abc', 'B')") == 0
      assert value(s, "regexp_like('abc', '(?i)B')") == 1
      assert value(s, "regexp_substr('a1 b22', '[0-9]+')") == "1"
      assert value(s, "regexp_substr('ab', '[0-9]+')") == nil
      assert value(s, "regexp_capture('k=v', '(\\w)=(\\w)')") == "k"
      assert value(s, "regexp_capture('k=v', '(\\w)=(?<value>\\w)', 'value')") == "v"
      assert value(s, "regexp_capture('k=v', '(\\w)=(\\w)', 0)") == "k=v"
      assert value(s, "regexp_capture('a', '(a)|(b)', 2)") == nil
      assert value(s, "regexp_replace('a1b2', '([a-z])([0-9])', '$2${1}_')") == "1a_2b_"
      assert value(s, "12 REGEXP '2'") == 1
      assert value(s, "NULL REGEXP 'a'") == nil
      assert value(s, "'a' REGEXP NULL") == nil
    end

    test "says what is wrong", %{s: s} do
      assert message(s, "'a' REGEXP '('") =~ "the regular expression '(': error: unclosed group"
      assert message(s, "'a' REGEXP 'a{100000}'") =~ "larger than"
      assert message(s, "'a' REGEXP hex(zeroblob(10000))") =~ "more than 16384 bytes"
      assert message(s, "regexp_capture('a', '(a)', 2)") =~ "no such group"
      assert message(s, "regexp_capture('a', '(a)', -1)") =~ "no such group"
      assert message(s, "x'61' REGEXP 'a'") == "a blob is no text"

      grown =
        "regexp_replace(hex(zeroblob(50000)), '.*', replace(hex(zeroblob(50000)), '0', '$0'))"

      assert message(s, grown) =~ "after the replacement"
    end

    test "is not hung by a pattern", %{s: s} do
      text = String.duplicate("a", 10_000) <> "!"
      assert value(s, "? REGEXP '^(a+)+$'", [text]) == 0
    end

    test "answers what Elixir's Regex does, for what both know", %{s: s} do
      :rand.seed(:exsss, {4, 5, 6})

      for _ <- 1..300 do
        {pattern, text} = {pattern(3), for(_ <- 1..:rand.uniform(12), into: "", do: letter())}
        regex = Regex.compile!(pattern)
        expected = with [found | _] <- Regex.run(regex, text), do: found
        assert value(s, "? REGEXP ?", [text, pattern]) == if(expected, do: 1, else: 0)
        assert value(s, "regexp_substr(?, ?)", [text, pattern]) == expected, pattern
      end
    end

    defp letter, do: Enum.random(["a", "b", "c"])

    defp pattern(0), do: Enum.random(["a", "b", "[ab]", "[^a]", ".", "b?"])

    defp pattern(depth) do
      case :rand.uniform(5) do
        1 -> pattern(depth - 1) <> pattern(depth - 1)
        2 -> "(" <> pattern(depth - 1) <> "|" <> pattern(depth - 1) <> ")"
        3 -> "(?:" <> pattern(depth - 1) <> ")" <> Enum.random(["{1,2}", "c", "+c"])
        4 -> "^" <> pattern(depth - 1)
        5 -> pattern(0)
      end
    end
  end

  describe ":haversine" do
    test "is the great-circle distance", %{s: s} do
      assert value(s, "haversine(0, 0, 0, 0)") == 0.0
      half = :math.pi() * 6_371_008.8
      assert_in_delta value(s, "haversine(90, 0, -90, 0)"), half, 0.001
      assert_in_delta value(s, "haversine(0, -180, 0, 180)"), 0, 0.001
      assert_in_delta value(s, "haversine(0, 0, 0, 180)"), half, 0.001
      assert value(s, "haversine(NULL, 0, 0, 0)") == nil
      assert value(s, "haversine('1', 2.5, 1, 2.5)") == 0.0
    end

    test "refuses what is no place", %{s: s} do
      assert message(s, "haversine(90.5, 0, 0, 0)") == "the latitude 90.5 is not from -90 to 90"

      assert message(s, "haversine(0, 0, 0, -181)") ==
               "the longitude -181 is not from -180 to 180"

      assert message(s, "haversine(0, 9e999, 0, 0)") =~ "the longitude inf"
      assert message(s, "haversine(0, 'x', 0, 0)") == "'x' is no number"
    end

    # By the angle between two vectors, which is another formula.
    test "agrees with the angle of the places' vectors", %{s: s} do
      :rand.seed(:exsss, {7, 8, 9})

      for _ <- 1..200 do
        [a, b] = for _ <- 1..2, do: {:rand.uniform() * 180 - 90, :rand.uniform() * 360 - 180}
        {{lat1, lon1}, {lat2, lon2}} = {a, b}
        {{x, y, z}, {u, v, w}} = {vector(a), vector(b)}
        cross = {y * w - z * v, z * u - x * w, x * v - y * u}
        angle = :math.atan2(length_of(cross), x * u + y * v + z * w)
        distance = value(s, "haversine(?, ?, ?, ?)", [lat1, lon1, lat2, lon2])
        assert_in_delta distance, angle * 6_371_008.8, 0.01
      end
    end

    defp vector({latitude, longitude}) do
      {phi, lambda} = {latitude * :math.pi() / 180, longitude * :math.pi() / 180}
      {:math.cos(phi) * :math.cos(lambda), :math.cos(phi) * :math.sin(lambda), :math.sin(phi)}
    end

    defp length_of({x, y, z}), do: :math.sqrt(x * x + y * y + z * z)
  end

  describe ":uuid" do
    test "makes UUIDs of both versions", %{s: s} do
      for {sql, version} <- [{"uuid()", 4}, {"uuid4()", 4}, {"uuid7()", 7}] do
        text = value(s, sql)

        assert text =~
                 ~r/^[0-9a-f]{8}-[0-9a-f]{4}-#{version}[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

        assert value(s, sql) != text
      end

      assert <<_::48, 4::4, _::12, 2::2, _::62>> = value(s, "uuid4_blob()")
      assert <<time::48, 7::4, _::12, 2::2, _::62>> = value(s, "uuid7_blob()")
      assert_in_delta time, System.os_time(:millisecond), 60_000
    end

    test "of version 7 sort as they were made, over several connections", %{s: s} do
      other = connect!(functions: [:uuid])

      made =
        for _ <- 1..50 do
          [column(s, "SELECT uuid7() FROM (#{count_to(20)})"), value(other, "uuid7()")]
        end

      made = List.flatten(made)
      assert made == made |> Enum.sort() |> Enum.uniq()
    end

    test "are converted", %{s: s} do
      :rand.seed(:exsss, {1, 1, 1})

      for _ <- 1..50 do
        bytes = :rand.bytes(16)
        hex = Base.encode16(bytes, case: :lower)
        <<a::binary-8, b::binary-4, c::binary-4, d::binary-4, e::binary>> = hex
        text = Enum.join([a, b, c, d, e], "-")

        for form <- [text, hex, String.upcase(text), "{#{text}}", {:blob, bytes}] do
          assert value(s, "uuid_str(?)", [form]) == text
          assert value(s, "uuid_blob(?)", [form]) == bytes
        end
      end

      for none <- [nil, "", "x", 1, 1.5, {:blob, "abc"}, String.duplicate("a", 33), <<255>>] do
        assert value(s, "uuid_str(?)", [none]) == nil
        assert value(s, "uuid_blob(?)", [none]) == nil
      end
    end
  end

  describe ":text" do
    test "compares in any case, in all scripts", %{s: s} do
      for {a, b, equal} <- [
            {"ÄÖÜ", "äöü", 1},
            {"STRASSE", "straße", 1},
            {"ΣΊΣΥΦΟΣ", "Σίσυφος", 1},
            {"Привет", "ПРИВЕТ", 1},
            {"e", "é", 0},
            {"ab", "abc", 0},
            {"", "", 1}
          ] do
        assert value(s, "? = ? COLLATE unicode_nocase", [a, b]) == equal
      end
    end

    test "folds as OTP does", %{s: s} do
      :rand.seed(:exsss, {2, 2, 2})

      for _ <- 1..200 do
        [a, b] = for _ <- 1..2, do: random_text()
        fold = &(&1 |> :string.casefold() |> to_string())
        assert value(s, "casefold(?)", [a]) == fold.(a)
        order = if fold.(a) < fold.(b), do: 1, else: 0
        assert value(s, "? < ? COLLATE unicode_nocase", [a, b]) == order
      end
    end

    # Letters that were in Unicode long ago.
    defp random_text do
      letters = Enum.concat([?a..?z, ?A..?Z, 0xC0..0x17F, 0x391..0x3C9, 0x410..0x44F, [0x1E9E]])
      for _ <- 1..:rand.uniform(6), into: "", do: <<Enum.random(letters)::utf8>>
    end

    test "sorts as people do", %{s: s} do
      sorted = ["", "1", "2", "10", "a", "A1", "a2", "a02b", "A10", "b", "é9", "é10"]
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a COLLATE natural_sort)")
      for a <- Enum.shuffle(sorted), do: :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [a])
      assert column(s, "SELECT a FROM t ORDER BY a") == sorted
      assert value(s, "'a1' = 'a01' COLLATE natural_sort") == 0
      assert value(s, "'a' = 'A' COLLATE natural_sort") == 0
    end

    test "both orders are orders, also of bytes that are no text", %{s: s} do
      :rand.seed(:exsss, {3, 3, 3})

      for collation <- ["natural_sort", "unicode_nocase"], _ <- 1..300 do
        [a, b, c] = for _ <- 1..3, do: random_bytes()
        sql = "? <= ? COLLATE #{collation}"
        le = fn x, y -> value(s, sql, [x, y]) == 1 end
        assert le.(a, b) or le.(b, a)
        if le.(a, b) and le.(b, c), do: assert(le.(a, c))
      end
    end

    defp random_bytes do
      for _ <- 1..:rand.uniform(4), into: "" do
        Enum.random(["a", "A", "1", "0", "2", "ß", "É", <<200>>, <<0xE2, 0x84>>, "\0", "ss"])
      end
    end

    test "takes accents off", %{s: s} do
      assert value(s, "unaccent('Crème Brûlée à la Łódź, Straße, Ærøskøbing')") ==
               "Creme Brulee a la Lodz, Strasse, AEroskobing"

      assert value(s, "unaccent('हिन्दी 한국어')") == "हिन्दी 한국어"
      assert value(s, "unaccent(NULL)") == nil
    end

    test "counts the letters that differ", %{s: s} do
      assert value(s, "levenshtein('kitten', 'sitting')") == 3
      assert value(s, "levenshtein('', 'äb')") == 2
      assert message(s, "levenshtein('a', hex(zeroblob(501)))") =~ "up to 1000 letters"

      :rand.seed(:exsss, {5, 5, 5})

      for _ <- 1..100 do
        [a, b] = for _ <- 1..2, do: for(_ <- 1..:rand.uniform(6), into: "", do: letter())
        assert value(s, "levenshtein(?, ?)", [a, b]) == distance(to_charlist(a), to_charlist(b))
      end
    end

    defp distance([], b), do: length(b)
    defp distance(a, []), do: length(a)
    defp distance([x | a], [x | b]), do: distance(a, b)

    defp distance([x | a], [y | b]),
      do: 1 + Enum.min([distance(a, b), distance([x | a], b), distance(a, [y | b])])
  end

  describe ":statistics" do
    test "is what the definitions say", %{s: s} do
      :rand.seed(:exsss, {6, 6, 6})
      :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")

      for size <- [1, 2, 3, 10, 101] do
        values = for _ <- 1..size, do: :rand.normal() * 100
        :ok = EctoLibSql.run(s, "DELETE FROM t")
        for value <- values, do: :ok = EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [value])

        sql =
          "SELECT median(a), percentile(a, 25), percentile_disc(a, 0.9), var_pop(a), stddev(a) FROM t"

        [[median, quartile, ninth, variance, deviation]] = rows(s, sql)

        assert_in_delta median, between(values, 0.5), 1.0e-9
        assert_in_delta quartile, between(values, 0.25), 1.0e-9
        assert ninth == Enum.at(Enum.sort(values), ceil(0.9 * size) - 1)
        assert_in_delta variance, squares(values) / size, 1.0e-6

        if size == 1,
          do: assert(deviation == nil),
          else: assert_in_delta(deviation, :math.sqrt(squares(values) / (size - 1)), 1.0e-6)
      end
    end

    defp between(values, fraction) do
      sorted = Enum.sort(values)
      place = fraction * (length(values) - 1)
      {low, high} = {Enum.at(sorted, floor(place)), Enum.at(sorted, ceil(place))}
      low + (place - floor(place)) * (high - low)
    end

    defp squares(values) do
      mean = Enum.sum(values) / length(values)
      values |> Enum.map(&((&1 - mean) ** 2)) |> Enum.sum()
    end

    test "slides in windows, and forgets what was large", %{s: s} do
      sql = """
      WITH t (i, a) AS (VALUES (1, 1e12), (2, 1), (3, 2), (4, NULL), (5, 3), (6, 4))
      SELECT median(a) OVER w, var_pop(a) OVER w, percentile_cont(a, 1) OVER w FROM t
      WINDOW w AS (ORDER BY i ROWS 2 PRECEDING)
      """

      assert [_, _, _, [1.5, 0.25, 2.0], [2.5, 0.25, 3.0], [3.5, 0.25, 4.0]] = rows(s, sql)
    end

    test "of nothing is NULL, and says what it cannot use", %{s: s} do
      assert rows(s, "SELECT median(a), stddev(a), percentile(a, 5) FROM (SELECT NULL AS a)") ==
               [[nil, nil, nil]]

      assert rows(s, "SELECT median(a), var_pop(a) FROM (SELECT 1 AS a) WHERE a > 1") == [
               [nil, nil]
             ]

      assert message(s, "median('x')") == "'x' is no number"
      assert message(s, "percentile(1, 101)") =~ "from 0 to 100"

      assert message(s, "percentile(a, a) FROM (SELECT 1 AS a UNION SELECT 2)") =~
               "the same for all"

      assert message(s, "stddev(1e200)") =~ "too large"
    end
  end

  describe ":digest" do
    test "is OTP's", %{s: s} do
      :rand.seed(:exsss, {8, 8, 8})

      for size <- 0..40 do
        bytes = {:blob, binary} = {:blob, :rand.bytes(size)}
        assert value(s, "sha256(?)", [bytes]) == :crypto.hash(:sha256, binary)
        assert value(s, "base64_encode(?)", [bytes]) == Base.encode64(binary)
        assert value(s, "base64url(?)", [bytes]) == Base.url_encode64(binary, padding: false)

        for text <- [Base.encode64(binary), Base.url_encode64(binary, padding: false)] do
          assert value(s, "base64_decode(?)", [text]) == binary
        end
      end

      assert value(s, "sha256(NULL)") == nil
      assert message(s, "base64_decode('a!')") == "this is no base64"
      assert message(s, "sha256(1)") =~ "a number is neither"
    end
  end

  describe "any function" do
    test "answers or fails, whatever it is given", %{s: s} do
      :rand.seed(:exsss, {9, 9, 9})
      known = s |> rows("SELECT name, narg FROM pragma_function_list WHERE type <> 'w' OR 1")
      builtin = connect!() |> rows("SELECT name, narg FROM pragma_function_list")
      ours = Enum.uniq(known -- builtin)
      assert length(ours) > 40

      for _ <- 1..20, [name, arity] <- ours do
        params = for _ <- 1..arity//1, do: any_value()
        marks = Enum.map_join(params, ", ", fn _ -> "?" end)

        case EctoLibSql.query(s, "SELECT #{name}(#{marks})", params) do
          {:ok, %{rows: [[_]]}} -> :ok
          {:error, %Error{code: code}} -> assert code in [:error, :toobig]
        end
      end

      assert value(s, "1") == 1
    end

    defp any_value do
      case :rand.uniform(7) do
        1 -> nil
        2 -> :rand.uniform(1_000) - 500
        3 -> Enum.random([0x7FFFFFFFFFFFFFFF, -0x8000000000000000])
        4 -> Enum.random([1.5, -0.0, :inf, :"-inf", 1.0e308, 5.0e-324])
        5 -> :rand.bytes(:rand.uniform(20))
        6 -> {:blob, :rand.bytes(:rand.uniform(20))}
        7 -> Enum.random(["1e99999999", "-1.5", "((", "\0", "", "[[:alpha:]]", "ß", "{"])
      end
    end
  end
end

defmodule EctoLibSql.ExpandedSqlTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  setup do
    %{s: connect!()}
  end

  defp expanded!(s, sql, params, opts \\ []) do
    {:ok, text} = EctoLibSql.expanded_sql(s, sql, params, opts)
    text
  end

  test "writes values in as SQL does", %{s: s} do
    for {value, literal} <- [
          {nil, "NULL"},
          {true, "1"},
          {-1, "(-1)"},
          {1.5, "1.5"},
          {:inf, "9e999"},
          {:"-inf", "(-9e999)"},
          {"it's", "'it''s'"},
          {"a\0b", "CAST(x'610062' AS TEXT)"},
          {<<255>>, "CAST(x'ff' AS TEXT)"},
          {{:blob, <<0, 255>>}, "x'00ff'"},
          {~D[2026-11-22], "'2026-11-22'"}
        ] do
      assert expanded!(s, "SELECT ?", [value]) == "SELECT " <> literal
    end
  end

  test "knows every way to write a parameter, and what is none", %{s: s} do
    sql = "SELECT ?2, ?, :a, @b, $c, ':x', /* ? */ ?1 -- ?"
    values = ["one", "two", "three", "a", "b", "c"]

    assert expanded!(s, sql, values) ==
             "SELECT 'two', 'three', 'a', 'b', 'c', ':x', /* ? */ 'one' -- ?"

    assert rows(s, expanded!(s, sql, values)) == rows(s, sql, values)
  end

  test "what is written in does not run into what is beside it", %{s: s} do
    sql = "SELECT 1-?,?AS n,?'alias',?||?||?"
    values = [-5, 7, "a", "x", "y", -1]
    assert rows(s, expanded!(s, sql, values)) == rows(s, sql, values)
  end

  test "hides what it is asked to, by name or position", %{s: s} do
    sql = "SELECT :name, :secret, :secret || ?3"

    for names <- [[:secret], ["secret"], [":secret"], [2]] do
      assert expanded!(s, sql, ["Ada", "xyzzy", "z"], redact: names) ==
               "SELECT 'Ada', '[redacted]', '[redacted]' || 'z'"
    end
  end

  test "a name that fits nothing is an error: it may be misspelt", %{s: s} do
    for names <- [[:secrte], [3], ["@secret"]] do
      assert {:error, %Error{code: :invalid_argument, message: message}} =
               EctoLibSql.expanded_sql(s, "SELECT ?, :secret", ["a", "b"], redact: names)

      assert message =~ to_string(hd(names))
    end

    for redact <- [:all, "secret", [nil], [0], [1.5], [:a | :b], [<<255>>]] do
      assert {:error, %Error{code: :invalid_argument, message: "redact takes" <> _}} =
               EctoLibSql.expanded_sql(s, "SELECT ?", ["a"], redact: redact)
    end
  end

  test "hides strings in double quotes where they are strings" do
    sql = ~s(SELECT "secret", ? AS "name")
    s = connect!(double_quoted_strings: true)

    assert expanded!(s, sql, ["x"], redact: true) == "SELECT '[redacted]', ? AS '[redacted]'"
  end

  test "wrong parameters, wrong SQL and too much of it are errors", %{s: s} do
    assert {:error, %Error{code: :parameter_count}} = EctoLibSql.expanded_sql(s, "SELECT ?")
    assert {:error, %Error{code: :error}} = EctoLibSql.expanded_sql(s, "nonsense")
    assert {:error, %Error{code: :empty_statement}} = EctoLibSql.expanded_sql(s, "-- ?")

    assert {:error, %Error{code: :unsupported_parameter}} =
             EctoLibSql.expanded_sql(s, "SELECT ?", [{1, 2}])

    blob = {:blob, :binary.copy(<<0>>, 32 * 1024 * 1024)}

    assert {:error, %Error{code: :toobig}} =
             EctoLibSql.expanded_sql(s, "SELECT ?", [blob])

    assert {:error, %Error{code: :unsupported_parameter, message: message}} =
             EctoLibSql.expanded_sql(s, "SELECT ?", [:secret], redact: true)

    assert message =~ "parameter 1"
  end

  test "nothing is run", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (a)")
    assert expanded!(s, "INSERT INTO t VALUES (?)", [1]) == "INSERT INTO t VALUES (1)"
    assert rows(s, "SELECT count(*) FROM t") == [[0]]
  end
end

# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.ExpandedSqlPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    setup do
      %{s: connect!()}
    end

    defp value do
      one_of([
        constant(nil),
        integer(-0x8000000000000000..0x7FFFFFFFFFFFFFFF),
        float(),
        binary(),
        string(:printable),
        string([?', ?", ?-, ?/, ?*, ??, ?:, ?a, 0, ?\n]),
        tuple({constant(:blob), binary()})
      ])
    end

    # What may stand between two parameters.
    defp between do
      member_of([
        ", ",
        ",",
        " , -- ?, :a '\n",
        " /* ? ' :a */, ",
        ", '?', ",
        ", ':a''?' AS [?], "
      ])
    end

    property "expanded SQL gives the rows that the statement gives", %{s: s} do
      check all(
              values <- list_of(value(), min_length: 1, max_length: 10),
              separators <- list_of(between(), length: length(values)),
              sign <- member_of(["?", ":"])
            ) do
        sql = statement(values, separators, sign)
        {:ok, text} = EctoLibSql.expanded_sql(s, sql, values)
        assert rows(s, text) === rows(s, sql, values)
      end
    end

    property "no secret is in what was redacted", %{s: s} do
      check all(
              secrets <-
                list_of(string(?a..?z, min_length: 12, max_length: 20),
                  min_length: 1,
                  max_length: 5
                ),
              separators <- list_of(between(), length: length(secrets)),
              prefix <- member_of(["", "x ' -- ", "/* \0", "'; "]),
              sign <- member_of(["?", ":"])
            ) do
        values = Enum.map(secrets, &(prefix <> &1))
        sql = statement(values, separators, sign)
        literal = "'" <> String.replace(hd(secrets), "'", "''") <> "'"

        {:ok, named} =
          EctoLibSql.expanded_sql(s, sql, values, redact: Enum.to_list(1..length(values)))

        {:ok, all} =
          EctoLibSql.expanded_sql(
            s,
            "#{sql}, #{literal} AS [s], x'#{Base.encode16(hd(secrets))}' /* #{hd(secrets)} */",
            values,
            redact: true
          )

        for secret <- secrets do
          refute named =~ secret
          refute all =~ secret
          refute all =~ Base.encode16(secret)
          refute named =~ Base.encode16(secret, case: :lower)
        end
      end
    end

    property "any text and any names are answered, right or with an error", %{s: s} do
      check all(
              sql <- one_of([binary(), string([?', ?", ??, ?:, ?a, ?(, ?-, ?*, ?/, ?\s, ?,])]),
              prefix <- member_of(["", "SELECT ", "SELECT ?, "]),
              values <- list_of(value(), max_length: 3),
              redact <- one_of([boolean(), list_of(one_of([binary(), integer()]), max_length: 2)])
            ) do
        case EctoLibSql.expanded_sql(s, prefix <> sql, values, redact: redact) do
          {:ok, text} -> assert is_binary(text)
          {:error, error} -> assert %EctoLibSql.Error{} = error
        end
      end
    end

    defp statement(values, separators, sign) do
      marks =
        for {_value, index} <- Enum.with_index(values, 1),
            do: if(sign == "?", do: "?", else: ":p#{index}")

      [last | others] = Enum.reverse(Enum.zip(marks, separators))
      parts = for {mark, separator} <- Enum.reverse(others), do: mark <> separator
      "SELECT " <> Enum.join(parts) <> elem(last, 0)
    end
  end
end

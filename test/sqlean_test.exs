defmodule EctoLibSql.SqleanTest do
  # Another build of the library: `config :ecto_libsql, sqlean: true`.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.Error

  @moduletag :sqlean

  setup do: %{s: connect!()}

  # A few of each group: expression, value.
  @known [
    {"hex(sha256('abc'))", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
    {"hex(md5('abc'))", "900150983CD24FB0D6963F7D28E17F72"},
    {"hex(sha1('abc'))", "A9993E364706816ABA3E25717850C26C9CD0D89D"},
    {"math_round(pi(), 2)", 3.14},
    {"math_floor(2.7)", 2.0},
    {"regexp_like('the year is 2021', '[0-9]+')", 1},
    {"regexp_substr('the year is 2021', '[0-9]+')", "2021"},
    {"regexp_capture('a1b2', '([a-z])(\\d)', 2)", "1"},
    {"regexp_replace('a1b2', '[0-9]', '#')", "a#b#"},
    {"'the year is 2021' REGEXP '[0-9]+'", 1},
    {"(SELECT median(value) FROM generate_series(1, 99))", 50.0},
    {"(SELECT stats_p25(value) FROM stats_seq(1, 5))", 2.0},
    {"uuid_str(uuid_blob('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'))",
     "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {"length(uuid4())", 36},
    {"substr(uuid7(), 15, 1)", "7"}
  ]

  for {expression, value} <- @known do
    test "#{expression}", %{s: s} do
      assert rows(s, "SELECT " <> unquote(expression)) == [[unquote(value)]]
    end
  end

  test "are had by every connection, and after a reset", %{s: s} do
    :ok = EctoLibSql.reset_connection(s)
    assert [[_]] = rows(s, "SELECT sqlean_version()")
    assert [[_]] = rows(connect!(), "SELECT sqlean_version()")
  end

  test "those that touch files, run SQL, or read past what they are given are not there", %{s: s} do
    for call <- [
          "readfile('/etc/hostname')",
          "writefile('/tmp/x', 'y')",
          "fileio_read('/etc/hostname')",
          "fileio_write('/tmp/x', 'y')",
          "eval('SELECT 1')",
          "define('f', '1')",
          "encode('abc', 'base85')",
          "decode('zzzz', 'base85')",
          "crypto_encode('abc', 'base85')",
          "crypto_decode('zzzz', 'base85')",
          "text_length('abc')",
          "repeat('a', 2000000000)",
          "levenshtein('a', 'b')"
        ] do
      assert {:error, %Error{message: message}} = EctoLibSql.query(s, "SELECT " <> call)
      assert message =~ "no such function"
    end
  end

  test "the functions of this library go over those of the same name", %{s: s} do
    assert rows(s, "SELECT ecto_decimal_sum(v) FROM (SELECT '0.1' AS v UNION ALL SELECT '0.2')") ==
             [["0.3"]]
  end

  test "a copy of a connection for the sandbox has them, and views may use them", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE VIEW hashed AS SELECT hex(md5('abc')) AS h")
    assert [["900150983CD24FB0D6963F7D28E17F72"]] = rows(s, "SELECT h FROM hashed")
  end
end

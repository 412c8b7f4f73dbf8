defmodule EctoLibSql.CreateTableTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.{CreateTable, SqlTokens}
  alias EctoLibSql.CreateTable.Column

  doctest EctoLibSql.CreateTable
  doctest EctoLibSql.Identifier
  doctest EctoLibSql.SqlTokens

  defp parse!(sql) do
    {:ok, table} = CreateTable.parse(sql)
    table
  end

  defp to_sql(table, name \\ "t"), do: IO.iodata_to_binary(CreateTable.to_sql(table, name))

  test "every constraint of a column" do
    table =
      parse!("""
      CREATE TABLE t (
        a INTEGER PRIMARY KEY DESC ON CONFLICT FAIL AUTOINCREMENT,
        b VARCHAR (20) NOT NULL ON CONFLICT IGNORE DEFAULT -1.5e-3 UNIQUE ON CONFLICT ABORT,
        c DEFAULT 'x, (y)' COLLATE nocase NULL,
        d AS (b || ',') STORED,
        e INT GENERATED ALWAYS AS (1),
        f BLOB DEFAULT x'0F' CHECK (f <> ')'), -- a comment, with a comma
        g DEFAULT (1 + (2)) REFERENCES p (x) ON DELETE SET NULL ON UPDATE NO ACTION MATCH FULL
          NOT DEFERRABLE INITIALLY DEFERRED,
        h REFERENCES "q" DEFERRABLE INITIALLY DEFERRED NOT NULL,
        i "double" precision DEFAULT CURRENT_TIMESTAMP
      )
      """)

    kinds = for column <- table.columns, do: Enum.map(column.constraints, & &1.kind)

    assert kinds == [
             [:primary_key],
             [:not_null, :default, :unique],
             [:default, :collate, :null],
             [:generated],
             [:generated],
             [:default, :check],
             [:default, :foreign_key],
             [:foreign_key, :not_null],
             [:default]
           ]

    assert Enum.map(table.columns, & &1.type) ==
             ["INTEGER", "VARCHAR (20)", "", "", "INT", "BLOB", "", "", ~s("double" precision)]

    assert [%{columns: ["g"], table: "p", deferred?: false}, %{table: "q", deferred?: true}] =
             CreateTable.foreign_keys(table)
  end

  test "every constraint of a table, with and without commas between them" do
    table =
      parse!("""
      CREATE TABLE t (a, b, CONSTRAINT "the key" PRIMARY KEY (a COLLATE nocase DESC, b) ON CONFLICT ROLLBACK
      UNIQUE (b), CHECK (a > b) CONSTRAINT fk FOREIGN KEY (a, b) REFERENCES p ON DELETE CASCADE)
      """)

    assert [
             %{kind: :primary_key, name: "the key", columns: ["a", "b"]},
             %{kind: :unique, columns: ["b"]},
             %{kind: :check, expression: "a > b"},
             %{kind: :foreign_key, name: "fk", columns: ["a", "b"]}
           ] = table.constraints

    assert {["a", "b"], %{name: "the key"}} = CreateTable.primary_key(table)
  end

  test "options" do
    table = parse!("CREATE TABLE t (a) strict , without /* x */ rowid")
    assert CreateTable.option?(table, "STRICT")
    assert CreateTable.option?(table, "WITHOUT ROWID")
    refute CreateTable.option?(table, "RANDOM ROWID")
    refute CreateTable.rowid?(table)
  end

  test "which column is the rowid" do
    rowid = fn sql -> with %{name: name} <- CreateTable.rowid_alias(parse!(sql)), do: name end
    assert rowid.("CREATE TABLE t (a integer PRIMARY KEY, b)") == "a"
    assert rowid.("CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a DESC))") == "a"
    assert rowid.("CREATE TABLE t (a INTEGER PRIMARY KEY DESC)") == nil
    assert rowid.("CREATE TABLE t (a INT PRIMARY KEY)") == nil
    assert rowid.("CREATE TABLE t (a INTEGER PRIMARY KEY) WITHOUT ROWID") == nil
    assert rowid.("CREATE TABLE t (a INTEGER, b, PRIMARY KEY (a, b))") == nil
  end

  test "names in all of SQLite's quotes, with what is not ASCII" do
    table = parse!(~s|CREATE TABLE [a]("b""c" INT, `d`, [e f], 'g', größe TEXT)|)
    assert table.name == "a"
    assert Enum.map(table.columns, & &1.name) == [~s(b"c), "d", "e f", "g", "größe"]
  end

  test "comes out word for word, except for the name" do
    for body <- [
          "(a INT /* c */ DEFAULT ( 1 ), b)",
          "(a INT PRIMARY KEY, CONSTRAINT x CHECK (a  >  1)) WITHOUT ROWID"
        ] do
      assert to_sql(parse!("CREATE TABLE t " <> body)) == "CREATE TABLE t " <> body
    end

    assert to_sql(parse!("CREATE TEMP TABLE x (a)")) == "CREATE TEMPORARY TABLE t (a)"
  end

  test "a column that changes" do
    [column] = parse!("CREATE TABLE t (a INT /* c */ NOT NULL DEFAULT 1)").columns
    assert to_iodata(Column.drop(column, :default)) == ~s("a" INT NOT NULL)
    assert to_iodata(Column.put_type(column, "TEXT")) == ~s("a" TEXT NOT NULL DEFAULT 1)
    assert to_iodata(Column.add(column, " CHECK (a)")) == ~s["a" INT NOT NULL DEFAULT 1 CHECK (a)]
    assert to_iodata(Column.drop(column, :unique)) == "a INT /* c */ NOT NULL DEFAULT 1"
  end

  defp to_iodata(column), do: IO.iodata_to_binary(Column.to_sql(column))

  test "what is no table is none" do
    for sql <- [
          "CREATE VIRTUAL TABLE t USING fts5 (a)",
          "CREATE VIEW v AS SELECT 1",
          "CREATE TABLE t (a, b",
          "CREATE TABLE t ()",
          "CREATE TABLE",
          ""
        ],
        do: assert(CreateTable.parse(sql) == :error)
  end

  # What SQLite itself reads of a table is what is read here.
  test "agrees with SQLite" do
    {:ok, s} = EctoLibSql.connect(database: ":memory:")

    for sql <- [
          "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT NOT NULL DEFAULT 'it''s', c)",
          "CREATE TABLE t (a VARCHAR(10) DEFAULT +1, b DECIMAL(10, 2), PRIMARY KEY (b, a))",
          "CREATE TABLE t (a INT REFERENCES p(x), b INT, FOREIGN KEY (a, b) REFERENCES q (y, z))"
        ] do
      EctoLibSql.query!(s, "DROP TABLE IF EXISTS t")
      EctoLibSql.query!(s, sql)

      table =
        parse!(
          EctoLibSql.query!(s, "SELECT sql FROM sqlite_schema WHERE name = 't'").rows
          |> hd()
          |> hd()
        )

      {:ok, columns} = EctoLibSql.Pragma.table_info(s, "t")

      assert Enum.map(table.columns, &{&1.name, &1.type}) ==
               Enum.map(columns, &{&1.name, &1.type})

      {keys, _} = CreateTable.primary_key(table)

      assert keys ==
               for(c <- Enum.sort_by(columns, & &1.primary_key), c.primary_key > 0, do: c.name)

      {:ok, listed} = EctoLibSql.Pragma.foreign_key_list(s, "t")

      assert table |> CreateTable.foreign_keys() |> Enum.flat_map(& &1.columns) |> length() ==
               length(listed)

      # And it reads what is written here.
      EctoLibSql.query!(s, "DROP TABLE t")
      EctoLibSql.query!(s, to_sql(table))
      assert {:ok, ^columns} = EctoLibSql.Pragma.table_info(s, "t")
    end
  end

  test "tokens hold the whole text" do
    sql = "SELECT 'a''b', \"c\"\"d\", [e], `f`, x'00', 1.5e3 -- end\n/* open"
    tokens = SqlTokens.tokenize(sql)
    assert SqlTokens.text(tokens) <> " -- end\n/* open" == sql
    assert SqlTokens.split_group(SqlTokens.tokenize("(a (b) c) d")) |> elem(1) |> length() == 1
    assert SqlTokens.split_group(SqlTokens.tokenize("(a (b)")) == :error
  end
end

defmodule EctoLibSql.Server.FTSTest do
  # FTS5 at a server, and over a replica, whose searches are local and whose writes are the server's.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2]

  alias EctoLibSql.{Error, FTS}
  alias EctoLibSql.FTS.Expression
  alias EctoLibSql.Test.{Replicas, Sqld}

  @moduletag :sqld
  @moduletag :tmp_dir
  @moduletag :capture_log

  setup_all do
    %{server: Sqld.start!()}
  end

  setup context do
    table = "posts#{System.unique_integer([:positive])}"
    s = Replicas.primary!(context)
    definition = "(id INTEGER PRIMARY KEY, slug TEXT UNIQUE, title TEXT, body TEXT)"
    :ok = EctoLibSql.run(s, "CREATE TABLE #{table} #{definition}")
    :ok = EctoLibSql.run(s, "INSERT INTO #{table} VALUES (1, 'a', 'Red wine', 'of Burgundy')")
    %{s: s, table: table, fts: "#{table}_fts"}
  end

  defp create(%{fts: fts, table: table}, s, opts \\ []),
    do: FTS.create(s, fts, [content: table, columns: [:title, :body]] ++ opts)

  defp found(s, fts, searched) do
    {:ok, %{rows: rows}} = FTS.query(s, fts, searched, select: [:rowid])
    rows |> List.flatten() |> Enum.sort()
  end

  test "an index follows its rows", %{s: s, table: table, fts: fts} = context do
    assert create(context, s, tokenize: {:porter, {:unicode61, tokenchars: "'\""}}) == :ok
    assert found(s, fts, "wines") == [1]
    :ok = EctoLibSql.run(s, "INSERT INTO #{table} VALUES (2, 'b', 'Beer', NULL)")
    assert EctoLibSql.last_insert_rowid(s) == 2
    :ok = EctoLibSql.run(s, "REPLACE INTO #{table} VALUES (3, 'a', 'Port', 'of Porto')")
    assert {found(s, fts, "wine"), found(s, fts, "port")} == {[], [3]}
    :ok = EctoLibSql.run(s, "INSERT OR IGNORE INTO #{table} VALUES (2, 'z', 'Ignored', NULL)")
    :ok = EctoLibSql.run(s, "UPDATE #{table} SET rowid = 9, title = 'Ale' WHERE id = 2")
    assert {found(s, fts, "beer ignored"), found(s, fts, "ale")} == {[], [9]}
    assert FTS.integrity_check(s, fts) == :ok
    assert FTS.drop(s, fts) == :ok
    assert rows(s, "SELECT count(*) FROM #{table}") == [[2]]
  end

  test "searches select, rank and say what is wrong", %{s: s, fts: fts} = context do
    :ok = create(context, s)
    select = [:rowid, {:highlight, :title, "<", "'>"}, {:snippet, :any, "[", "]", "…", 4}]

    assert {:ok, %{rows: [[1, "Red <wine'>", "Red [wine]"]]}} =
             FTS.query(s, fts, "wine", select: select)

    assert found(s, fts, Expression.near(["of", "burgundy"], 0)) == [1]
    assert found(s, fts, ~S[title:red " AND ( \0 NEAR(]) == []
    assert {:ok, %{rows: [_]}} = FTS.query(s, fts, "wine", weights: [10.0, 0.5], limit: 1)

    assert {:error, %Error{message: message}} = FTS.query(s, fts, Expression.raw("AND"))
    assert message =~ ~S(fts5: syntax error near "AND")

    for select <- [[:titel], [{:highlight, :titel, "", ""}]] do
      assert {:error, %Error{message: message}} = FTS.query(s, fts, "wine", select: select)
      assert message =~ "no such column: #{fts}.titel"
    end
  end

  test "what cannot be indexed is refused, and nothing is made", %{s: s, table: table, fts: fts} do
    assert {:error, %Error{code: :invalid_argument, message: message}} =
             FTS.create(s, fts, content: table, columns: [:titel])

    assert message =~ "it has no column titel"
    :ok = EctoLibSql.run(s, "CREATE TABLE #{table}_w (k PRIMARY KEY, a) WITHOUT ROWID")

    assert {:error, %Error{message: message}} =
             FTS.create(s, fts, content: "#{table}_w", columns: [:a])

    assert message =~ "WITHOUT ROWID"
    assert rows(s, "SELECT name FROM sqlite_schema WHERE name LIKE '#{fts}%'") == []
  end

  test "maintenance", %{s: s, table: table, fts: fts} = context do
    :ok = create(context, s)
    assert FTS.optimize(s, fts) == :ok
    assert FTS.set(s, fts, :automerge, 4) == :ok
    assert {:ok, %{"automerge" => 4}} = FTS.config(s, fts)
    :ok = EctoLibSql.run(s, "DROP TRIGGER #{fts}_after_update")
    :ok = EctoLibSql.run(s, "UPDATE #{table} SET title = 'Cider'")
    assert {:error, %Error{code: code}} = FTS.integrity_check(s, fts)
    assert code in [:corrupt, :corrupt_vtab]
    assert FTS.rebuild(s, fts) == :ok
    assert {FTS.integrity_check(s, fts), found(s, fts, "cider")} == {:ok, [1]}
  end

  test "every kind of table and tokenizer that a server has", %{s: s, fts: fts} do
    for opts <- [
          [tokenize: {:unicode61, remove_diacritics: 2, categories: ["L*"]}],
          [tokenize: :trigram],
          [tokenize: {:trigram, remove_diacritics: true}],
          [tokenize: :ascii, prefix: [2, 3], detail: :column],
          [contentless: true],
          [contentless: :delete]
        ] do
      assert FTS.create(s, fts, [columns: [:text, note: :unindexed]] ++ opts) == :ok
      :ok = EctoLibSql.run(s, "INSERT INTO #{fts} (rowid, text) VALUES (7, 'sailing')")
      assert {opts, found(s, fts, "sail*")} == {opts, [7]}
      assert FTS.drop(s, fts) == :ok
    end
  end

  test "over a replica", %{table: table, fts: fts} = context do
    s = Replicas.connect!(context)
    assert create(context, s) == :ok
    assert found(s, fts, "wine") == [1]
    :ok = EctoLibSql.run(s, "REPLACE INTO #{table} VALUES (1, 'a', 'Port', 'of Porto')")
    assert {found(s, fts, "wine"), found(s, fts, "port")} == {[], [1]}
    :ok = EctoLibSql.run(context.s, "INSERT INTO #{table} VALUES (2, 'b', 'Cider', NULL)")
    {:ok, _} = EctoLibSql.sync(s)
    assert found(s, fts, "cider") == [2]
    assert FTS.integrity_check(s, fts) == :ok
    assert FTS.optimize(s, fts) == :ok
    assert FTS.drop(s, fts) == :ok
  end
end

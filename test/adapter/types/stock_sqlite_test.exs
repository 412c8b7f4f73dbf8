defmodule Ecto.Adapters.LibSql.Types.StockSQLiteTest do
  use EctoLibSql.TypesCase

  # Files of the adapter belong to every SQLite: here the one that Python brings.

  @python System.find_executable("python3")
  @has_sqlite @python && match?({_, 0}, System.cmd(@python, ["-c", "import sqlite3"]))

  unless @has_sqlite, do: @moduletag(skip: "needs python3 with its sqlite3")

  @script """
  import json, sqlite3, sys
  db = sqlite3.connect(sys.argv[1])
  db.execute("PRAGMA integrity_check").fetchone() == ("ok",) or sys.exit("integrity")
  db.execute("UPDATE things SET string = 'from python'")
  db.commit()
  row = db.execute('SELECT typeof("decimal"), "decimal", typeof("binary"), "utc_usec", "map", "date" FROM things').fetchone()
  order = [r[0] for r in db.execute('SELECT id FROM indexed ORDER BY amount')]
  schema = [r[0] for r in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]
  print(json.dumps({"row": row, "order": order, "schema": schema}))
  """

  @tag :tmp_dir
  @tag repo: []
  test "another program opens, reads and writes the file", %{tmp_dir: dir} do
    path = Path.join(dir, "types.db")
    stop_supervised!(Repo)
    start_repo(database: path)

    Repo.insert!(%Thing{
      decimal: Decimal.new("12345678901234567890.10"),
      binary: "bytes",
      utc_usec: ~U[2026-11-21 13:05:00.000001Z],
      map: %{"a" => 1},
      date: ~D[2026-11-21]
    })

    amount = Types.column_type(:decimal, precision: 10, scale: 2)
    Repo.query!("CREATE TABLE indexed (id INTEGER PRIMARY KEY, amount #{amount} UNIQUE)")
    Repo.query!("CREATE INDEX indexed_amount ON indexed (amount)")
    Repo.query!("INSERT INTO indexed VALUES (1, '10'), (2, '9')")
    stop_supervised!(Repo)

    assert {output, 0} =
             System.cmd(@python || "python3", ["-c", @script, path], stderr_to_stdout: true)

    {:ok, answer} = Types.Json.decode(output)

    assert answer["row"] == [
             "text",
             "12345678901234567890.10",
             "blob",
             "2026-11-21T13:05:00.000001",
             ~s({"a":1}),
             "2026-11-21"
           ]

    refute Enum.any?(answer["schema"], &(&1 =~ ~r/ecto_/i))

    start_supervised!({Repo, database: path, pool_size: 1, log: false})
    assert %{string: "from python", map: %{"a" => 1}} = Repo.one!(Thing)
  end
end

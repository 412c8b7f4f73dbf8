defmodule EctoLibSql.FTS.Triggers do
  @moduledoc false
  # The triggers that keep an FTS5 table in step with its content table.
  #
  # To take a row out of such an index, FTS5 is told what the row said. INSERT OR REPLACE and UPDATE OR
  # REPLACE delete rows that are in the way, and run no triggers for them. So a trigger before each writes
  # those rows down (in a table of its own, NAME_replaced), and the trigger afterwards takes those out of the
  # index that are gone: none are where the statement ignored the conflict, or became an update.
  # (With `PRAGMA recursive_triggers` the deletions do run triggers, which cross their rows off.)

  alias EctoLibSql.FTS.{Content, Table}

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, quote_names: 1]

  @events ~w(before_insert after_insert before_update after_update after_delete)

  @spec create(Table.t(), Content.t()) :: [iodata()]
  def create(%Table{} = table, %Content{} = content) do
    columns = Table.indexed(table)

    sql = %{
      table: table,
      fts: quote_name(table.name),
      content: quote_name(table.content),
      key: quote_name(content.key),
      replaced: quote_name(replaced(table)),
      columns: Enum.map(columns, &[", " | quote_name(&1)]),
      new: Enum.map(columns, &[", new." | quote_name(&1)]),
      old: Enum.map(columns, &[", old." | quote_name(&1)]),
      conflicts: conflicts(content),
      watched: watched(content)
    }

    [kept_rows(table, columns) | Enum.map(@events, &trigger(&1, sql))]
  end

  @spec drop(Table.t()) :: [iodata()]
  def drop(%Table{database: database} = table) do
    triggers =
      for event <- @events,
          do: ["DROP TRIGGER IF EXISTS ", quote_name(database, "#{table.name}_#{event}")]

    triggers ++ [["DROP TABLE IF EXISTS ", quote_name(database, replaced(table))]]
  end

  @doc "The table that the rows which REPLACE may delete are written down in."
  @spec replaced(Table.t()) :: String.t()
  def replaced(%Table{name: name}), do: name <> "_replaced"

  # Its values are to be those of the rows: columns without a type change none.
  defp kept_rows(%Table{database: database} = table, columns) do
    name = quote_name(database, replaced(table))
    ["CREATE TABLE ", name, " (\"rowid\" INTEGER PRIMARY KEY, ", quote_names(columns), ?)]
  end

  defp conflicts(%Content{unique: unique, rowid: rowid}) do
    rowids = for name <- List.wrap(rowid), do: [quote_name(name), " = new.", quote_name(name)]
    Enum.map_intersperse(rowids ++ unique, " OR ", &[?(, &1, ?)])
  end

  defp watched(%Content{watched: :all}), do: []
  defp watched(%Content{watched: columns}), do: [" OF ", quote_names(columns)]

  defp trigger("before_insert" = event, sql),
    do: trigger(event, " BEFORE INSERT ON ", sql, keep(sql, []))

  defp trigger("after_insert" = event, sql),
    do: trigger(event, " AFTER INSERT ON ", sql, [take_out_replaced(sql), insert(sql)])

  defp trigger("before_update" = event, sql) do
    others = [" AND ", sql.key, " <> old.", sql.key]
    trigger(event, [" BEFORE UPDATE", sql.watched, " ON "], sql, keep(sql, others))
  end

  defp trigger("after_update" = event, sql) do
    steps = [take_out_replaced(sql), delete(sql), insert(sql)]
    trigger(event, [" AFTER UPDATE", sql.watched, " ON "], sql, steps)
  end

  defp trigger("after_delete" = event, sql) do
    cross_off = ["DELETE FROM ", sql.replaced, " WHERE \"rowid\" = old.", sql.key, "; "]
    trigger(event, " AFTER DELETE ON ", sql, [cross_off, delete(sql)])
  end

  defp trigger(event, on, %{table: table} = sql, steps) do
    name = quote_name(table.database, "#{table.name}_#{event}")
    ["CREATE TRIGGER ", name, on, sql.content, " BEGIN ", steps, "END"]
  end

  defp keep(sql, others) do
    [
      ["DELETE FROM ", sql.replaced, "; "],
      ["INSERT INTO ", sql.replaced, " (\"rowid\"", sql.columns, ") SELECT ", sql.key],
      [sql.columns, " FROM ", sql.content, " WHERE (", sql.conflicts, ?), others, "; "]
    ]
  end

  defp take_out_replaced(sql) do
    there = ["SELECT 1 FROM ", sql.content, " AS c WHERE c.", sql.key, " = r.\"rowid\""]

    [
      [take_out(sql), " SELECT 'delete', r.\"rowid\""],
      [sql.columns, " FROM ", sql.replaced, " AS r WHERE r.\"rowid\" = new.", sql.key],
      [" OR NOT EXISTS (", there, "); DELETE FROM ", sql.replaced, "; "]
    ]
  end

  defp insert(sql) do
    ["INSERT INTO ", sql.fts, " (rowid", sql.columns, ") VALUES (new.", sql.key, sql.new, "); "]
  end

  defp delete(sql), do: [take_out(sql), " VALUES ('delete', old.", sql.key, sql.old, "); "]

  # FTS5's command to take a row out: a row with the command in the column that has the table's name.
  defp take_out(sql), do: ["INSERT INTO ", sql.fts, " (", sql.fts, ", rowid", sql.columns, ?)]
end

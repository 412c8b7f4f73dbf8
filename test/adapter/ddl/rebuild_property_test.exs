if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.RebuildPropertyTest do
    # Whatever a table is like, a rebuild that changes nothing changes nothing.
    use EctoLibSql.MigrationCase, async: true
    use ExUnitProperties

    alias EctoLibSql.Test.Mode

    @names ["a", "b b", "Select", "größe", ~s(q"uote), "rowid"]

    defp quoted(name), do: ~s("#{String.replace(name, "\"", "\"\"")}")

    defp column(name) do
      gen all(
            type <-
              member_of(["", "INTEGER", "TEXT", "REAL", "BLOB", "VARCHAR(10)", "DECIMAL(5, 2)"]),
            constraints <-
              list_of(
                member_of([
                  "DEFAULT 'it''s -- (no)'",
                  "DEFAULT (1 + 2)",
                  "DEFAULT -1.5",
                  "NOT NULL DEFAULT x'00'",
                  "COLLATE NOCASE",
                  "CONSTRAINT \"a check\" CHECK (#{quoted(name)} IS NOT ',)')",
                  "REFERENCES parents (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
                  "/* , */ NULL"
                ]),
                max_length: 3
              )
          ) do
        Enum.join([quoted(name), type | Enum.uniq_by(constraints, &hd(String.split(&1)))], " ")
      end
    end

    defp table do
      gen all(
            count <- integer(2..5),
            shuffled <- shuffle(@names),
            names = Enum.take(shuffled, count),
            columns <- fixed_list(Enum.map(names, &column/1)),
            key <- member_of([:none, :autoincrement, :composite, :without_rowid]),
            unique? <- boolean(),
            generated? <- boolean()
          ) do
        [first, second | _] = Enum.map(names, &quoted/1)

        {columns, options} =
          case key do
            :none ->
              {columns, ""}

            :autoincrement ->
              {["id INTEGER PRIMARY KEY AUTOINCREMENT" | columns], ""}

            :composite ->
              {columns ++ ["PRIMARY KEY (#{first}, #{second} DESC)"], ""}

            :without_rowid ->
              {columns ++ ["CONSTRAINT pk PRIMARY KEY (#{first})"], "WITHOUT ROWID"}
          end

        generated = "made TEXT GENERATED ALWAYS AS (coalesce(#{first}, '') || ')') STORED"
        constraint? = &(&1 =~ ~r/\A(PRIMARY|CONSTRAINT)/)
        {columns, constraints} = Enum.split_with(columns, &(not constraint?.(&1)))
        columns = if generated?, do: columns ++ [generated], else: columns

        constraints =
          if unique?, do: constraints ++ ["UNIQUE (#{second}, #{first})"], else: constraints

        %{
          sql: "CREATE TABLE t (#{Enum.join(columns ++ constraints, ", ")}) #{options}",
          names: names,
          rowid?: key != :without_rowid and "rowid" not in names,
          indexes: [
            "CREATE INDEX t_plain ON t (#{first} COLLATE NOCASE, #{second} DESC)",
            "CREATE UNIQUE INDEX \"t expr\" ON t (length(#{first}), #{second}) WHERE #{second} > 5"
          ]
        }
      end
    end

    defp value do
      one_of([
        constant(nil),
        integer(),
        float(),
        string(:printable, max_length: 5),
        map(bytes(), &{:blob, &1})
      ])
    end

    # The generated column makes text of them, and a server has text in UTF-8 only.
    defp bytes do
      if Mode.mode() == :local,
        do: binary(max_length: 5),
        else: string(:printable, max_length: 5)
    end

    defp insert(table, rows) do
      names = Enum.map_join(table.names, ", ", &quoted/1)
      marks = Enum.map_join(table.names, ", ", fn _ -> "?" end)
      sql = "INSERT OR IGNORE INTO t (#{names}) VALUES (#{marks})"
      for row <- rows, do: Repo.query(sql, Enum.take(row, length(table.names)))
    end

    defp state(table) do
      rowid = if table.rowid?, do: "rowid, ", else: ""

      indexes =
        Enum.sort(rows("SELECT name, \"unique\", origin, partial FROM pragma_index_list('t')"))

      %{
        rows: Enum.sort(rows("SELECT #{rowid}* FROM t")),
        columns: rows("PRAGMA table_xinfo(t)"),
        indexes:
          for([name | _] = index <- indexes, do: {index, rows(~s|PRAGMA index_xinfo("#{name}")|)}),
        keys: rows("PRAGMA foreign_key_list(t)"),
        sequence: sequence()
      }
    end

    # No number given out yet is the same as 0.
    defp sequence do
      with [_] <- rows("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"),
           [[sequence]] <- rows("SELECT seq FROM sqlite_sequence WHERE name = 't'") do
        sequence
      else
        [] -> 0
      end
    end

    property "a rebuild keeps rows, rowids, columns, indexes, keys and the sequence" do
      check all(
              table <- table(),
              rows <- list_of(list_of(value(), length: 5), max_length: 8),
              max_runs: Mode.runs(60)
            ) do
        rows("PRAGMA foreign_keys")
        rows("DROP TABLE IF EXISTS t")
        rows("CREATE TABLE IF NOT EXISTS parents (id PRIMARY KEY)")

        Repo.checkout(fn ->
          rows("PRAGMA foreign_keys = OFF")
          rows(table.sql)
          Enum.each(table.indexes, &rows/1)
          insert(table, rows)
          rows("DELETE FROM t WHERE #{quoted(hd(table.names))} = 0")
          before = state(table)
          sql = sql_of("t")

          migrate(fn -> create constraint(:t, :added, check: "1") end)
          assert sql_of("t") =~ "CHECK (1)"
          assert state(table) == before

          migrate(fn -> drop constraint(:t, :added) end)
          assert state(table) == before
          assert normal(sql_of("t")) == normal(sql)
          assert rows("PRAGMA integrity_check") == [["ok"]]
        end)
      end
    end

    # White space and the name's quotes apart.
    defp normal(sql) do
      for {_kind, text, _lead} <- EctoLibSql.SqlTokens.tokenize(sql) do
        if text == ~s("t"), do: "t", else: text
      end
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Verification do
    @moduledoc false
    # What must hold once a table was changed, and SQLite does not see to: foreign keys, which were
    # not enforced meanwhile, views and triggers that use a removed column, values that the new type
    # does not take.

    alias Ecto.Adapters.LibSql.DDL.{Database, Draft, TableInfo}
    alias EctoLibSql.CreateTable
    alias EctoLibSql.Identifier

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, quote_text: 1]

    @shown 5

    @doc """
    The views of a database that work. (Others may have been broken long before.)
    """
    @spec working_views(Database.t(), String.t()) :: [String.t()]
    def working_views(db, schema) do
      for ["view", name | _] <- Database.objects!(db, schema, "type = 'view'", []),
          view_works(db, schema, name) == :ok,
          do: name
    end

    @doc "Whether a view works; if not, why."
    @spec view_works(Database.t(), String.t(), String.t()) :: :ok | {:error, Exception.t()}
    def view_works(db, schema, view),
      do: Database.compiles(db, ["SELECT * FROM ", quote_name(schema, view)])

    @doc """
    Raises where the changed table leaves something broken.
    """
    @spec run!(Database.t(), Draft.t(), [String.t()]) :: :ok
    def run!(db, %Draft{info: info} = draft, views) do
      Enum.each(views, &view!(db, info, &1))
      if draft.removed != [], do: triggers!(db, draft)
      if Database.foreign_keys?(db), do: foreign_keys!(db, draft)
      :ok
    end

    defp view!(db, info, view) do
      with {:error, error} <- view_works(db, info.schema, view) do
        raise ArgumentError,
              "the view #{view} uses what this takes away (#{Exception.message(error)}); drop it " <>
                "before, and create it again afterwards"
      end
    end

    defp triggers!(db, %Draft{info: info, created: created}) do
      table = quote_name(info.schema, info.name)
      column = quote_name(hd(created.columns).name)

      for statement <- [
            ["INSERT INTO ", table, " DEFAULT VALUES"],
            ["UPDATE ", table, " SET ", column, " = ", column],
            ["DELETE FROM ", table]
          ],
          {:error, error} <- [Database.compiles(db, statement)] do
        raise ArgumentError,
              "a trigger uses what this takes away (#{Exception.message(error)}); drop it before, " <>
                "and create it again afterwards"
      end
    end

    ## Foreign keys

    @doc """
    Raises where a row of the table, or one that refers to it, refers to nothing.
    """
    @spec foreign_keys!(Database.t(), Draft.t()) :: :ok
    def foreign_keys!(db, %Draft{info: info} = draft) do
      children = db |> TableInfo.children(info) |> Enum.map(& &1.table) |> Enum.uniq()

      Enum.each([info.name | children], fn table ->
        case violations(db, draft, table) do
          [] -> :ok
          violations -> violated!(table, violations)
        end
      end)
    end

    defp violations(db, %Draft{info: info} = draft, table) do
      keys = keys(db, info.schema, table)

      for [rowid, parent, id] <- orphans(db, info, table),
          table == info.name or Identifier.same?(parent, info.name),
          name = Enum.at(keys, id),
          name not in draft.unvalidated_keys,
          do: {name, parent, rowid}
    end

    defp orphans(db, info, table) do
      Database.rows!(db, [
        ["SELECT rowid, parent, fkid FROM pragma_foreign_key_check("],
        [quote_text(table), ", ", quote_text(info.schema), ?)]
      ])
    rescue
      error in EctoLibSql.Error ->
        reraise ArgumentError,
                "#{Exception.message(error)}: what a foreign key refers to has to be a primary key " <>
                  "or have a unique index; create that first, or remove the foreign key",
                __STACKTRACE__
    end

    # From the last one, as they are counted.
    defp keys(db, schema, table) do
      where = "type = 'table' AND name = ?1 COLLATE NOCASE"
      [["table", _, _, sql]] = Database.objects!(db, schema, where, [table])

      case CreateTable.parse(sql) do
        {:ok, created} ->
          created
          |> CreateTable.foreign_keys()
          |> Enum.map(&TableInfo.key_name(&1, table))
          |> Enum.reverse()

        :error ->
          []
      end
    end

    @spec violated!(String.t(), [tuple()]) :: no_return()
    defp violated!(table, [{name, parent, _} | _] = violations) do
      rowids = for {^name, _parent, rowid} <- violations, rowid != nil, do: rowid
      where = if rowids == [], do: "", else: " (#{shown(rowids)})"

      raise ArgumentError,
            "foreign key #{name}: rows of #{table}#{where} refer to no row of #{parent}; correct or " <>
              "delete them first"
    end

    defp shown(rowids) do
      more = if length(rowids) > @shown, do: ", ...", else: ""
      "rowid #{rowids |> Enum.take(@shown) |> Enum.join(", ")}#{more}"
    end

    ## Values

    @doc """
    Raises where a column that is to hold numbers, or vectors of a dimension, now holds something else.
    """
    @spec converted!(Database.t(), Draft.t(), iodata()) :: :ok
    def converted!(db, %Draft{converted: converted}, table) do
      Enum.each(converted, fn {name, type} -> converted!(db, table, name, type) end)
    end

    defp converted!(db, table, name, {:vector, size, bytes}) do
      column = quote_name(name)
      other = [" WHERE length(", column, ") <> ", Integer.to_string(bytes)]
      [[count]] = Database.rows!(db, ["SELECT count(*) FROM ", table, other])

      if count > 0 do
        raise ArgumentError,
              "modify #{name}: #{count} vectors have another dimension than #{size}; write them anew " <>
                "first, with execute/1"
      end
    end

    defp converted!(db, table, name, type) do
      column = quote_name(name)

      [[count]] =
        Database.rows!(db, [
          ["SELECT count(*) FROM ", table, " WHERE typeof(", column],
          ") NOT IN ('integer', 'real', 'null')"
        ])

      if count > 0 do
        raise ArgumentError,
              "modify #{name}: #{count} values are no numbers, as the type #{type} wants them; " <>
                "convert them first, with execute/1"
      end
    end
  end
end

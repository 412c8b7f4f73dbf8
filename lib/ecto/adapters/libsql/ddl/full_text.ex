if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.FullText do
    @moduledoc false
    # CREATE and DROP of an FTS5 table, with the triggers that keep it.

    alias Ecto.Adapters.LibSql.DDL.Database
    alias Ecto.Migration.Index
    alias EctoLibSql.FTS.{Content, Statements, Table}

    @spec create!(Database.t(), Index.t(), keyword()) :: :ok
    def create!(db, %Index{} = index, opts) do
      table = index |> table() |> Table.to_create!()

      if not (opts[:if_not_exists] and there?(db, table)),
        do: run!(db, Statements.create(table, content!(db, table)))

      :ok
    end

    @spec drop!(Database.t(), Index.t(), keyword()) :: :ok
    def drop!(db, %Index{} = index, opts), do: run!(db, Statements.drop(table(index), opts))

    # The migration may have a prefix for all that it does.
    defp table(%Index{using: table, prefix: prefix}),
      do: %{table | database: prefix && to_string(prefix)}

    defp there?(db, %Table{name: name, database: database}) do
      Database.objects!(db, database || "main", "name = ?1 COLLATE NOCASE", [name]) != []
    end

    defp content!(_db, %Table{content: nil}), do: nil

    defp content!(db, table) do
      case Content.read(table, &Database.rows!(db, &1, &2)) do
        {:ok, content} -> content
        {:error, reason} -> raise ArgumentError, reason
      end
    end

    defp run!(db, statements),
      do: Database.transaction!(db, fn -> Enum.each(statements, &Database.run!(db, &1)) end)
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Constraints do
    @moduledoc false
    # Constraints that come to a table and go from it, by a rebuild: SQLite has no ADD CONSTRAINT.

    alias Ecto.Adapters.LibSql.DDL.{Alter, Database, Draft, TableInfo}
    alias Ecto.Migration.Constraint
    alias EctoLibSql.CreateTable

    import EctoLibSql.Identifier, only: [quote_name: 1, same?: 2]

    @doc """
    Adds a check.
    """
    @spec create!(Database.t(), Constraint.t()) :: :ok
    def create!(db, %Constraint{check: check} = constraint) do
      draft = db |> TableInfo.fetch!(constraint) |> Draft.new()
      name = to_string(constraint.name)

      if Enum.any?(CreateTable.constraints(draft.created), &named?(&1, name)) do
        raise ArgumentError, "the table has a constraint of this name already; drop it first"
      end

      sql = ["CONSTRAINT ", quote_name(name), " CHECK (", check, ?)]

      %{draft | unvalidated_checks?: constraint.validate == false}
      |> Draft.add_constraints(Alter.parse_constraints(sql))
      |> Draft.rebuild()
      |> Alter.finish!(db)
    end

    @doc """
    Drops a constraint of any kind, by its name. Option: `:if_exists`.
    """
    @spec drop!(Database.t(), Constraint.t(), keyword()) :: :ok
    def drop!(db, %Constraint{} = constraint, opts) do
      draft = db |> TableInfo.fetch!(constraint) |> Draft.new()
      name = to_string(constraint.name)

      case Enum.filter(CreateTable.constraints(draft.created), &dropped?(&1, name, constraint)) do
        [] -> if opts[:if_exists], do: :ok, else: missing!(draft)
        found -> drop(draft, db, name, found)
      end
    end

    defp drop(draft, db, name, found) do
      %{draft | dropped_keys: for({_column, %{kind: :foreign_key}} <- found, do: name)}
      |> Draft.reject_constraints(fn column, constraint -> {column, constraint} in found end)
      |> Draft.rebuild()
      |> Alter.finish!(db)
    end

    defp named?({_column, %{name: nil}}, _name), do: false
    defp named?({_column, %{name: own}}, name), do: same?(own, name)

    # A foreign key without a name has the one that Ecto would give it.
    defp dropped?({column, %{kind: :foreign_key, name: nil} = key}, name, %{table: table}) do
      columns = if column, do: [column.name], else: key.columns
      TableInfo.key_name(%{name: nil, columns: columns}, table) == name
    end

    defp dropped?(constraint, name, _constraint), do: named?(constraint, name)

    @spec missing!(Draft.t()) :: no_return()
    defp missing!(draft) do
      names =
        for {_column, %{name: name}} when name != nil <- CreateTable.constraints(draft.created),
            do: name

      there = if names == [], do: "has no named ones", else: "has #{Enum.join(names, ", ")}"
      raise ArgumentError, "there is no such constraint; the table #{there}"
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Constraints do
    @moduledoc false
    # A violated constraint as Ecto's changesets know it: by kind and name. The names are the
    # declared ones, or else those that Ecto or PostgreSQL give by default.
    # `EctoLibSql.ConstraintNames` finds out what SQLite's message leaves open.

    alias EctoLibSql.Error

    @type constraint :: {:unique | :foreign_key | :check, String.t()}

    @doc """
    The constraints that an exception speaks of, for `c:Ecto.Adapters.SQL.Connection.to_constraints/2`.
    """
    @spec to_constraints(Exception.t(), keyword()) :: [constraint()]
    def to_constraints(%Error{constraint: %{kind: kind} = constraint}, _opts) do
      case named(kind, constraint) do
        {type, name} when is_binary(name) -> [{type, name}]
        _unnamed -> []
      end
    end

    def to_constraints(_exception, _opts), do: []

    defp named(:unique, constraint), do: {:unique, name(constraint, "index")}
    defp named(:primary_key, constraint), do: {:unique, name(constraint, "pkey")}
    defp named(:foreign_key, constraint), do: {:foreign_key, name(constraint, "fkey")}
    defp named(:check, constraint), do: {:check, constraint.name}

    # Changesets have no constraint of this kind; PostgreSQL 18 names it this way, too.
    defp named(:not_null, constraint), do: {:check, name(constraint, "not_null")}
    defp named(_kind, _constraint), do: []

    defp name(%{name: name}, _suffix) when is_binary(name), do: name
    defp name(%{table: nil}, _suffix), do: nil
    defp name(%{table: table}, "pkey"), do: "#{table}_pkey"

    defp name(%{table: table, columns: [_ | _] = columns}, suffix),
      do: Enum.join([table] ++ columns ++ [suffix], "_")

    defp name(_constraint, _suffix), do: nil
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Constraints do
    @moduledoc """
    Violated constraints, as changesets know them.

    | violated | function | name, unless one was declared |
    |---|---|---|
    | a unique index | `unique_constraint/3` | the index's: `posts_slug_index` |
    | UNIQUE of a table | `unique_constraint/3` | `posts_slug_index` |
    | a primary key | `unique_constraint/3` | `posts_pkey` |
    | a foreign key | `foreign_key_constraint/3`, `assoc_constraint/3`, `no_assoc_constraint/3` | `posts_author_id_fkey` |
    | CHECK | `check_constraint/3` | its expression |
    | NOT NULL | `check_constraint/3` | `posts_title_not_null` |

    SQLite names neither a unique index nor a foreign key: once a statement has failed, its connection
    finds out. For a foreign key, where there are several candidates, that means to run the statement
    once more in a savepoint, with its keys deferred, and to look for rows that refer to nothing. So
    such an error takes longer than another, the more so in large tables without an index on the key.

    A deferred foreign key that is violated at the end of a transaction is an `EctoLibSql.Error` of the
    commit, with its name in `constraint`.
    """

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

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.OnConflict do
    @moduledoc false
    # ON CONFLICT.

    alias Ecto.Adapters.LibSql.SQL.{Changes, Condition, Correlation, Name, QueryError, Scope}

    @type t :: Ecto.Adapter.Schema.on_conflict()

    @constraint ~r/\A\s*ON\s+CONSTRAINT\b/i

    @doc "The alias by which a query of the clause calls the row that is there."
    @spec table_alias(t()) :: iodata()
    def table_alias({%Ecto.Query{} = query, _, _}),
      do: [" AS " | Scope.alias_of(Scope.new(query), 0)]

    def table_alias(_on_conflict), do: []

    @doc "The clause, whose parameters follow those of the rows, where that is known."
    @spec clause(t(), non_neg_integer() | nil) :: iodata()
    def clause({:raise, _, []}, _next), do: []
    def clause({:nothing, _, target}, _next), do: [" ON CONFLICT ", target(target) | "DO NOTHING"]

    def clause({fields, _, target}, _next) when is_list(fields) do
      changes =
        Enum.map_intersperse(fields, ", ", fn field ->
          name = Name.quote_name(field)
          [name, " = excluded." | name]
        end)

      [" ON CONFLICT ", target(target), "DO UPDATE SET " | changes]
    end

    def clause({%Ecto.Query{} = query, _, target}, next) do
      check!(query)
      scope = numbered(query, next)

      [
        [" ON CONFLICT ", target(target), "DO UPDATE SET ", Changes.set(scope)],
        Condition.where(query.wheres, scope)
      ]
    end

    defp target([]), do: []

    defp target({:unsafe_fragment, fragment}) do
      if Regex.match?(@constraint, fragment) do
        raise ArgumentError,
              "SQLite has no ON CONFLICT ON CONSTRAINT: the conflict_target has to name the " <>
                "columns or expressions of a unique index, got: #{inspect(fragment)}"
      end

      [fragment, ?\s]
    end

    defp target(columns), do: [?(, Name.quote_names(columns), ") "]

    defp check!(query) do
      if query.joins != [] or query.with_ctes != nil do
        QueryError.raise_error(
          query,
          "an on_conflict query takes neither joins nor CTEs in SQLite"
        )
      end
    end

    # Ecto numbered the parameters for all of the rows, of which these may be a part.
    defp numbered(query, next) do
      case next && Correlation.first_parameter(query) do
        nil -> Scope.new(query)
        first -> Scope.new(query, shift: next - first)
      end
    end
  end
end

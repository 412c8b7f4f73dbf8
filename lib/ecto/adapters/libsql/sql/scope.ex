if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Scope do
    @moduledoc false
    # What an expression can see: its query, the names of the query's sources, and the scope around
    # it, which `parent_as` reaches.
    #
    # Fields:
    #
    #   * `:query` - the normalized query
    #   * `:names` - for each source, `{table or nil, alias}`; `:hidden` where SQLite cannot name it
    #   * `:parent` - the scope of the query that holds this one
    #   * `:prefix` - what this query's aliases begin with, so that an inner query's differ
    #   * `:shift` - added to the numbers of the parameters: Ecto numbered them for the whole of an
    #     `insert_all`, of which one statement may be a part
    #   * `:outermost?` - whether the columns go to Ecto, not to another part of the statement

    alias Ecto.Adapters.LibSql.SQL.{Name, QueryError}

    @enforce_keys [:query, :names]
    defstruct [
      :query,
      :names,
      :parent,
      prefix: [],
      shift: 0,
      outermost?: false
    ]

    @type t :: %__MODULE__{}

    @spec new(Ecto.Query.t(), keyword()) :: t()
    def new(%Ecto.Query{} = query, opts \\ []) do
      prefix = Keyword.get(opts, :prefix, [])
      struct!(%__MODULE__{query: query, names: names(query.sources, prefix)}, opts)
    end

    @doc "The scope of a query inside of an expression, source or CTE."
    @spec child(t(), Ecto.Query.t()) :: t()
    def child(%__MODULE__{} = scope, query),
      do: new(query, prefix: [?s | scope.prefix], parent: scope, shift: scope.shift)

    @doc "The scope of a query beside this one, in a combination."
    @spec sibling(t(), Ecto.Query.t()) :: t()
    def sibling(%__MODULE__{} = scope, query),
      do: new(query, prefix: scope.prefix, parent: scope.parent, shift: scope.shift)

    @doc "The scope of RETURNING: the changed table by its own name, and nothing else."
    @spec returning(t()) :: t()
    def returning(%__MODULE__{query: %{sources: sources}} = scope) do
      {table, _schema, _prefix} = elem(sources, 0)
      hidden = List.duplicate(:hidden, tuple_size(sources) - 1)
      names = List.to_tuple([{nil, Name.quote_name(table)} | hidden])
      %{scope | names: names, outermost?: true}
    end

    @doc "The table of a source, `nil` where the source is no table."
    @spec table(t(), non_neg_integer()) :: iodata() | nil
    def table(scope, ix), do: scope.names |> elem(ix) |> elem(0)

    @spec alias_of(t(), non_neg_integer()) :: iodata()
    def alias_of(scope, ix) do
      case elem(scope.names, ix) do
        {_table, name} ->
          name

        :hidden ->
          QueryError.raise_error(
            scope,
            "SQLite can only return columns of the table that is changed, not of a join: " <>
              "select in update_all and delete_all is limited to the first binding"
          )
      end
    end

    @spec column(t(), non_neg_integer(), atom() | String.t()) :: iodata()
    def column(scope, ix, field), do: [alias_of(scope, ix), ?. | Name.quote_name(field)]

    @doc "The scope and the index of the source that `parent_as` or `as` names."
    @spec parent(t(), atom()) :: {t(), non_neg_integer()}
    def parent(%__MODULE__{parent: nil} = scope, as),
      do:
        QueryError.raise_error(scope, "could not find named binding `parent_as(#{inspect(as)})`")

    def parent(%__MODULE__{parent: %{query: query} = parent}, as) do
      case query.aliases do
        %{^as => ix} -> {parent, ix}
        %{} -> parent(parent, as)
      end
    end

    @spec parameter(t(), non_neg_integer()) :: iodata()
    def parameter(scope, ix), do: [?? | Integer.to_string(ix + 1 + scope.shift)]

    @doc "So many parameters in a row, separated by commas."
    @spec parameters(t(), non_neg_integer(), non_neg_integer()) :: iodata()
    def parameters(scope, ix, length),
      do: Enum.map_intersperse(0..(length - 1)//1, ?,, &parameter(scope, ix + &1))

    @doc "The expression that `selected_as(expr, name)` names."
    @spec aliased(t(), atom()) :: term()
    def aliased(%__MODULE__{query: %{select: %{fields: fields}}} = scope, name) do
      case List.keyfind(fields, name, 0) do
        {^name, expr} -> expr
        nil -> QueryError.raise_error(scope, "could not find `selected_as(#{inspect(name)})`")
      end
    end

    defp names(sources, prefix) do
      for ix <- 0..(tuple_size(sources) - 1)//1, into: [] do
        name(elem(sources, ix), Integer.to_string(ix), prefix)
      end
      |> List.to_tuple()
    end

    defp name({:fragment, _, _}, ix, prefix), do: {nil, [prefix, ?f | ix]}
    defp name({{:fragment, _, _}, _schema, _}, ix, prefix), do: {nil, [prefix, ?f | ix]}
    defp name({:values, _, _}, ix, prefix), do: {nil, [prefix, ?v | ix]}
    defp name(%Ecto.SubQuery{}, ix, prefix), do: {nil, [prefix, ?s | ix]}

    defp name({table, _schema, database}, ix, prefix),
      do: {Name.quote_table(database, table), [prefix, initial(table) | ix]}

    defp initial(<<letter, _::binary>>) when letter in ?a..?z or letter in ?A..?Z, do: letter
    defp initial(_), do: ?t
  end
end

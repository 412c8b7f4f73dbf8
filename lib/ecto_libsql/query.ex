if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Query do
    @moduledoc """
    A query for `EctoLibSql.Connection`.

    Public fields:

      * `:statement` - the SQL
      * `:name` - what the caller calls it; SQLite has no use for it: a connection keeps its
        statements prepared by their SQL
      * `:kind` - `:statement` (default), or `:script` for several statements without parameters,
        whose result is a list of results, or `{:foreign_keys, true | false}`, which runs nothing
        and turns their enforcement on or off, also inside a transaction, or `:describe`, which
        runs nothing and answers a list of `{table, declared_type}`, one for each result column
      * `:typed_columns` - for the adapter: whether names of result columns may end in their type.
        Default: `true`
      * `:columns` - that list, in the query that a run with `describe_columns: true` answers;
        else `nil`
    """

    @enforce_keys [:statement]
    defstruct [:statement, :columns, name: "", kind: :statement, typed_columns: true]

    @type t :: %__MODULE__{
            statement: iodata(),
            name: String.t(),
            kind: :statement | :script | :describe | {:foreign_keys, boolean()},
            typed_columns: boolean(),
            columns: [{String.t() | nil, String.t() | nil}] | nil
          }
  end

  defimpl DBConnection.Query, for: EctoLibSql.Query do
    # Nothing is known of a statement before the one call that runs it, and the values go to and
    # come from the NIF as they are.

    def parse(query, _opts), do: %{query | statement: IO.iodata_to_binary(query.statement)}
    def describe(query, _opts), do: query
    def encode(_query, params, _opts), do: params
    def decode(_query, result, _opts), do: result
  end

  defimpl String.Chars, for: EctoLibSql.Query do
    def to_string(%{statement: statement}), do: IO.iodata_to_binary(statement)
  end
end

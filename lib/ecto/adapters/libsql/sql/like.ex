if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Like do
    @moduledoc false
    # `like` and `ilike`. A backslash escapes `%` and `_`, which SQLite wants to be told.
    #
    # SQLite's LIKE takes no notice of case unless the connection was opened with
    # `case_sensitive_like`, so `ilike` lowers both sides. Either does so for ASCII letters only.

    alias Ecto.Adapters.LibSql.SQL.{Expression, Scope}

    @escape ~S( ESCAPE '\')

    @spec expr(:like | :ilike, term(), term(), Scope.t()) :: iodata()
    def expr(:like, left, right, scope),
      do: [Expression.operand(left, scope), " LIKE ", Expression.operand(right, scope) | @escape]

    def expr(:ilike, left, right, scope) do
      [
        "lower(",
        Expression.expr(left, scope),
        ") LIKE lower(",
        Expression.expr(right, scope),
        ?) | @escape
      ]
    end
  end
end

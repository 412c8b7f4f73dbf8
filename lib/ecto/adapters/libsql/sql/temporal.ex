if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Temporal do
    @moduledoc false
    # Dates and times: adding intervals, and bringing the texts of two types to one width, without
    # which they would compare wrongly.

    alias Ecto.Adapters.LibSql.SQL.{Expression, ExprType, Literal, Scope}

    @seconds ~w(naive_datetime utc_datetime)a
    @microseconds ~w(naive_datetime_usec utc_datetime_usec)a
    @datetimes @seconds ++ @microseconds
    @types [:date, :time, :time_usec | @datetimes]

    @spec temporal?(term()) :: boolean()
    def temporal?(type), do: type in @types

    @doc "Whether the types hold dates and times whose texts are of different widths."
    @spec mixed?([term()]) :: boolean()
    def mixed?(types) do
      forms = for type <- types, temporal?(type), uniq: true, do: form(type)
      length(forms) > 1
    end

    defp form(type) when type in @seconds, do: :second
    defp form(type) when type in @microseconds, do: :microsecond
    defp form(type), do: type

    ## Adding

    @doc """
    The precision is that of the value's type; where that is not known, that of the wanted type.
    """
    @spec datetime_add(term(), term(), String.t(), Scope.t(), atom()) :: iodata()
    def datetime_add(value, count, interval, scope, wanted \\ nil) do
      precision = precision(ExprType.of(value, scope)) || precision(wanted) || 6
      value = Expression.expr(value, scope)
      arguments = arguments(value, count, interval, scope)
      ["ecto_datetime_add(", arguments, ", ", Integer.to_string(precision), ?)]
    end

    @spec date_add(term(), term(), String.t(), Scope.t()) :: iodata()
    def date_add(value, count, interval, scope) do
      date = value |> Expression.expr(scope) |> convert(ExprType.of(value, scope), :date)
      ["ecto_date_add(", arguments(date, count, interval, scope), ?)]
    end

    defp arguments(value, count, interval, scope),
      do: Enum.intersperse([value, Expression.expr(count, scope), Literal.text(interval)], ", ")

    defp precision(type) when type in [:date | @seconds], do: 0
    defp precision(type) when type in @microseconds, do: 6
    defp precision(_type), do: nil

    ## Comparing

    @doc """
    The types of the two sides of a comparison, with those that Ecto gives by itself: it casts a
    parameter that is compared with `datetime_add` to a naive datetime.
    """
    @spec types(term(), term(), {term(), term()}) :: {term(), term()}
    def types({:^, _, _}, {:datetime_add, _, _}, {nil, type}),
      do: {:naive_datetime, type || :naive_datetime_usec}

    def types({:datetime_add, _, _}, {:^, _, _}, {type, nil}),
      do: {type || :naive_datetime_usec, :naive_datetime}

    def types(_left, _right, types), do: types

    @doc "Whether the two sides of a comparison have to be brought to one type."
    @spec convert?(term(), term(), {term(), term()}) :: boolean()
    def convert?(left, right, {left_type, right_type}) do
      cond do
        temporal?(left_type) and temporal?(right_type) -> left_type != right_type
        temporal?(left_type) -> added?(right)
        temporal?(right_type) -> added?(left)
        true -> false
      end
    end

    # Such as `ago(3, "day")`: the value is a parameter, which has no type of its own.
    defp added?({:datetime_add, _, _}), do: true
    defp added?(_expr), do: false

    @spec operands(term(), term(), {term(), term()}, Scope.t()) :: {iodata(), iodata()}
    def operands(left, right, {left_type, right_type}, scope) do
      type = common(left_type, right_type)
      {operand(left, left_type, type, scope), operand(right, right_type, type, scope)}
    end

    defp operand({:datetime_add, _, [value, count, interval]}, nil, type, scope),
      do: datetime_add(value, count, interval, scope, type)

    defp operand(expr, type, common, scope),
      do: expr |> Expression.operand(scope) |> convert(type, common)

    @doc "The finer of the two types."
    @spec common(term(), term()) :: term()
    def common(nil, :date), do: :naive_datetime
    def common(:date, nil), do: :naive_datetime
    def common(nil, type), do: type
    def common(type, nil), do: type
    def common(:date, type), do: type
    def common(type, :date), do: type
    def common(left, right), do: if(precise?(left), do: left, else: right)

    defp precise?(type), do: type in [:time_usec | @microseconds]

    @doc """
    Text of one type as text of another, which is the same text where nothing is known to change.
    """
    @spec convert(iodata(), term(), term()) :: iodata()
    def convert(sql, same, same), do: sql
    def convert(sql, _from, nil), do: sql
    def convert(sql, from, :date) when from in @datetimes, do: ["substr(", sql, ", 1, 10)"]
    def convert(sql, :date, to) when to in @seconds, do: [?(, sql, " || 'T00:00:00')"]
    def convert(sql, :date, to) when to in @microseconds, do: [?(, sql, " || 'T00:00:00.000000')"]

    def convert(sql, from, to) when from in @seconds and to in @microseconds,
      do: [?(, sql, " || '.000000')"]

    def convert(sql, from, to) when from in @microseconds and to in @seconds,
      do: ["substr(", sql, ", 1, 19)"]

    def convert(sql, :time, :time_usec), do: [?(, sql, " || '.000000')"]
    def convert(sql, :time_usec, :time), do: ["substr(", sql, ", 1, 8)"]
    def convert(sql, from, :time) when from in @datetimes, do: ["substr(", sql, ", 12, 8)"]

    def convert(sql, from, :time_usec) when from in @microseconds, do: ["substr(", sql, ", 12)"]

    def convert(sql, from, :time_usec) when from in @seconds,
      do: ["(substr(", sql, ", 12) || '.000000')"]

    def convert(sql, _from, _to), do: sql
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.NaiveQuery do
    @moduledoc false
    # A small query language, read in two ways: as an Ecto query, and as Elixir over lists of
    # structs. A property test compares the two.
    #
    # A condition is one of
    #
    #     {:compare, operator, operand, operand} | {:is_nil, operand} | {:in, operand, [value]}
    #     {:and | :or, condition, condition} | {:not, condition}
    #
    # and an operand one of
    #
    #     {:field, :a | :b, name, type} | {:value, type, value} | {:coalesce, operand, operand}
    #     {:+ | :- | :*, operand, operand}

    import Ecto.Query

    ## As Ecto

    def to_dynamic({:compare, op, left, right}) do
      {left, right} = {to_dynamic(left), to_dynamic(right)}

      case op do
        :== -> dynamic(^left == ^right)
        :!= -> dynamic(^left != ^right)
        :< -> dynamic(^left < ^right)
        :> -> dynamic(^left > ^right)
        :<= -> dynamic(^left <= ^right)
        :>= -> dynamic(^left >= ^right)
      end
    end

    def to_dynamic({:is_nil, operand}), do: dynamic(is_nil(^to_dynamic(operand)))

    def to_dynamic({:in, {:field, binding, name, _type}, values}),
      do: dynamic(field(as(^binding), ^name) in ^values)

    def to_dynamic({:and, left, right}),
      do: dynamic(^to_dynamic(left) and ^to_dynamic(right))

    def to_dynamic({:or, left, right}), do: dynamic(^to_dynamic(left) or ^to_dynamic(right))
    def to_dynamic({:not, condition}), do: dynamic(not (^to_dynamic(condition)))
    def to_dynamic({:field, binding, name, _type}), do: dynamic(field(as(^binding), ^name))
    def to_dynamic({:value, type, value}), do: dynamic(type(^value, ^type))

    def to_dynamic({:coalesce, left, right}),
      do: dynamic(coalesce(^to_dynamic(left), ^to_dynamic(right)))

    def to_dynamic({:+, left, right}), do: dynamic(^to_dynamic(left) + ^to_dynamic(right))
    def to_dynamic({:-, left, right}), do: dynamic(^to_dynamic(left) - ^to_dynamic(right))
    def to_dynamic({:*, left, right}), do: dynamic(^to_dynamic(left) * ^to_dynamic(right))

    ## As Elixir: true, false, or nil for what NULL leaves open

    def holds?(condition, row), do: condition(condition, row) == true

    defp condition({:compare, op, left, right}, row) do
      type = type(left)
      {left, right} = {operand(left, row), operand(right, row)}
      if left != nil and right != nil, do: compared(op, compare(type, left, right))
    end

    defp condition({:is_nil, operand}, row), do: operand(operand, row) == nil

    defp condition({:in, operand, values}, row) do
      case operand(operand, row) do
        nil when values == [] -> false
        nil -> nil
        value -> Enum.any?(values, &(compare(type(operand), value, &1) == :eq))
      end
    end

    defp condition({:not, condition}, row) do
      value = condition(condition, row)
      if value != nil, do: not value
    end

    defp condition({:and, left, right}, row) do
      values = [condition(left, row), condition(right, row)]

      cond do
        false in values -> false
        nil in values -> nil
        true -> true
      end
    end

    defp condition({:or, left, right}, row) do
      values = [condition(left, row), condition(right, row)]

      cond do
        true in values -> true
        nil in values -> nil
        true -> false
      end
    end

    defp compared(:==, order), do: order == :eq
    defp compared(:!=, order), do: order != :eq
    defp compared(:<, order), do: order == :lt
    defp compared(:>, order), do: order == :gt
    defp compared(:<=, order), do: order != :gt
    defp compared(:>=, order), do: order != :lt

    def operand({:value, _type, value}, _row), do: value

    def operand({:field, binding, name, _type}, row),
      do: row[binding] && Map.fetch!(row[binding], name)

    def operand({:coalesce, left, right}, row) do
      case operand(left, row) do
        nil -> operand(right, row)
        value -> value
      end
    end

    def operand({op, left, right}, row) do
      values = {operand(left, row), operand(right, row)}
      if nil not in Tuple.to_list(values), do: calculate(type(left), op, values)
    end

    defp calculate(:decimal, :+, {left, right}), do: Decimal.add(left, right)
    defp calculate(:decimal, :-, {left, right}), do: Decimal.sub(left, right)
    defp calculate(:decimal, :*, {left, right}), do: Decimal.mult(left, right)
    defp calculate(_type, op, {left, right}), do: apply(Kernel, op, [left, right])

    def type({:field, _binding, _name, type}), do: type
    def type({:value, type, _value}), do: type
    def type({:coalesce, left, _right}), do: type(left)
    def type({_op, left, _right}), do: type(left)

    def compare(_type, left, right) when is_struct(left, Decimal) or is_struct(right, Decimal),
      do: Decimal.compare(Decimal.new(left), Decimal.new(right))

    def compare(_type, %Date{} = date, %DateTime{} = datetime),
      do: DateTime.compare(DateTime.new!(date, ~T[00:00:00]), datetime)

    def compare(_type, %DateTime{} = datetime, %Date{} = date),
      do: DateTime.compare(datetime, DateTime.new!(date, ~T[00:00:00]))

    def compare(:date, left, right), do: Date.compare(left, right)

    def compare(type, left, right) when type in [:utc_datetime, :utc_datetime_usec],
      do: DateTime.compare(left, right)

    def compare(_type, same, same), do: :eq
    def compare(_type, left, right) when left == right, do: :eq
    def compare(_type, left, right), do: if(left < right, do: :lt, else: :gt)

    @doc "Sorts as ORDER BY: NULL comes first in SQLite, last when that or descending is asked for."
    def sort(rows, terms), do: Enum.sort(rows, &before?(terms, &1, &2))

    defp before?([], _left, _right), do: true

    defp before?([{direction, operand} | terms], left, right) do
      case order(direction, type(operand), operand(operand, left), operand(operand, right)) do
        :eq -> before?(terms, left, right)
        order -> order == :lt
      end
    end

    defp order(_direction, _type, nil, nil), do: :eq

    defp order(direction, _type, nil, _right) do
      if direction in [:asc, :asc_nulls_first, :desc_nulls_first], do: :lt, else: :gt
    end

    defp order(direction, type, left, nil), do: flip(order(direction, type, nil, left))

    defp order(direction, type, left, right) do
      order = compare(type, left, right)
      if direction in [:desc, :desc_nulls_first, :desc_nulls_last], do: flip(order), else: order
    end

    defp flip(:lt), do: :gt
    defp flip(:gt), do: :lt
    defp flip(:eq), do: :eq

    @doc "The rows of a join, each a map of what `:a` and `:b` are bound to."
    def join(as, bs, kind, condition) do
      pairs =
        for a <- as,
            b <- bs,
            kind == :cross or holds?(condition, %{a: a, b: b}),
            do: %{a: a, b: b}

      lone_as = for a <- as, not Enum.any?(pairs, &(&1.a == a)), do: %{a: a, b: nil}
      lone_bs = for b <- bs, not Enum.any?(pairs, &(&1.b == b)), do: %{a: nil, b: b}

      case kind do
        kind when kind in [:inner, :cross] -> pairs
        :left -> pairs ++ lone_as
        :right -> pairs ++ lone_bs
        :full -> pairs ++ lone_as ++ lone_bs
      end
    end
  end
end

defmodule Ecto.Adapters.LibSql.Types.DecimalTest do
  use EctoLibSql.TypesCase
  use ExUnitProperties

  import EctoLibSql.TypeGenerators, only: [or_nil: 1, value: 1]

  alias Ecto.Adapters.LibSql.Types.DecimalText
  alias EctoLibSql.Test.Mode

  # More digits than any operation on the generated values needs: Decimal as the oracle.
  setup do
    Decimal.Context.set(%Decimal.Context{precision: 400})
    :ok
  end

  defp fill(decimals) do
    Repo.delete_all(Thing)
    rows = Enum.map(decimals, &%{decimal: &1})
    Repo.insert_all(Thing, rows)
  end

  defp decimal(text) do
    {:ok, decimal} = DecimalText.load(text)
    decimal
  end

  # What queries answer is exact text; a float would have lost digits.
  defp sql(sql, params) do
    %{rows: [[value]]} = Repo.query!(sql, params)
    value
  end

  defp equal?(nil, nil), do: true
  defp equal?(%Decimal{} = left, %Decimal{} = right), do: Decimal.equal?(left, right)
  defp equal?(text, %Decimal{} = right) when is_binary(text), do: equal?(decimal(text), right)

  property "sorted as numbers" do
    check all(decimals <- list_of(value(:decimal), max_length: 12), max_runs: 40) do
      fill(decimals)
      sorted = Repo.all(from(t in Thing, order_by: t.decimal, select: t.decimal))
      expected = Enum.sort(decimals, Decimal)
      assert Enum.zip(sorted, expected) |> Enum.all?(fn {a, b} -> equal?(a, b) end)

      reversed = Repo.all(from(t in Thing, order_by: [desc: t.decimal], select: t.decimal))

      assert reversed
             |> Enum.zip(Enum.reverse(expected))
             |> Enum.all?(fn {a, b} -> equal?(a, b) end)
    end
  end

  property "compared as numbers" do
    check all(
            decimals <- list_of(value(:decimal), max_length: 8),
            pivot <-
              one_of([value(:decimal), member_of([Decimal.new("0"), Decimal.new("-0.000")])]),
            max_runs: 40
          ) do
      fill(decimals)
      count = fn query -> Repo.aggregate(query, :count) end
      expected = fn orders -> Enum.count(decimals, &(Decimal.compare(&1, pivot) in orders)) end

      assert count.(from(t in Thing, where: t.decimal < ^pivot)) == expected.([:lt])
      assert count.(from(t in Thing, where: t.decimal <= ^pivot)) == expected.([:lt, :eq])
      assert count.(from(t in Thing, where: t.decimal == ^pivot)) == expected.([:eq])
      assert count.(from(t in Thing, where: t.decimal != ^pivot)) == expected.([:lt, :gt])
      assert count.(from(t in Thing, where: ^pivot < t.decimal)) == expected.([:gt])
      assert count.(from(t in Thing, where: t.decimal in ^[pivot])) == expected.([:eq])
    end
  end

  property "summed, averaged, and their extremes found, exactly" do
    check all(decimals <- list_of(or_nil(value(:decimal)), max_length: 12), max_runs: 40) do
      fill(decimals)
      numbers = Enum.reject(decimals, &is_nil/1)

      [{sum, min, max}] =
        Repo.all(from(t in Thing, select: {sum(t.decimal), min(t.decimal), max(t.decimal)}))

      if numbers == [] do
        assert {sum, min, max} == {nil, nil, nil}
        assert Repo.aggregate(Thing, :avg, :decimal) == nil
      else
        assert equal?(sum, Enum.reduce(numbers, &Decimal.add/2))
        assert equal?(min, Enum.min(numbers, Decimal))
        assert equal?(max, Enum.max(numbers, Decimal))
      end
    end
  end

  property "added, subtracted and multiplied exactly" do
    check all(left <- value(:decimal), right <- value(:decimal), max_runs: 60) do
      {:ok, a} = DecimalText.dump(left)
      {:ok, b} = DecimalText.dump(right)

      assert equal?(sql("SELECT ecto_decimal_add(?, ?)", [a, b]), Decimal.add(left, right))
      assert equal?(sql("SELECT ecto_decimal_sub(?, ?)", [a, b]), Decimal.sub(left, right))
      assert equal?(sql("SELECT ecto_decimal_mul(?, ?)", [a, b]), Decimal.mult(left, right))

      order = %{lt: -1, eq: 0, gt: 1}[Decimal.compare(left, right)]
      assert sql("SELECT ecto_decimal_cmp(?, ?)", [a, b]) == order
    end
  end

  # The default of Decimal 3; that of Decimal 2 has 28 digits.
  property "divided as Decimal does it by default" do
    coefficients = integer(-(10 ** 28 - 1)..(10 ** 28 - 1))

    check all(
            {a, b} <- {coefficients, coefficients},
            {p, q} <- {integer(-20..5), integer(-20..5)},
            b != 0,
            max_runs: 100
          ) do
      left = %Decimal{sign: if(a < 0, do: -1, else: 1), coef: abs(a), exp: p}
      right = %Decimal{sign: if(b < 0, do: -1, else: 1), coef: abs(b), exp: q}
      Decimal.Context.set(%Decimal.Context{precision: 34})
      expected = Decimal.div(left, right)

      answer =
        sql("SELECT ecto_decimal_div(?, ?)", [Decimal.to_string(left), Decimal.to_string(right)])

      assert equal?(answer, expected)
    end
  end

  test "more than 30 digits stay, whatever is done with them" do
    long = decimal("12345678901234567890123456789012345.6789012345")
    other = decimal("-0.0000000000000000000000000000000000000000000001")
    fill([long, other])

    assert Enum.sort(Repo.all(from(t in Thing, select: t.decimal)), Decimal) == [other, long]
    assert [^long] = Repo.all(from(t in Thing, where: t.decimal == ^long, select: t.decimal))
    assert [^long] = Repo.all(from(t in Thing, where: t.decimal > 1, select: t.decimal))
    assert equal?(Repo.aggregate(Thing, :sum, :decimal), Decimal.add(long, other))
    assert equal?(Repo.aggregate(Thing, :max, :decimal), long)
    assert [doubled] = Repo.all(from(t in Thing, where: t.decimal > 1, select: t.decimal * 2))
    assert equal?(doubled, Decimal.mult(long, 2))
  end

  test "equal numbers are one in DISTINCT and GROUP BY, whatever their zeros" do
    fill(Enum.map(~w(1 1.0 1.00 2), &Decimal.new/1))

    assert [_, _] = Repo.all(from(t in Thing, distinct: true, select: t.decimal))

    assert [{_, 3}, {_, 1}] =
             Repo.all(
               from(t in Thing,
                 group_by: t.decimal,
                 order_by: t.decimal,
                 select: {t.decimal, count()}
               )
             )
  end

  test "over windows that grow, slide and shrink" do
    fill(Enum.map(~w(3 1.5 2 10 0.25), &Decimal.new/1))

    rows =
      Repo.all(
        from(t in Thing,
          windows: [
            grow: [order_by: t.id],
            slide: [order_by: t.id, frame: fragment("ROWS BETWEEN 1 PRECEDING AND CURRENT ROW")],
            shrink: [
              order_by: t.id,
              frame: fragment("ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")
            ]
          ],
          order_by: t.id,
          select: %{
            sum: over(sum(t.decimal), :grow),
            sliding: over(sum(t.decimal), :slide),
            avg: over(avg(t.decimal), :slide),
            min: over(min(t.decimal), :slide),
            max: over(max(t.decimal), :slide),
            least: over(min(t.decimal), :shrink)
          }
        )
      )

    numbers = fn field ->
      Enum.map(
        rows,
        &Decimal.to_string(Decimal.normalize(decimal(to_string(&1[field]))), :normal)
      )
    end

    assert numbers.(:sum) == ~w(3 4.5 6.5 16.5 16.75)
    assert numbers.(:sliding) == ~w(3 4.5 3.5 12 10.25)
    assert numbers.(:avg) == ~w(3 2.25 1.75 6 5.125)
    assert numbers.(:min) == ~w(3 1.5 1.5 2 0.25)
    assert numbers.(:max) == ~w(3 3 2 10 10)
    assert numbers.(:least) == ~w(0.25 0.25 0.25 0.25 0.25)
  end

  property "the extremes of sliding windows are those of their rows" do
    check all(
            decimals <- list_of(or_nil(value(:decimal)), min_length: 1, max_length: 12),
            before <- integer(0..3),
            later <- integer(0..3),
            max_runs: 40
          ) do
      fill(decimals)

      %{rows: rows} =
        Repo.query!("""
        SELECT ecto_decimal_min("decimal") OVER w, ecto_decimal_max("decimal") OVER w,
               ecto_decimal_sum("decimal") OVER w
        FROM things
        WINDOW w AS (ORDER BY id ROWS BETWEEN #{before} PRECEDING AND #{later} FOLLOWING)
        ORDER BY id
        """)

      for {[min, max, sum], index} <- Enum.with_index(rows) do
        range = max(index - before, 0)..(index + later)
        numbers = decimals |> Enum.slice(range) |> Enum.reject(&is_nil/1)
        assert equal?(min, Enum.min(numbers, Decimal, fn -> nil end))
        assert equal?(max, Enum.max(numbers, Decimal, fn -> nil end))
        assert equal?(sum, if(numbers != [], do: Enum.reduce(numbers, &Decimal.add/2)))
      end
    end
  end

  describe "the functions" do
    test "take numbers of every kind, and NULL" do
      assert sql("SELECT ecto_decimal_add(1, 0.1)", []) == "1.1"
      assert sql("SELECT ecto_decimal_add('1e2', '-.5')", []) == "99.5"
      assert sql("SELECT ecto_decimal_mul(?, 2)", [Decimal.new("0.50")]) == "1.00"
      assert sql("SELECT ecto_decimal_add(NULL, 1)", []) == nil
      assert sql("SELECT ecto_decimal_cmp(1, NULL)", []) == nil
      assert sql("SELECT ecto_decimal_sum(NULL)", []) == nil
    end

    test "refuse what is no number, and say so" do
      for sql <- [
            "SELECT ecto_decimal_add('abc', 1)",
            "SELECT ecto_decimal_cmp('NaN', 1)",
            "SELECT ecto_decimal_sum('Infinity')",
            "SELECT ecto_decimal_avg('')",
            "SELECT ecto_decimal_max('1 ')",
            "SELECT ecto_decimal_mul(x'31', 1)",
            "SELECT ecto_decimal_add(9e999, 1)"
          ] do
        assert {:error, %EctoLibSql.Error{message: message}} = Repo.query(sql)
        assert message =~ "no decimal number"
      end

      assert {:error, %{message: "division by zero"}} =
               Repo.query("SELECT ecto_decimal_div(1, '0.0')")

      assert {:error, %{message: message}} =
               Repo.query("SELECT ecto_decimal_add('1e999999999', 1)")

      assert message =~ "digits"
    end

    test "are there after a reset, and in a strict schema" do
      {:ok, s} = EctoLibSql.connect(Mode.repo(database: ":memory:"))
      :ok = EctoLibSql.reset_connection(s)
      assert {:ok, ["3"]} = EctoLibSql.query_one(s, "SELECT ecto_decimal_add(1, 2)")

      :ok =
        EctoLibSql.run(
          s,
          "CREATE TABLE t (a TEXT CHECK (ecto_decimal_cmp(a, 0) > 0), b AS (ecto_decimal_mul(a, 2)))"
        )

      :ok = EctoLibSql.run(s, "INSERT INTO t VALUES ('1.5')")
      assert {:ok, ["3.0"]} = EctoLibSql.query_one(s, "SELECT b FROM t")

      assert {:error, %{code: :constraint_check}} =
               EctoLibSql.run(s, "INSERT INTO t VALUES ('-1')")
    end
  end
end

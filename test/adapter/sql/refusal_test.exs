if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.RefusalTest do
    # What is refused where no query of Ecto's macros can say it, and what literals look like that
    # only custom types make.
    use EctoLibSql.SQLCase, async: true

    alias Ecto.Adapters.LibSql.SQL.{Expression, Name, Scope}

    setup do
      {query, _params, _key} =
        Ecto.Query.Planner.plan(from(p in Post), :all, Ecto.Adapters.LibSql)

      %{scope: Scope.new(query)}
    end

    defp written(expr, scope), do: expr |> Expression.expr(scope) |> IO.iodata_to_binary()

    test "an expression that nobody knows is never a bare parameter", %{scope: scope} do
      for expr <- [
            {:frobnicate, [], [1]},
            {:sum, [], [1, 2]},
            {:coalesce, [], [1]},
            {:over, [], []},
            {:lag, [], [1, 2, 3, 4]},
            {:any, [], [%Ecto.SubQuery{query: scope.query}]},
            %{a: 1},
            self(),
            <<1::3>>,
            {:a, :b, :c, :d}
          ] do
        assert_raise Ecto.QueryError, fn -> written(expr, scope) end
      end

      assert_raise Ecto.QueryError, ~r/unknown function frobnicate\/1/, fn ->
        written({:frobnicate, [], [1]}, scope)
      end
    end

    test "an unknown update", %{scope: %{query: query}} do
      alias Ecto.Adapters.LibSql.Connection

      update = %Ecto.Query.QueryExpr{expr: [multiply: [visits: 2]]}

      assert_raise Ecto.QueryError, ~r/unknown update operation :multiply/, fn ->
        Connection.update_all(%{query | updates: [update]})
      end
    end

    test "literals", %{scope: scope} do
      assert written(nil, scope) == "NULL"
      assert written(true, scope) == "TRUE"
      assert written(1.5, scope) == "1.5"
      assert written(:inf, scope) == "9e999"
      assert written({:blob, <<0, 255>>}, scope) == "x'00ff'"
      assert written(Decimal.new("1.50"), scope) == "'1.50'"
      assert written(~D[2024-01-01], scope) == "'2024-01-01'"
      assert written(~T[10:00:00.5], scope) == "'10:00:00.500000'"
      assert written(~N[2024-01-01 10:00:00], scope) == "'2024-01-01T10:00:00'"
      assert written(~U[2024-01-01 10:00:00.1Z], scope) == "'2024-01-01T10:00:00.100000'"
      assert written("a\0b", scope) == "CAST(x'610062' AS TEXT)"
      assert written(<<255>>, scope) == "CAST(x'ff' AS TEXT)"
      assert written(%Ecto.Query.Tagged{value: "ab", type: :binary}, scope) == "x'6162'"
      assert written(%Ecto.Query.Tagged{value: <<1::3>>, type: :bitstring}, scope) == "x'2005'"
      assert written(%Ecto.Query.Tagged{value: 1, type: :float}, scope) == "1.0"
      assert written(%Ecto.Query.Tagged{value: 1.5, type: :decimal}, scope) == "'1.5'"
      assert written(%Ecto.Query.Tagged{value: nil, type: :integer}, scope) == "NULL"
    end

    test "identifiers" do
      assert IO.iodata_to_binary(Name.quote_name(~s(a"b))) == ~s("a""b")
      assert IO.iodata_to_binary(Name.quote_table(:db, :t)) == ~s("db"."t")
      assert_raise ArgumentError, ~r/holds a NUL/, fn -> Name.quote_name("a\0") end
      assert_raise ArgumentError, ~r/bad identifier nil/, fn -> Name.quote_name(nil) end
    end
  end
end

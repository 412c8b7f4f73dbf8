if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.PropertyTest do
    # Random schemas, rows and queries give what a naive evaluation in Elixir gives.
    use EctoLibSql.SQLCase, async: true
    use ExUnitProperties

    alias EctoLibSql.NaiveQuery
    alias EctoLibSql.Test.Mode

    @types [
      :integer,
      :float,
      :decimal,
      :string,
      :boolean,
      :date,
      :utc_datetime,
      :utc_datetime_usec
    ]
    # What is calculated with: decimals are not on a server, where also a replica writes.
    @calculated if Mode.mode() != :local,
                  do: [:integer, :float],
                  else: [:integer, :float, :decimal]

    @column_types %{
      integer: "INTEGER",
      float: "REAL",
      decimal: "DECIMAL_TEXT",
      string: "TEXT",
      boolean: "INTEGER",
      date: "TEXT",
      utc_datetime: "TEXT",
      utc_datetime_usec: "TEXT"
    }
    @joins [:inner, :left, :right, :full, :cross]
    @directions [
      :asc,
      :desc,
      :asc_nulls_first,
      :asc_nulls_last,
      :desc_nulls_first,
      :desc_nulls_last
    ]

    # Each property has a few random schemas, as modules cannot be made by the thousand, and rows and
    # queries without end.
    setup %{test: test} do
      schemas = for number <- 1..4, do: define(test, number, pick(fields()), pick(boolean()))
      Enum.each(schemas, &create_table/1)
      Process.put(:schemas, schemas)
      :ok
    end

    property "filters, orders, limits" do
      check all(
              {schema, rows} <- table(),
              condition <- condition([{:a, schema}]),
              terms <- terms([{:a, schema}]),
              {limit, offset} <- {integer(0..5), integer(0..3)},
              max_runs: Mode.runs(150)
            ) do
        fill(schema, rows)

        query =
          from(a in schema,
            as: :a,
            where: ^NaiveQuery.to_dynamic(condition),
            order_by: ^order_by(terms ++ [key(:a)]),
            limit: ^limit,
            offset: ^offset,
            select: a.key
          )

        expected =
          rows
          |> Enum.map(&%{a: &1})
          |> Enum.filter(&NaiveQuery.holds?(condition, &1))
          |> NaiveQuery.sort(terms ++ [key(:a)])
          |> Enum.slice(offset, limit)
          |> Enum.map(& &1.a.key)

        assert Repo.all(query) == expected
      end
    end

    property "values come back as they are, and calculated ones too" do
      check all(
              {schema, rows} <- table(),
              operand <- operand([{:a, schema}]),
              max_runs: Mode.runs(100)
            ) do
        fill(schema, rows)

        values =
          from(a in schema,
            as: :a,
            order_by: a.key,
            select: ^%{value: NaiveQuery.to_dynamic(operand)}
          )

        type = NaiveQuery.type(operand)

        for {row, %{value: value}} <- Enum.zip(Enum.sort_by(rows, & &1.key), Repo.all(values)) do
          assert same?(type, NaiveQuery.operand(operand, %{a: row}), value)
        end

        assert same_rows?(Repo.all(from(a in schema, order_by: a.key)), rows)
      end
    end

    property "joins of every kind" do
      check all(
              {schema, rows} <- table(),
              {other, others} <- table(),
              schema != other,
              kind <- member_of(@joins),
              on <- condition([{:a, schema}, {:b, other}]),
              condition <- condition([{:a, schema}, {:b, other}]),
              terms <- terms([{:a, schema}, {:b, other}]),
              max_runs: Mode.runs(150)
            ) do
        fill(schema, rows)
        fill(other, others)
        terms = terms ++ [key(:a), key(:b)]

        query =
          from([a, b] in joined(schema, other, kind, on),
            where: ^NaiveQuery.to_dynamic(condition),
            order_by: ^order_by(terms),
            select: {a.key, b.key}
          )

        expected =
          rows
          |> NaiveQuery.join(others, kind, on)
          |> Enum.filter(&NaiveQuery.holds?(condition, &1))
          |> NaiveQuery.sort(terms)
          |> Enum.map(&{&1.a && &1.a.key, &1.b && &1.b.key})

        assert Repo.all(query) == expected
      end
    end

    property "groups and aggregates" do
      check all(
              {schema, rows} <- table(),
              {:field, :a, group, group_type} <- field([{:a, schema}]),
              {:field, :a, name, type} <- field([{:a, schema}]),
              condition <- condition([{:a, schema}]),
              max_runs: Mode.runs(100)
            ) do
        fill(schema, rows)

        query =
          from(a in schema,
            as: :a,
            where: ^NaiveQuery.to_dynamic(condition),
            group_by: field(a, ^group),
            select: %{
              group: min(field(a, ^group)),
              rows: count(),
              count: count(field(a, ^name)),
              distinct: count(field(a, ^name), :distinct),
              min: min(field(a, ^name)),
              max: max(field(a, ^name))
            }
          )

        groups =
          rows
          |> Enum.filter(&NaiveQuery.holds?(condition, %{a: &1}))
          |> Enum.group_by(&comparable(group_type, Map.fetch!(&1, group)))

        results = Map.new(Repo.all(query), &{comparable(group_type, &1.group), &1})
        assert Map.keys(results) |> Enum.sort() == Map.keys(groups) |> Enum.sort()

        for {key, rows} <- groups do
          values = for row <- rows, (value = Map.fetch!(row, name)) != nil, do: value
          result = results[key]
          assert result.rows == length(rows)
          assert result.count == length(values)
          assert result.distinct == values |> Enum.uniq_by(&comparable(type, &1)) |> length()

          assert same?(
                   type,
                   Enum.min_by(values, & &1, &before?(type, &1, &2), fn -> nil end),
                   result.min
                 )

          assert same?(
                   type,
                   Enum.max_by(
                     values,
                     & &1,
                     &before?(type, &2, &1),
                     fn -> nil end
                   ),
                   result.max
                 )
        end
      end
    end

    property "sums" do
      check all({schema, rows} <- table(), max_runs: Mode.runs(50)) do
        fill(schema, rows)

        for {name, type} <- fields(schema), type in @calculated do
          values = for row <- rows, (value = Map.fetch!(row, name)) != nil, do: value
          sum = if values != [], do: Enum.reduce(values, &add(type, &1, &2))
          assert same?(type, sum, Repo.one(from(a in schema, select: sum(field(a, ^name)))))
        end
      end
    end

    property "distinct, first of its group, unions, subqueries" do
      check all(
              {schema, rows} <- table(),
              {:field, :a, name, type} = group <- field([{:a, schema}]),
              condition <- condition([{:a, schema}]),
              terms <- terms([{:a, schema}]),
              max_runs: Mode.runs(100)
            ) do
        fill(schema, rows)
        terms = terms ++ [key(:a)]
        found = rows |> Enum.map(&%{a: &1}) |> Enum.filter(&NaiveQuery.holds?(condition, &1))
        query = from(a in schema, as: :a, where: ^NaiveQuery.to_dynamic(condition))
        values = found |> Enum.map(& &1.a) |> Enum.map(&comparable(type, Map.fetch!(&1, name)))

        distinct = from(a in query, distinct: true, select: field(a, ^name))
        assert sorted(type, Repo.all(distinct)) == values |> Enum.uniq() |> Enum.sort()

        first =
          from(a in query, distinct: ^[{:asc, name}], order_by: ^order_by(terms), select: a.key)

        expected =
          found
          |> NaiveQuery.sort([{:asc, group} | terms])
          |> Enum.uniq_by(&comparable(type, Map.fetch!(&1.a, name)))
          |> Enum.map(& &1.a.key)

        assert Repo.all(first) == expected

        all = from(a in schema, select: field(a, ^name))
        both = from(a in query, select: field(a, ^name), union_all: ^all)
        every = Enum.map(rows, &comparable(type, Map.fetch!(&1, name)))
        assert sorted(type, Repo.all(both)) == Enum.sort(values ++ every)

        left = from(a in schema, select: field(a, ^name))
        right = from(a in query, select: field(a, ^name))
        assert sorted(type, Repo.all(except_all(left, ^right))) == Enum.sort(every -- values)

        assert sorted(type, Repo.all(except(left, ^right))) ==
                 (Enum.uniq(every) -- Enum.uniq(values)) |> Enum.sort()

        keys = from(a in query, select: a.key)
        inside = from(a in schema, where: a.key in subquery(keys), order_by: a.key, select: a.key)
        assert Repo.all(inside) == found |> Enum.map(& &1.a.key) |> Enum.sort()
      end
    end

    property "updates with joins" do
      check all(
              {schema, rows} <- table(),
              {other, others} <- table(),
              schema != other,
              kind <- member_of(@joins),
              on <- condition([{:a, schema}, {:b, other}]),
              condition <- condition([{:a, schema}, {:b, other}]),
              max_runs: Mode.runs(150)
            ) do
        fill(schema, rows)
        fill(other, others)
        touched = touched(rows, others, kind, on, condition)

        query =
          from([a, b] in joined(schema, other, kind, on),
            where: ^NaiveQuery.to_dynamic(condition),
            update: [set: [mark: a.key + ^1000]]
          )

        assert Repo.update_all(query, []) == {length(touched), nil}

        expected = for row <- rows, do: {row.key, if(row.key in touched, do: row.key + 1000)}

        assert Repo.all(from(a in schema, order_by: a.key, select: {a.key, a.mark})) ==
                 Enum.sort(expected)
      end
    end

    property "deletes with joins" do
      check all(
              {schema, rows} <- table(),
              {other, others} <- table(),
              schema != other,
              kind <- member_of(@joins),
              on <- condition([{:a, schema}, {:b, other}]),
              condition <- condition([{:a, schema}, {:b, other}]),
              max_runs: Mode.runs(150)
            ) do
        fill(schema, rows)
        fill(other, others)
        touched = touched(rows, others, kind, on, condition)

        query =
          from([a, b] in joined(schema, other, kind, on),
            where: ^NaiveQuery.to_dynamic(condition),
            select: a.key
          )

        {count, keys} = Repo.delete_all(query)
        assert {count, Enum.sort(keys)} == {length(touched), Enum.sort(touched)}
        left = Enum.map(rows, & &1.key) -- touched
        assert Repo.all(from(a in schema, order_by: a.key, select: a.key)) == Enum.sort(left)
      end
    end

    defp joined(schema, other, :cross, _on),
      do: from(a in schema, as: :a, cross_join: b in ^other, as: :b)

    defp joined(schema, other, kind, on),
      do:
        from(a in schema, as: :a)
        |> join(kind, [a], b in ^other, as: :b, on: ^NaiveQuery.to_dynamic(on))

    defp touched(rows, others, kind, on, condition) do
      for pair <- NaiveQuery.join(rows, others, kind, on),
          pair.a != nil and NaiveQuery.holds?(condition, pair),
          uniq: true,
          do: pair.a.key
    end

    ## Schemas

    defp fields do
      gen all(types <- list_of(member_of(@types), min_length: 3, max_length: 6)) do
        # One of each that conditions across two tables can meet on.
        [:integer, :string | types]
        |> Enum.with_index()
        |> Enum.map(fn {type, number} -> {:"f#{number}", type} end)
      end
    end

    # Without a rowid, the primary key is of two columns.
    defp define(test, number, fields, rowid?) do
      columns =
        for {name, type} <- fields do
          quote do: field(unquote(name), unquote(type), source: unquote(:"col \"#{name}\""))
        end

      key =
        if rowid?,
          do: quote(do: field(:key, :integer, primary_key: true)),
          else:
            quote(
              do:
                (
                  field(:key, :integer, primary_key: true)
                  field(:part, :string, primary_key: true)
                )
            )

      body =
        quote do
          use Ecto.Schema
          @primary_key false
          schema unquote("table #{number}") do
            unquote(key)
            field(:mark, :integer)
            unquote_splicing(columns)
          end

          def random_fields, do: unquote(fields)
        end

      module = Module.concat([__MODULE__, test, "Table#{number}"])
      {:module, ^module, _, _} = Module.create(module, body, Macro.Env.location(__ENV__))
      module
    end

    defp fields(schema), do: schema.random_fields()
    defp rowid?(schema), do: length(schema.__schema__(:primary_key)) == 1

    defp create_table(schema) do
      columns =
        for {name, type} <- fields(schema),
            do: ~s(, "col ""#{name}""" #{@column_types[type]})

      table = ~s("#{schema.__schema__(:source)}")

      if rowid?(schema),
        do:
          Repo.query!("CREATE TABLE #{table} (key INTEGER PRIMARY KEY, mark INTEGER#{columns})"),
        else:
          Repo.query!(
            "CREATE TABLE #{table} (key INTEGER, part TEXT, mark INTEGER#{columns}, " <>
              "PRIMARY KEY (key, part)) WITHOUT ROWID"
          )
    end

    defp fill(schema, rows) do
      Repo.delete_all(schema)

      Repo.insert_all(
        schema,
        Enum.map(rows, &Map.take(&1, schema.__schema__(:fields)))
      )
    end

    ## Rows

    defp table do
      gen all(
            schema <- member_of(Process.get(:schemas)),
            rows <- list_of(row(schema), max_length: 6)
          ) do
        rows =
          rows
          |> Enum.with_index(1)
          |> Enum.map(fn {values, key} ->
            schema |> struct!(values) |> Map.put(:key, key) |> part()
          end)

        {schema, rows}
      end
    end

    defp part(%{part: _} = row), do: %{row | part: "p#{rem(row.key, 2)}"}
    defp part(row), do: row

    defp row(schema) do
      schema
      |> fields()
      |> Map.new(fn {name, type} -> {name, frequency([{4, value(type)}, {1, constant(nil)}])} end)
      |> fixed_map()
    end

    # Few different ones, so that they meet.
    defp value(:integer), do: integer(-3..3)
    defp value(:float), do: map(integer(-6..6), &(&1 / 4))
    defp value(:boolean), do: boolean()
    defp value(:string), do: member_of(["", "a", "A", "b", "it's", "ä", "\0x", "10", "9"])
    defp value(:date), do: map(integer(0..3), &Date.add(~D[2024-02-28], &1))

    defp value(:utc_datetime),
      do: map(integer(0..3), &DateTime.add(~U[2024-02-28 23:59:59Z], &1))

    defp value(:utc_datetime_usec),
      do:
        map(
          integer(0..3),
          &DateTime.add(~U[2024-02-28 23:59:59.000000Z], &1 * 500_000, :microsecond)
        )

    defp value(:decimal) do
      map(
        member_of(~w(0 1 1.0 1.00 -1 9 10 10.5 0.1 0.10 12345678901234567890.12 -0.5)),
        &Decimal.new/1
      )
    end

    ## Conditions

    defp field(tables) do
      gen all(
            {binding, schema} <- member_of(tables),
            {name, type} <- member_of(fields(schema))
          ) do
        {:field, binding, name, type}
      end
    end

    defp operand(tables) do
      gen all(
            {:field, _, _, type} = field <- field(tables),
            value <- value(type),
            op <- member_of([:field, :coalesce, :+, :-, :*])
          ) do
        cond do
          op == :field -> field
          op == :coalesce -> {:coalesce, field, {:value, type, value}}
          type in @calculated -> {op, field, {:value, type, value}}
          true -> field
        end
      end
    end

    defp condition(tables) do
      tree(leaf(tables), fn inner ->
        one_of([
          map({inner, inner}, fn {left, right} -> {:and, left, right} end),
          map({inner, inner}, fn {left, right} -> {:or, left, right} end),
          map(inner, &{:not, &1})
        ])
      end)
    end

    defp leaf(tables) do
      gen all(
            left <- operand(tables),
            {:field, _, _, type} = field <- field(tables),
            same <- fields_of(NaiveQuery.type(left), tables),
            value <- value(NaiveQuery.type(left)),
            values <- list_of(value(type), max_length: 3),
            op <- member_of([:==, :!=, :<, :>, :<=, :>=]),
            kind <- member_of([:value, :field, :field, :is_nil, :in])
          ) do
        case kind do
          :value -> {:compare, op, left, {:value, NaiveQuery.type(left), value}}
          :field -> {:compare, op, left, same}
          :is_nil -> {:is_nil, left}
          :in -> {:in, field, values}
        end
      end
    end

    # Fields that compare with a value of the type, of which there is one at least.
    defp fields_of(type, tables) do
      member_of(
        for {binding, schema} <- tables,
            {name, other} <- fields(schema),
            comparable?(type, other),
            do: {:field, binding, name, other}
      )
    end

    defp comparable?(same, same), do: true

    defp comparable?(type, other) do
      Enum.any?(
        [[:decimal, :integer], [:utc_datetime, :utc_datetime_usec], [:date, :utc_datetime]],
        &(type in &1 and other in &1)
      )
    end

    defp terms(tables) do
      gen all(
            fields <- list_of(field(tables), max_length: 2),
            directions <- list_of(member_of(@directions), length: 2)
          ) do
        Enum.zip(directions, fields)
      end
    end

    defp key(binding), do: {:asc, {:field, binding, :key, :integer}}

    defp order_by(terms),
      do: for({direction, operand} <- terms, do: {direction, NaiveQuery.to_dynamic(operand)})

    ## Comparing results

    # One form for values that are equal.
    defp comparable(:decimal, %Decimal{coef: 0}), do: "0"

    defp comparable(:decimal, %Decimal{} = value),
      do: value |> Decimal.normalize() |> Decimal.to_string(:normal)

    defp comparable(:decimal, text) when is_binary(text),
      do: comparable(:decimal, Decimal.new(text))

    defp comparable(:date, %Date{} = date), do: Date.to_iso8601(date)
    defp comparable(_type, %DateTime{} = datetime), do: DateTime.to_iso8601(datetime)
    defp comparable(_type, value), do: value

    defp sorted(type, values), do: values |> Enum.map(&comparable(type, &1)) |> Enum.sort()

    defp same?(_type, nil, other), do: other == nil
    defp same?(_type, _value, nil), do: false
    defp same?(:float, left, right), do: left == right

    # A calculated value has no type in Ecto, and comes as it is stored.
    defp same?(:boolean, left, right), do: left == right or right == if(left, do: 1, else: 0)

    defp same?(:decimal, left, right),
      do: comparable(:decimal, left) == comparable(:decimal, right)

    defp same?(type, left, right)
         when type in [:date, :utc_datetime, :utc_datetime_usec] and is_binary(right),
         do: String.trim_trailing(comparable(type, left), "Z") == right

    defp same?(type, left, right), do: comparable(type, left) == comparable(type, right)

    defp before?(type, left, right), do: NaiveQuery.compare(type, left, right) != :gt

    defp add(:decimal, left, right), do: Decimal.add(left, right)
    defp add(_type, left, right), do: left + right

    defp same_rows?(loaded, rows) do
      fields = fn row -> row |> Map.from_struct() |> Map.drop([:__meta__]) end
      Enum.map(loaded, fields) == rows |> Enum.sort_by(& &1.key) |> Enum.map(fields)
    end
  end
end

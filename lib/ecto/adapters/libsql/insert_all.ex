if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.InsertAll do
    @moduledoc false
    # `c:Ecto.Adapter.Schema.insert_all/8` in as many statements as SQLite needs: it has no DEFAULT
    # for a cell, and a limit to a statement's parameters.

    alias Ecto.Adapters.LibSql.Connection
    alias Ecto.Adapters.LibSql.SQL.Assignment

    # SQLITE_MAX_VARIABLE_NUMBER
    @max_params 32_766
    @savepoint ~s("ecto_libsql_insert_all")

    @type context ::
            {Ecto.Adapter.adapter_meta(), Ecto.Adapter.Schema.schema_meta(),
             Ecto.Adapter.Schema.on_conflict(), Ecto.Adapter.Schema.returning(), keyword()}

    @spec insert_all(context(), [atom()], [keyword()] | {Ecto.Query.t(), list()}, list()) ::
            {non_neg_integer(), [[term()]] | nil}
    def insert_all(context, header, {%Ecto.Query{}, _params} = query, placeholders),
      do: insert(context, {header, typed(query, header, context), placeholders})

    def insert_all(context, [_ | _] = header, rows, []) when is_list(rows) do
      width = length(header)

      if Enum.all?(rows, &values?(&1, width)),
        do: insert_values(context, header, width, rows),
        else: insert_any(context, header, rows, [])
    end

    def insert_all(context, header, rows, placeholders),
      do: insert_any(context, header, rows, placeholders)

    # Rows that have all of the fields, and values only: in most calls all of them.
    defp values?([{_field, {%Ecto.Query{}, _params}} | _cells], _width), do: false
    defp values?([_cell | cells], width), do: values?(cells, width - 1)
    defp values?([], width), do: width == 0

    defp insert_values({_, _, {_, conflict_params, _}, _, _} = context, header, width, rows) do
      case Enum.chunk_every(rows, max(div(@max_params - length(conflict_params), width), 1)) do
        [rows] -> insert(context, {header, rows, []})
        chunks -> insert_chunks(context, Enum.map(chunks, &{header, &1, []}))
      end
    end

    defp insert_any(context, header, rows, placeholders) do
      rows =
        if Enum.any?(rows, &queries?/1), do: Enum.map(rows, &typed_row(&1, context)), else: rows

      case statements(context, header, rows, placeholders) do
        [statement] -> insert(context, statement)
        statements -> insert_chunks(context, statements)
      end
    end

    defp insert_chunks(context, statements),
      do: all_or_nothing(context, fn -> insert_each(context, statements) end)

    defp queries?(row), do: Enum.any?(row, &match?({_column, {%Ecto.Query{}, _params}}, &1))

    defp typed_row(row, context),
      do: for({column, value} <- row, do: {column, typed(value, [column], context)})

    # What a query gives is written in the format of its columns.
    defp typed({%Ecto.Query{} = query, params}, columns, {_meta, %{schema: schema}, _, _, _}),
      do: {Assignment.note(query, columns, schema), params}

    defp typed(value, _columns, _context), do: value

    defp insert({meta, schema_meta, on_conflict, returning, opts}, {header, rows, placeholders}) do
      Ecto.Adapters.SQL.insert_all(
        meta,
        schema_meta,
        Connection,
        header,
        rows,
        on_conflict,
        returning,
        placeholders,
        opts
      )
    end

    defp insert_each(context, statements) do
      {counts, rows} = statements |> Enum.map(&insert(context, &1)) |> Enum.unzip()
      {Enum.sum(counts), if(hd(rows), do: Enum.concat(rows))}
    end

    ## Splitting

    # Rows stay in their order, so that ids and returned rows do.
    defp statements({_, _, {_, conflict_params, _}, _, _}, header, rows, placeholders) do
      limit = @max_params - length(conflict_params)

      rows
      |> Enum.chunk_by(&fields(header, &1))
      |> Enum.flat_map(fn [row | _] = rows ->
        header = fields(header, row)

        for rows <- chunk_by_params(rows, header, limit - length(placeholders)),
            do: statement(header, rows, placeholders)
      end)
    end

    defp fields(header, row) do
      if length(header) == length(row),
        do: header,
        else: Enum.filter(header, &List.keymember?(row, &1, 0))
    end

    # DEFAULT VALUES is one row.
    defp chunk_by_params(rows, [], _limit), do: Enum.map(rows, &[&1])

    defp chunk_by_params(rows, _header, limit) do
      Enum.chunk_while(
        rows,
        {[], 0},
        fn row, {chunk, count} ->
          params = count_params(row)

          if chunk != [] and count + params > limit,
            do: {:cont, Enum.reverse(chunk), {[row], params}},
            else: {:cont, {[row | chunk], count + params}}
        end,
        fn {chunk, _count} -> {:cont, Enum.reverse(chunk), nil} end
      )
    end

    defp count_params(row) do
      Enum.reduce(row, 0, fn
        {_field, {:placeholder, _}}, count -> count
        {_field, {%Ecto.Query{}, params}}, count -> count + length(params)
        {_field, _value}, count -> count + 1
      end)
    end

    # A statement is given the placeholders that it uses, numbered anew: SQLite counts parameters
    # up to the highest number that occurs.
    defp statement(header, rows, []), do: {header, rows, []}

    defp statement(header, rows, placeholders) do
      used =
        for(row <- rows, {_field, {:placeholder, number}} <- row, uniq: true, do: number)
        |> Enum.sort()

      numbers = used |> Enum.with_index(1) |> Map.new()

      rows =
        for row <- rows do
          for {field, value} <- row, do: {field, renumber(value, numbers)}
        end

      {header, rows, Enum.map(used, &Enum.at(placeholders, &1 - 1))}
    end

    defp renumber({:placeholder, number}, numbers), do: {:placeholder, numbers[number]}
    defp renumber(value, _numbers), do: value

    ## Transaction

    # In an open transaction, an error must undo these rows and leave the rest to the caller.
    defp all_or_nothing({meta, _, _, _, opts}, fun) do
      if Ecto.Adapters.SQL.in_transaction?(meta) do
        in_savepoint(meta, opts, fun)
      else
        {:ok, result} = Ecto.Adapters.LibSql.transaction(meta, opts, fun)
        result
      end
    end

    defp in_savepoint(meta, opts, fun) do
      run = fn verb -> Ecto.Adapters.SQL.query!(meta, [verb, ?\s, @savepoint], [], opts) end
      run.("SAVEPOINT")

      try do
        fun.()
      catch
        kind, reason ->
          run.("ROLLBACK TO")
          run.("RELEASE")
          :erlang.raise(kind, reason, __STACKTRACE__)
      else
        result ->
          run.("RELEASE")
          result
      end
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Insert do
    @moduledoc false
    # INSERT: rows, or a query.

    alias Ecto.Adapters.LibSql.SQL.{Correlation, Kept, Name, OnConflict, Query, Row, Scope}

    @type rows :: [[term()]] | Ecto.Query.t()

    @spec insert(
            Name.name() | nil,
            Name.name(),
            [atom()],
            rows(),
            Ecto.Adapter.Schema.on_conflict(),
            Row.returning(),
            [term()]
          ) :: iodata()
    def insert(prefix, table, header, [header] = rows, {on_conflict, [], target}, returning, [])
        when is_atom(on_conflict) or is_list(on_conflict) do
      on_conflict = {on_conflict, [], target}

      Kept.fetch({:insert, prefix, table, header, on_conflict, returning}, fn ->
        generate(prefix, table, header, rows, on_conflict, returning, [])
      end)
    end

    def insert(prefix, table, header, rows, on_conflict, returning, placeholders),
      do: generate(prefix, table, header, rows, on_conflict, returning, placeholders)

    defp generate(prefix, table, header, rows, on_conflict, returning, placeholders) do
      {values, next} = values(header, rows, on_conflict, length(placeholders))

      [
        ["INSERT INTO ", Name.quote_table(prefix, table), OnConflict.table_alias(on_conflict)],
        [values, OnConflict.clause(on_conflict, next), Row.returning(returning)]
      ]
    end

    # What is inserted, and the index of the parameter after it.
    defp values(header, %Ecto.Query{} = query, on_conflict, _next),
      do: {[columns(header), ?\s, query(query, on_conflict)], nil}

    # DEFAULT VALUES is one row, and takes no ON CONFLICT. NULL for a rowid is no value either.
    defp values([], [_row], {:raise, _, _}, next), do: {" DEFAULT VALUES", next}

    defp values([], rows, _on_conflict, next),
      do: {[" (_rowid_) VALUES " | Enum.map_intersperse(rows, ?,, fn _row -> "(NULL)" end)], next}

    defp values(header, rows, _on_conflict, next) do
      {rows, next} = rows(rows, next, header)
      {[columns(header), " VALUES " | rows], next}
    end

    # Rows of plain values, which most are, are one text over and over: parameters that are not
    # numbered count on. 500 rows of 7 took 0.9 ms with numbers.
    defp rows([_row, _another | _] = rows, 0, header) do
      if Enum.all?(rows, &plain?(&1, header)) do
        count = length(rows)
        row = "(" <> :binary.copy("?,", length(header) - 1) <> "?)"
        {[:binary.copy(row <> ",", count - 1), row], count * length(header)}
      else
        numbered_rows(rows, 0, header)
      end
    end

    defp rows(rows, next, header), do: numbered_rows(rows, next, header)

    defp numbered_rows(rows, next, header) do
      {rows, next} = Enum.map_reduce(rows, next, &row(&1, &2, header))
      {Enum.intersperse(rows, ?,), next}
    end

    # A value's cell is the name of its field.
    defp plain?([field | cells], [_ | header]) when is_atom(field) and field != nil,
      do: plain?(cells, header)

    defp plain?(cells, header), do: cells == [] and header == []

    defp columns([]), do: []
    defp columns(header), do: [" (", Name.quote_names(header), ?)]

    # Without a WHERE of its own, the ON of ON CONFLICT would be taken for a join's.
    defp query(query, {:raise, _, _}), do: Query.select(Scope.new(query))

    defp query(query, _on_conflict),
      do: ["SELECT * FROM (", Query.select(Scope.new(query)), ") WHERE TRUE"]

    defp row(cells, next, header) do
      {cells, next} =
        cells
        |> Enum.zip(header)
        |> Enum.map_reduce(next, fn {c, h}, next -> cell(c, h, next) end)

      {[?(, Enum.intersperse(cells, ?,), ?)], next}
    end

    # InsertAll splits the rows by their fields, so that there is none.
    defp cell(nil, field, _next) do
      raise ArgumentError,
            "a row has no value for #{inspect(field)}: SQLite has no DEFAULT for a single cell, " <>
              "so the rows of one INSERT have to have the same fields"
    end

    defp cell({:placeholder, number}, _field, next), do: {[?? | to_string(number)], next}

    defp cell({%Ecto.Query{} = query, parameters}, _field, next),
      do: {[?(, Query.select(numbered(query, next)), ?)], next + parameters}

    defp cell(_field_name, _field, next), do: {[?? | Integer.to_string(next + 1)], next + 1}

    # Ecto numbered the query's parameters for all of the rows, of which these may be a part.
    defp numbered(query, next) do
      case Correlation.first_parameter(query) do
        nil -> Scope.new(query)
        first -> Scope.new(query, shift: next - first)
      end
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.UUIDConversion do
    @moduledoc false
    # A column of UUIDs from one form to the other, together with all columns that foreign keys tie to
    # it: each of their tables is built anew, all in one transaction.

    alias Ecto.Adapters.LibSql.DDL.{Database, Draft, Rebuild, TableInfo}
    alias Ecto.Migration.Table
    alias EctoLibSql.CreateTable
    alias EctoLibSql.CreateTable.{Column, Constraint}
    alias EctoLibSql.UUID
    alias EctoLibSql.UUID.SQL

    import EctoLibSql.Identifier, only: [fold: 1, quote_name: 1, quote_name: 2]

    @types %{text: "TEXT", binary: "BLOB"}

    @doc """
    Changes the column's form.
    """
    @spec run!(Database.t(), Table.t(), atom() | String.t(), SQL.storage()) :: :ok
    def run!(db, %Table{} = table, column, to) do
      Database.transaction!(db, fn ->
        info = TableInfo.fetch!(db, table)
        column = column!(info, to_string(column))
        tied = db |> foreign_keys(info.schema) |> tied([{fold(info.name), fold(column.name)}])

        drafts =
          for {table, columns} <- Enum.group_by(tied, &elem(&1, 0), &elem(&1, 1)) do
            info = TableInfo.fetch!(db, %Table{name: table, prefix: info.schema})
            Enum.each(columns, &check_values!(db, info, &1))
            Enum.reduce(columns, Draft.new(info), &convert(&2, &1, to))
          end

        Rebuild.run!(db, drafts)
      end)
    rescue
      error in [EctoLibSql.Error, ArgumentError] ->
        message = "convert_uuid #{table.name}.#{column}: #{error.message}"
        reraise %{error | message: message}, __STACKTRACE__
    end

    defp column!(info, name) do
      CreateTable.column(info.created, name) ||
        raise ArgumentError,
              "there is no such column; there are " <>
                Enum.map_join(info.created.columns, ", ", & &1.name)
    end

    ## What foreign keys tie together: columns as `{table, column}`, folded

    defp foreign_keys(db, schema) do
      tables =
        for ["table", name, _, sql] when sql != nil <-
              Database.objects!(db, schema, "type = 'table'", []),
            {:ok, created} <- [CreateTable.parse(sql)],
            into: %{},
            do: {fold(name), created}

      for {name, created} <- tables,
          key <- CreateTable.foreign_keys(created),
          parent = fold(key.table),
          {column, to} <- Enum.zip(key.columns, referenced(key, tables[parent])),
          do: {{name, fold(column)}, {parent, fold(to)}}
    end

    defp referenced(_key, nil), do: []

    defp referenced(%{parent_columns: []}, created),
      do: created |> CreateTable.primary_key() |> elem(0)

    defp referenced(%{parent_columns: columns}, _created), do: columns

    defp tied(keys, columns) do
      more =
        for {child, parent} <- keys, child in columns or parent in columns, do: [child, parent]

      case more |> List.flatten() |> Enum.concat(columns) |> Enum.uniq() do
        all when length(all) == length(columns) -> columns
        all -> tied(keys, all)
      end
    end

    ## Values

    defp check_values!(db, info, column) do
      name = quote_name(column)

      rows =
        Database.rows!(db, [
          ["SELECT typeof(", name, "), ", name, " FROM ", quote_name(info.schema, info.name)],
          [" WHERE ", name, " IS NOT NULL AND (", SQL.convert(name, :binary), ") IS NULL LIMIT 1"]
        ])

      with [[type, value]] <- rows do
        raise ArgumentError,
              "#{info.name}.#{column} has the value #{inspect(value)}, which #{reason(type, value)}; " <>
                "correct or delete it first"
      end
    end

    defp reason("blob", bytes), do: "is no UUID: it is a blob of #{byte_size(bytes)} bytes"
    defp reason("text", text), do: UUID.Text.wrong(text)
    defp reason(type, _value), do: "is no UUID: it is of the type #{type}"

    ## The table

    defp convert(%Draft{} = draft, name, to) do
      column = Draft.column(draft, name)

      if Column.has?(column, :generated) do
        raise ArgumentError,
              "#{draft.info.name}.#{column.name} is generated; convert what it is generated from"
      end

      draft
      |> Draft.put_column(column |> Column.put_type(@types[to]) |> put_default(draft, to))
      |> put_checks(column.name, to)
      |> put_copy(column.name, to)
    end

    defp put_copy(draft, name, to),
      do: %{draft | copies: Map.update!(draft.copies, name, &SQL.convert(&1, to))}

    defp put_default(column, draft, to) do
      case Enum.map(column.constraints, &converted(&1, column, draft, to)) do
        same when same == column.constraints -> column
        constraints -> %{column | constraints: constraints, text: nil}
      end
    end

    defp converted(%Constraint{kind: :default, text: text} = default, column, draft, to) do
      value = converted_default(text, to) || unknown!(draft, column, text)
      %{default | text: IO.iodata_to_binary(["DEFAULT ", value])}
    end

    defp converted(constraint, _column, _draft, _to), do: constraint

    defp converted_default(text, to) do
      [_, value] = Regex.run(~r/\bDEFAULT\s*(.*)\z/is, text)
      from = if to == :text, do: :binary, else: :text
      expressions = for f <- [&SQL.generate(4, &1), &SQL.generate(7, &1), &SQL.engine/1], do: f

      Enum.find_value(expressions, fn expression ->
        if value in [parenthesized(expression.(from)), parenthesized(expression.(to))],
          do: parenthesized(expression.(to))
      end) || literal(value, to)
    end

    defp parenthesized(expression), do: "(#{expression})"

    defp literal(value, to) do
      with [_, hex] <- Regex.run(~r/\A'([0-9a-f-]{36})'\z/i, value),
           {:ok, bytes} <- UUID.parse(hex) do
        in_form(bytes, to)
      else
        _ -> blob_literal(value, to)
      end
    end

    defp blob_literal(value, to) do
      case Regex.run(~r/\AX'([0-9a-f]{32})'\z/i, value) do
        [_, hex] -> hex |> Base.decode16!(case: :mixed) |> in_form(to)
        nil -> if String.upcase(value) == "NULL", do: "NULL"
      end
    end

    defp in_form(bytes, :text), do: ["'", UUID.to_text(bytes), "'"]
    defp in_form(bytes, :binary), do: ["X'", Base.encode16(bytes), "'"]

    @spec unknown!(Draft.t(), Column.t(), String.t()) :: no_return()
    defp unknown!(draft, column, text) do
      raise ArgumentError,
            "#{draft.info.name}.#{column.name} has a default that is none of uuid_default's and no UUID: " <>
              "#{text}; remove it before, and set the new one afterwards"
    end

    # Of the column and of the table: those that uuid_check/2 makes.
    defp put_checks(%Draft{created: created} = draft, name, to) do
      columns = for column <- created.columns, do: put_column_checks(column, name, to)
      constraints = Enum.map(created.constraints, &put_check(&1, name, to))
      %{draft | created: %{created | columns: columns, constraints: constraints}}
    end

    defp put_column_checks(column, name, to) do
      case Enum.map(column.constraints, &put_check(&1, name, to)) do
        same when same == column.constraints -> column
        constraints -> %{column | constraints: constraints, text: nil}
      end
    end

    defp put_check(%Constraint{kind: :check, expression: expression} = check, name, to) do
      quoted = name |> quote_name() |> IO.iodata_to_binary()
      from = if to == :text, do: :binary, else: :text

      if expression == SQL.check(quoted, from) do
        new = SQL.check(quoted, to)
        %{check | expression: new, text: String.replace(check.text, expression, new)}
      else
        check
      end
    end

    defp put_check(constraint, _name, _to), do: constraint
  end
end

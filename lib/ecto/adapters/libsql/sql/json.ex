if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Json do
    @moduledoc false
    # `json_extract_path`: a path into a JSON column, whose keys may hold anything and whose parts
    # may come from other columns.

    alias Ecto.Adapters.LibSql.SQL.{Expression, Literal, QueryError, Scope}
    alias EctoLibSql.JSON.Path

    @doc "The element as an SQL value: true and false are 1 and 0, objects and arrays are JSON."
    @spec value(term(), [term()], Scope.t()) :: iodata()
    def value(json, [], scope), do: Expression.expr(json, scope)
    def value(json, path, scope), do: call("json_extract(", json, path, scope)

    @doc "The element as JSON text."
    @spec text(term(), [term()], Scope.t()) :: iodata()
    def text(json, path, scope),
      do: [?(, Expression.operand(json, scope), " -> ", path(path, scope), ?)]

    @doc "The name of the element's type."
    @spec type(term(), [term()], Scope.t()) :: iodata()
    def type(json, path, scope), do: call("json_type(", json, path, scope)

    defp call(function, json, path, scope),
      do: [function, Expression.expr(json, scope), ", ", path(path, scope), ?)]

    # Known parts that follow each other are one text.
    defp path(path, scope) do
      [?$ | Enum.map(path, &part(&1, scope))]
      |> List.flatten()
      |> Enum.chunk_by(&match?({:sql, _}, &1))
      |> Enum.map_intersperse(" || ", fn
        [{:sql, _} | _] = parts -> Enum.map_intersperse(parts, " || ", fn {:sql, sql} -> sql end)
        text -> text |> IO.chardata_to_string() |> Literal.text()
      end)
      |> then(&if(match?([_, _ | _], &1), do: [?(, &1, ?)], else: &1))
    end

    defp part(part, scope) when is_binary(part) or is_integer(part) do
      case Path.part(part) do
        {:error, reason} -> QueryError.raise_error(scope, "a JSON path: #{reason}")
        text -> text
      end
    end

    defp part({{:., _, [_source, _field]}, _, []} = field, scope) do
      sql = field |> by_column(scope) |> Expression.expr(scope)

      {:sql,
       [
         ["CASE typeof(", sql, ") WHEN 'integer' THEN '[' || ", sql],
         [" || ']' ELSE '.' || ", key(sql), " END"]
       ]
       |> then(&[?(, &1, ?)])}
    end

    defp part(other, scope),
      do: QueryError.raise_error(scope, "unsupported part of a JSON path: #{inspect(other)}")

    # Quoted as `EctoLibSql.JSON.Path` quotes keys, which every SQLite reads alike.
    defp key(sql) do
      [
        ["replace(replace(json_quote(", sql],
        ~S|), '\\', '\u005c'), '\"', '\u0022')|
      ]
    end

    # Ecto leaves paths as they were written: with fields, not columns, and with named bindings.
    defp by_column({{:., meta, [source, field]}, call_meta, []}, scope) do
      {source, schema} = resolve(source, scope)
      column = (schema && is_atom(field) && schema.__schema__(:field_source, field)) || field
      {{:., meta, [source, column]}, call_meta, []}
    end

    defp resolve({:as, meta, [as]}, scope) do
      case scope.query.aliases do
        %{^as => ix} -> resolve({:&, meta, [ix]}, scope)
        %{} -> QueryError.raise_error(scope, "could not find named binding `as(#{inspect(as)})`")
      end
    end

    defp resolve({:parent_as, _, [as]} = source, scope) do
      {parent, ix} = Scope.parent(scope, as)
      {source, schema(parent, ix)}
    end

    defp resolve({:&, _, [ix]} = source, scope), do: {source, schema(scope, ix)}

    defp schema(scope, ix) do
      case elem(scope.query.sources, ix) do
        {_source, schema, _prefix} when is_atom(schema) -> schema
        _ -> nil
      end
    end
  end
end

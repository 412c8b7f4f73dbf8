if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.JSON.Schema do
    @moduledoc false
    # What a table has for the JSON in its columns: indexes on paths, generated columns, checks. Each
    # is written with the very expression that queries have, by which SQLite finds an index.

    alias Ecto.Migration.Index
    alias EctoLibSql.JSON.Path

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_text: 1]

    @spec index(atom() | String.t(), atom(), Path.t(), keyword()) :: Index.t()
    def index(table, column, path, opts) do
      expression = extract(column, path)
      opts = Keyword.put_new_lazy(opts, :name, fn -> name(table, column, path) end)
      Ecto.Migration.index(table, [expression], opts)
    end

    # As Ecto names an index after its columns.
    defp name(table, column, path) do
      [table, column | path]
      |> Enum.concat([:index])
      |> Enum.map_join("_", &(&1 |> to_string() |> String.replace(~r/[^\w]+/u, "_")))
      |> String.to_atom()
    end

    @spec generated(atom(), Path.t(), keyword()) :: String.t()
    def generated(column, path, opts) do
      kind =
        case Keyword.validate!(opts, stored: false)[:stored] do
          true -> "STORED"
          false -> "VIRTUAL"
          other -> raise ArgumentError, ":stored takes true or false, got: #{inspect(other)}"
        end

      "ALWAYS AS (#{extract(column, path)}) #{kind}"
    end

    @spec check(atom(), keyword()) :: String.t()
    def check(column, opts) do
      flags =
        case Keyword.validate!(opts, form: :any)[:form] do
          :any ->
            9

          :text ->
            1

          :jsonb ->
            8

          other ->
            raise ArgumentError, ":form takes :text, :jsonb or :any, got: #{inspect(other)}"
        end

      "json_valid(#{quote_name(column)}, #{flags})"
    end

    defp extract(column, path) do
      IO.iodata_to_binary([
        ["json_extract(", quote_name(column), ", "],
        [path |> Path.to_text!() |> quote_text(), ?)]
      ])
    end
  end
end

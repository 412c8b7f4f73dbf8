if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.JsonColumn do
    @moduledoc false
    # A path into JSON that a query selects comes back as JSON text, since SQL values have neither
    # booleans nor objects. Its column has a name that says so, by which it is decoded.

    alias Ecto.Adapters.LibSql.Types.Json
    alias EctoLibSql.Result

    @name "->"

    @spec name() :: String.t()
    def name, do: @name

    @doc "A result with its JSON columns decoded."
    @spec decode(Result.t() | [Result.t()]) :: Result.t() | [Result.t()]
    def decode(%Result{columns: [_ | _] = columns, rows: [_ | _] = rows} = result) do
      if @name in columns,
        do: %{result | rows: Enum.map(rows, &row(&1, columns))},
        else: result
    end

    def decode(result), do: result

    defp row([cell | cells], [@name | names]), do: [cell(cell) | row(cells, names)]
    defp row([cell | cells], [_name | names]), do: [cell | row(cells, names)]
    defp row([], []), do: []

    defp cell(nil), do: nil

    defp cell(json) do
      {:ok, term} = Json.decode(json)
      term
    end
  end
end

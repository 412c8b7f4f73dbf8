if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Row do
    @moduledoc false
    # What the statements on single rows share: filters and RETURNING.

    alias Ecto.Adapters.LibSql.SQL.Name

    @type returning :: [atom()] | {:unsafe_fragment, String.t()}

    @doc """
    The filters, with parameters from that number on. One that is nil is a parameter as well: Ecto
    gives its value like any other's, and IS finds NULL.
    """
    @spec filters(keyword(), pos_integer()) :: iodata()
    def filters(filters, first) do
      filters
      |> Enum.with_index(first)
      |> Enum.map_intersperse(" AND ", fn
        {{field, nil}, number} -> [Name.quote_name(field), " IS ?" | Integer.to_string(number)]
        {{field, _value}, number} -> [Name.quote_name(field), " = ?" | Integer.to_string(number)]
      end)
    end

    @spec returning(returning()) :: iodata()
    def returning([]), do: []
    def returning({:unsafe_fragment, fragment}), do: [" RETURNING " | fragment]
    def returning(fields), do: [" RETURNING " | Name.quote_names(fields)]
  end
end

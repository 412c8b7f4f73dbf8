if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Name do
    @moduledoc false
    # Identifiers, quoted: columns, tables with their prefix (an attached database), aliases.

    @type name :: atom() | String.t()

    @spec quote_name(name()) :: iodata()
    def quote_name(name) when is_atom(name) and not is_nil(name),
      do: name |> Atom.to_string() |> quote_name()

    def quote_name(name) when is_binary(name) do
      if plain?(name), do: [?", name, ?"], else: [?", quoted(name), ?"]
    end

    def quote_name(other), do: raise(ArgumentError, "bad identifier #{inspect(other)}")

    # Nearly all are; in one pass, since every write quotes the names of its columns.
    defp plain?(<<byte, rest::binary>>) when byte not in [0, ?"], do: plain?(rest)
    defp plain?(rest), do: rest == ""

    defp quoted(name) do
      # SQL text ends at a NUL.
      if String.contains?(name, <<0>>) do
        raise ArgumentError, "bad identifier #{inspect(name)}: it holds a NUL"
      end

      String.replace(name, ~s("), ~s(""))
    end

    @spec quote_names([name()]) :: iodata()
    def quote_names(names), do: Enum.map_intersperse(names, ?,, &quote_name/1)

    @spec quote_table(name() | nil, name()) :: iodata()
    def quote_table(nil, table), do: quote_name(table)
    def quote_table(prefix, table), do: [quote_name(prefix), ?. | quote_name(table)]
  end
end

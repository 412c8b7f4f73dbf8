if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.Declared do
    @moduledoc false
    # Columns that a query selects without a schema are decoded by their declared type: JSON to
    # maps and lists, decimals to Decimal. SQLite's other values are Ecto's already.
    #
    # A query whose sources all have types pays nothing for this. For another one, where its
    # columns come from is asked of SQLite after the run.

    alias Ecto.Adapters.LibSql.Types.{DecimalText, Json}
    alias EctoLibSql.Result

    @typedoc "For each column its table and its declared type, as far as it has them."
    @type described :: [{String.t() | nil, String.t() | nil}]

    @option :ecto_libsql_typed_tables

    @doc """
    The options of a query's run, with a note where it has columns of unknown type.
    """
    @spec note(keyword(), map()) :: keyword()
    def note(opts, %{select: %{}, sources: sources}) do
      if typed?(sources), do: opts, else: [{@option, typed_tables(sources)} | opts]
    end

    def note(opts, _query_meta), do: opts

    defp typed?(sources), do: sources |> Tuple.to_list() |> Enum.all?(&typed_source?/1)

    defp typed_source?({:values, _, _}), do: true
    defp typed_source?({:fragment, _, _}), do: false
    defp typed_source?({_source, schema, _prefix}), do: schema != nil
    defp typed_source?(%Ecto.SubQuery{query: %{sources: sources}}), do: typed?(sources)

    # The schema says what type the columns of its table have.
    defp typed_tables(sources) do
      for {table, schema, _prefix} <- Tuple.to_list(sources), is_atom(schema), schema, do: table
    end

    @doc """
    Whether `note/2` left a note.
    """
    @spec noted?(keyword()) :: boolean()
    def noted?(opts), do: Keyword.has_key?(opts, @option)

    @doc """
    The result with its columns decoded, if `note/2` left a note; `describe` answers what is known
    of them.
    """
    @spec decode(Result.t(), keyword(), (-> {:ok, described()} | term())) :: Result.t()
    def decode(%Result{rows: [_ | _]} = result, opts, describe) do
      with {:ok, typed_tables} <- Keyword.fetch(opts, @option),
           {:ok, [_ | _] = described} <- describe.(),
           decoders = Enum.map(described, &decoder(&1, typed_tables)),
           true <- Enum.any?(decoders) do
        %{result | rows: Enum.map(result.rows, &row(&1, decoders))}
      else
        _ -> result
      end
    end

    def decode(result, _opts, _describe), do: result

    # A server does not say which table a column is of: where some have types, it may be theirs.
    defp decoder({nil, _declared}, [_ | _]), do: nil

    defp decoder({table, declared}, typed_tables) do
      if table not in typed_tables, do: decoder(declared)
    end

    defp decoder("JSON_BLOB" <> _), do: {:map, &Json.decode_stored/1}
    defp decoder("JSON_" <> _), do: {:map, &Json.decode/1}
    defp decoder("DECIMAL_TEXT" <> _), do: {:decimal, &DecimalText.load/1}
    defp decoder(_), do: nil

    defp row([cell | cells], [nil | decoders]), do: [cell | row(cells, decoders)]

    defp row([cell | cells], [{type, decoder} | decoders]) do
      case decoder.(cell) do
        {:ok, value} ->
          [value | row(cells, decoders)]

        :error ->
          raise ArgumentError, "cannot load `#{inspect(cell)}` as type #{inspect(type)}"
      end
    end

    defp row(rest, []), do: rest
  end
end

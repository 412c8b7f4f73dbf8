if Code.ensure_loaded?(Ecto.Migration) do
  defmodule EctoLibSql.Vector.Definition do
    @moduledoc false
    # A vector index as a migration's index: an expression, with the options as libSQL reads them.

    import EctoLibSql.Identifier, only: [quote_name: 1, quote_text: 1]

    @neighbors %{
      f32: "float32",
      f16: "float16",
      fb16: "floatb16",
      f8: "float8",
      f1bit: "float1bit"
    }

    @options [
      :metric,
      :type,
      :max_neighbors,
      :compress_neighbors,
      :alpha,
      :search_l,
      :insert_l
    ]

    @spec new!(atom() | String.t(), atom() | String.t(), keyword()) :: Ecto.Migration.Index.t()
    def new!(table, column, opts) do
      {name, opts} = Keyword.pop(opts, :name)
      name = name!(name || default_name(table, column))

      if opts[:prefix], do: refuse!(name, "prefix: a vector index is of the main database")

      parameters =
        for {key, value} <- opts, value != nil, do: "#{key}=#{parameter!(name, key, value)}"

      check_together!(name, opts)
      arguments = [quote_name(column) | Enum.map(parameters, &quote_text/1)]
      expression = ["libsql_vector_idx(", Enum.intersperse(arguments, ", "), ?)]
      Ecto.Migration.index(table, [IO.iodata_to_binary(expression)], name: name)
    end

    defp default_name(table, column),
      do: String.replace("#{table}_#{column}_index", ~r/[^A-Za-z0-9_]/, "_")

    # libSQL writes the names of the index's tables without quotes.
    defp name!(name) do
      unless to_string(name) =~ ~r/\A[A-Za-z_][A-Za-z0-9_]*\z/ do
        raise ArgumentError,
              "vector_index: the name #{inspect(name)} has to be of letters, digits and _, and not " <>
                "begin with a digit: say another by name:"
      end

      name
    end

    defp parameter!(_name, :metric, metric) when metric in [:cosine, :l2], do: metric
    defp parameter!(_name, :type, :diskann), do: :diskann

    defp parameter!(_name, key, number)
         when key in [:max_neighbors, :search_l, :insert_l] and is_integer(number) and
                number in 1..0x7FFFFFFF,
         do: number

    defp parameter!(_name, :alpha, alpha) when is_number(alpha) and alpha >= 1, do: alpha

    defp parameter!(_name, :compress_neighbors, kind) when is_map_key(@neighbors, kind),
      do: @neighbors[kind]

    defp parameter!(name, key, value) when key in @options,
      do: refuse!(name, "#{key}: takes #{takes(key)}, got: #{inspect(value)}")

    defp parameter!(name, key, _value) do
      options = Enum.map_join([:name | @options], ", ", &inspect/1)
      refuse!(name, "unknown option #{inspect(key)}, the options are #{options}")
    end

    defp takes(:metric), do: ":cosine or :l2"
    defp takes(:type), do: ":diskann"
    defp takes(:alpha), do: "a number from 1 on"
    defp takes(:compress_neighbors), do: ":f32, :f16, :fb16, :f8 or :f1bit"
    defp takes(_integer), do: "an integer from 1 to 2147483647"

    defp check_together!(name, opts) do
      if opts[:compress_neighbors] == :f1bit and opts[:metric] == :l2,
        do: refuse!(name, "compress_neighbors: :f1bit is for metric: :cosine")
    end

    @spec refuse!(atom() | String.t(), String.t()) :: no_return()
    defp refuse!(name, reason), do: raise(ArgumentError, "vector_index #{name}: #{reason}")
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types do
    @moduledoc """
    How Ecto's types are stored: column types, and what values become on their way in and out.

    | Ecto type | column type | stored as |
    |---|---|---|
    | `:id`, `:integer`, `:boolean` | `INTEGER` | integer, booleans 1 and 0 |
    | `:float` | `REAL` | float; `:inf` and `:"-inf"` too |
    | `:decimal` | `DECIMAL_TEXT` | exact text without exponent |
    | `:string` | `TEXT` | text |
    | `:binary` | `BLOB` | blob, also where it is valid UTF-8 |
    | `:bitstring` | `BLOB` | its bits, padded, and a byte that counts the padding |
    | `:binary_id`, `Ecto.UUID` | `TEXT` or `BLOB` | 36 characters, or 16 bytes: `:uuid_type` |
    | `:date` | `TEXT` | `2026-11-21` |
    | `:time`, `:time_usec` | `TEXT` | `13:05:00`, `13:05:00.000000` |
    | `:naive_datetime`, `:utc_datetime`, … `_usec` | `TEXT` | `2026-11-21T13:05:00`, `…00.000000`; UTC, no `Z` |
    | `:duration` | `TEXT` | an ISO 8601 duration |
    | `:map`, `{:map, _}`, embeds | `JSON_TEXT` or `JSON_BLOB` | JSON, or JSONB: `:map_type` |
    | `{:array, _}` | the same | a JSON array: `:array_type` |
    | `EctoLibSql.JSON.Binary` | `JSON_BLOB`: `:jsonb` in migrations | JSONB |
    | `EctoLibSql.Vector.F32`, … | `F32_BLOB(384)`, … | libSQL's blob of the vector |

    The names with `TEXT` in them have SQLite's TEXT affinity, so that nothing is taken for a
    number; schemaless queries decode by them. In a STRICT table they are plain `TEXT` and `BLOB`.

    ## Decimals

    On local databases, queries compare, sort, group, sum and average `:decimal` fields as exact
    numbers of any length; a quotient has 34 significant digits. What is stored is plain text, and
    an index on it orders by text: an index that orders numbers takes
    `"amount COLLATE ECTO_DECIMAL"`, a collation that other programs do not have, so that they
    cannot open the file.

    ## Dates and times

    The order of the texts is the order of the times, as long as they are of one format. SQLite's
    `datetime()` and `CURRENT_TIMESTAMP` write a space for the `T`: such a value is read, but
    compares wrongly with a field. In a fragment,

        fragment("strftime('%Y-%m-%dT%H:%M:%S', ?)", t.inserted_at)

    writes the stored format. Years are 0 to 9999.

    ## JSON

    Maps and arrays go through Elixir's `JSON` where there is one, else through `Jason`, unless
    `config :ecto_libsql, json_library: SomeLibrary` says otherwise when this package is compiled.
    The keys of objects are sorted, so that equal maps are equal text.

    The elements of an array are what a column of their type stores, so that `^value in t.array`
    finds them; JSON has no bytes, so UUIDs are text in it, and `:binary` is hexadecimal.

    ## Without a schema

    Columns that are declared as JSON or decimals are decoded as such when they are read. What is
    written says what it is, since a binary is text: `{:blob, bytes}`, `{:uuid, text}`,
    `{:json, text}`, and `{:jsonb, text}` for JSON that is to be stored as JSONB.

        Repo.insert_all("posts", [[id: {:uuid, Ecto.UUID.generate()}, hash: {:blob, hash}]])

    ## Options of a repo

      * `:uuid_type` (or `:binary_id_type`) - `:string` (default) or `:binary`, for `:binary_id`
        and `Ecto.UUID` alike, and for `EctoLibSql.UUID` without `storage:`
      * `:map_type`, `:array_type` - `:string` (default), JSON text, or `:binary`, SQLite's JSONB

    Values of either form are read whatever the option says.
    """

    # Ecto asks an adapter for loaders and dumpers with the types alone: no repo, no options, and
    # nothing from which to tell the repo that is running. So a dumper makes what does not depend
    # on them, `{:uuid, text}` and `{:json, text}`, beside the driver's own `{:blob, bytes}`, and
    # the connection, which was opened with the repo's options, binds it in the form that it was
    # told. With the default forms that costs a tuple of two words. Loaders tell the forms apart by
    # the value.

    alias Ecto.Adapters.LibSql.Types.{Calendar, DecimalText, Json}

    @type primitive :: Ecto.Type.primitive()
    @type step :: (term() -> {:ok, term()} | :error) | Ecto.Type.t()

    @integers ~w(id integer boolean serial bigserial identity bigint smallint)a
    @decimals ~w(decimal numeric)a
    @texts ~w(string text date time time_usec naive_datetime naive_datetime_usec utc_datetime
              utc_datetime_usec timestamp duration interval)a
    @uuids ~w(uuid binary_id)a

    @doc """
    The column type of an Ecto type or migration type.

    ## Options

      * `:strict` - the table is STRICT: only SQLite's own names
      * `:uuid_type`, `:map_type`, `:array_type` - as of the repo
      * `:precision`, `:scale` - of a decimal, kept in the declared type
      * `:type`, `:size` - of a `:vector`: the kind of its numbers (`EctoLibSql.Vector`), and its dimension

    A type that Ecto does not know is taken for SQL as it is.

        iex> Ecto.Adapters.LibSql.Types.column_type(:utc_datetime_usec, [])
        "TEXT"
        iex> Ecto.Adapters.LibSql.Types.column_type(:decimal, precision: 10, scale: 2)
        "DECIMAL_TEXT(10,2)"
    """
    @spec column_type(atom() | tuple() | String.t(), keyword()) :: String.t()
    def column_type(type, opts \\ [])
    def column_type(type, _opts) when type in @integers, do: "INTEGER"
    def column_type(:float, _opts), do: "REAL"
    def column_type(type, _opts) when type in @texts, do: "TEXT"
    def column_type(type, _opts) when type in [:binary, :bitstring], do: "BLOB"
    def column_type(type, opts) when type in @uuids, do: plain(opts[:uuid_type])
    def column_type({:array, _}, opts), do: json(opts[:array_type], opts)
    def column_type({:map, _}, opts), do: json(opts[:map_type], opts)
    def column_type(type, opts) when type in [:map, :json], do: json(opts[:map_type], opts)
    def column_type(:jsonb, opts), do: json(:binary, opts)
    def column_type(:any, opts), do: if(opts[:strict], do: "ANY", else: "BLOB")

    def column_type(type, opts) when type in @decimals do
      case {opts[:strict], opts[:precision], opts[:scale]} do
        {true, _, _} -> "TEXT"
        {_, nil, _} -> "DECIMAL_TEXT"
        {_, precision, scale} -> "DECIMAL_TEXT(#{precision},#{scale || 0})"
      end
    end

    def column_type(:vector, opts), do: vector(opts[:strict], opts[:type], opts[:size])

    def column_type({:parameterized, _} = type, opts),
      do: type |> Ecto.Type.type() |> column_type(opts)

    def column_type(type, _opts) when is_binary(type), do: type

    def column_type(type, _opts) when is_atom(type) and not is_nil(type),
      do: Atom.to_string(type)

    def column_type(type, _opts),
      do: raise(ArgumentError, "#{inspect(type)} is no column type of SQLite")

    @doc """
    What `type/2` in a query casts to, `nil` where values of the type stay as they are: a CAST
    would change them, or their form is the repo's choice.
    """
    @spec cast_type(atom() | tuple()) :: String.t() | nil
    def cast_type(type) when type in [:any, :map, :json, :jsonb, :bitstring | @uuids], do: nil
    def cast_type({kind, _}) when kind in [:array, :map], do: nil
    def cast_type(type) when type in @decimals, do: "TEXT"
    def cast_type(type), do: column_type(type, strict: true)

    defp vector(strict?, kind, size) do
      type = EctoLibSql.Vector.column_type(kind, size)
      if strict?, do: "BLOB", else: type
    end

    defp plain(:binary), do: "BLOB"
    defp plain(_), do: "TEXT"

    defp json(form, opts) do
      if opts[:strict], do: plain(form), else: "JSON_" <> plain(form)
    end

    @doc """
    `c:Ecto.Adapter.loaders/2`. What is stored as Ecto has it costs nothing.
    """
    @spec loaders(primitive(), Ecto.Type.t()) :: [step()]
    def loaders(same, same) when same in [:integer, :id, :string, :binary, :any], do: []
    def loaders(:boolean, :boolean), do: [&load_boolean/1]
    def loaders(:boolean, type), do: [&load_boolean/1, type]
    def loaders(:float, :float), do: [&load_float/1]
    def loaders(:decimal, type), do: [(&DecimalText.load/1) | rest(:decimal, type)]
    def loaders(:binary_id, type), do: [(&load_uuid/1) | rest(:binary_id, type)]
    def loaders(:uuid, Ecto.UUID), do: [&load_uuid/1]
    def loaders(:uuid, type), do: [&load_raw_uuid/1, type]
    def loaders(:bitstring, type), do: [(&load_bitstring/1) | rest(:bitstring, type)]
    def loaders(:date, type), do: [(&Calendar.load_date/1) | rest(:date, type)]

    def loaders(time, type) when time in [:time, :time_usec],
      do: [&Calendar.load_time/1, type]

    def loaders(:naive_datetime, :naive_datetime),
      do: [&Calendar.load_datetime(&1, :naive_datetime)]

    def loaders(:naive_datetime_usec, :naive_datetime_usec),
      do: [&Calendar.load_datetime(&1, :naive_datetime_usec)]

    def loaders(:utc_datetime, :utc_datetime),
      do: [&Calendar.load_datetime(&1, :utc_datetime)]

    def loaders(:utc_datetime_usec, :utc_datetime_usec),
      do: [&Calendar.load_datetime(&1, :utc_datetime_usec)]

    def loaders(datetime, type)
        when datetime in [
               :naive_datetime,
               :naive_datetime_usec,
               :utc_datetime,
               :utc_datetime_usec
             ],
        do: [&Calendar.load_datetime/1, type]

    def loaders(:duration, type), do: [(&Calendar.load_duration/1) | rest(:duration, type)]

    def loaders(:map, {:parameterized, {EctoLibSql.JSON.Binary, _}} = type),
      do: [&Json.decode_stored/1, type]

    def loaders(:map, type), do: [(&Json.decode/1) | rest(:map, type)]
    def loaders({:map, _}, type), do: [&Json.decode/1, &Json.load_map(type, &1)]
    def loaders({:array, _}, type), do: [&Json.decode/1, &Json.load_array(type, &1)]
    def loaders(_primitive, type), do: [type]

    @doc """
    `c:Ecto.Adapter.dumpers/2`.
    """
    @spec dumpers(primitive(), Ecto.Type.t()) :: [step()]
    def dumpers(:float, :float), do: [&dump_float/1]
    def dumpers(:decimal, type), do: [type, &DecimalText.dump/1]
    def dumpers(:binary, type), do: [type, &dump_binary/1]
    def dumpers(:binary_id, type), do: first(:binary_id, type, &dump_uuid/1)
    def dumpers(:uuid, Ecto.UUID), do: [&dump_uuid/1]
    def dumpers(:uuid, type), do: [type, &dump_raw_uuid/1]
    def dumpers(:bitstring, type), do: [type, &dump_bitstring/1]
    def dumpers(:date, type), do: [type, &Calendar.dump_date/1]
    def dumpers(time, type) when time in [:time, :time_usec], do: [type, &Calendar.dump_time/1]

    def dumpers(datetime, type)
        when datetime in [
               :naive_datetime,
               :naive_datetime_usec,
               :utc_datetime,
               :utc_datetime_usec
             ],
        do: [type, &Calendar.dump_datetime/1]

    def dumpers({:supertype, :datetime} = type, _type), do: [type, &Calendar.dump_datetime/1]
    def dumpers(:duration, type), do: [type, &Calendar.dump_duration/1]
    def dumpers(:map, type), do: [type, &Json.encode/1]
    def dumpers({:map, _}, type), do: [&Json.dump_map(type, &1)]
    def dumpers({:array, _}, type), do: [&Json.dump_array(type, &1)]
    def dumpers(_primitive, type), do: [type]

    @doc """
    `c:Ecto.Adapter.Schema.autogenerate/1`: in the form that the dumpers make.
    """
    @spec autogenerate(:id | :binary_id | :embed_id) :: nil | String.t() | {:uuid, String.t()}
    def autogenerate(:id), do: nil
    def autogenerate(:embed_id), do: Ecto.UUID.generate()
    def autogenerate(:binary_id), do: {:uuid, Ecto.UUID.generate()}

    # A custom type goes on with the primitive value; for the primitive type itself it is done.
    defp rest(primitive, primitive), do: []
    defp rest(_primitive, type), do: [type]

    defp first(primitive, primitive, dumper), do: [dumper]
    defp first(_primitive, type, dumper), do: [type, dumper]

    defp load_boolean(0), do: {:ok, false}
    defp load_boolean(1), do: {:ok, true}
    # Elements of a JSON array.
    defp load_boolean(value) when is_boolean(value) or is_nil(value), do: {:ok, value}
    defp load_boolean(_), do: :error

    defp load_float(value) when is_float(value) or value in [nil, :inf, :"-inf"], do: {:ok, value}
    defp load_float(value) when is_integer(value), do: {:ok, value * 1.0}
    defp load_float(_), do: :error

    defp dump_float(value) when is_float(value) or value in [nil, :inf, :"-inf"], do: {:ok, value}
    defp dump_float(_), do: :error

    defp dump_binary(nil), do: {:ok, nil}
    defp dump_binary(bytes) when is_binary(bytes), do: {:ok, {:blob, bytes}}
    defp dump_binary(_), do: :error

    # A new id comes here as `autogenerate/1` made it.
    defp load_uuid({:uuid, text}), do: {:ok, text}
    defp load_uuid(nil), do: {:ok, nil}
    defp load_uuid(<<_::16-bytes>> = raw), do: Ecto.UUID.load(raw)
    defp load_uuid(<<_::36-bytes>> = text), do: {:ok, text}
    defp load_uuid(_), do: :error

    defp load_raw_uuid(nil), do: {:ok, nil}
    defp load_raw_uuid(<<_::16-bytes>> = raw), do: {:ok, raw}
    defp load_raw_uuid(<<_::36-bytes>> = text), do: Ecto.UUID.dump(text)
    defp load_raw_uuid({:uuid, text}), do: Ecto.UUID.dump(text)
    defp load_raw_uuid(_), do: :error

    # In lower case, as every UUID is stored: text is compared byte for byte.
    defp dump_uuid(nil), do: {:ok, nil}

    defp dump_uuid(<<_::36-bytes>> = text) do
      with {:ok, text} <- Ecto.UUID.cast(text), do: {:ok, {:uuid, text}}
    end

    defp dump_uuid(_), do: :error

    defp dump_raw_uuid(nil), do: {:ok, nil}

    defp dump_raw_uuid(raw) do
      with {:ok, text} <- Ecto.UUID.load(raw), do: {:ok, {:uuid, text}}
    end

    @doc """
    A bitstring as its column stores it: its bits, zeros up to a whole byte, and one byte that
    counts those zeros.
    """
    @spec encode_bitstring(bitstring()) :: binary()
    def encode_bitstring(bits) when is_bitstring(bits) do
      padding = rem(8 - rem(bit_size(bits), 8), 8)
      <<bits::bitstring, 0::size(padding), padding>>
    end

    defp dump_bitstring(nil), do: {:ok, nil}
    defp dump_bitstring(bits), do: {:ok, {:blob, encode_bitstring(bits)}}

    defp load_bitstring(nil), do: {:ok, nil}

    defp load_bitstring(blob) when is_binary(blob) and byte_size(blob) > 0 do
      padding = :binary.last(blob)
      size = bit_size(blob) - 8 - padding

      if padding < 8 and size >= 0 do
        <<bits::bitstring-size(size), _::bitstring>> = blob
        {:ok, bits}
      else
        :error
      end
    end

    defp load_bitstring(_), do: :error
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.Json do
    @moduledoc false
    # Maps, embeds and arrays as JSON.
    #
    # What a map holds is encoded as Ecto encodes it for every database. The elements of an array
    # are encoded as a column of their type stores them, because queries compare the two
    # (`^value in t.array`, `t.column in t.array`).

    alias Ecto.Adapters.LibSql.Types
    alias Ecto.Adapters.LibSql.Types.Jsonb

    @library Application.compile_env(
               :ecto_libsql,
               :json_library,
               if(Code.ensure_loaded?(JSON), do: JSON, else: Jason)
             )

    @doc false
    @spec library() :: module()
    def library, do: @library

    @spec encode(term()) :: {:ok, {:json, String.t()} | nil}
    def encode(nil), do: {:ok, nil}
    def encode(term), do: {:ok, {:json, encode!(term)}}

    @doc """
    JSON text, with the keys of objects sorted: queries compare what is stored, and a map has no
    order of its own that would be the same in every VM.
    """
    @spec encode!(term()) :: String.t()
    case @library do
      JSON ->
        def encode!(term), do: JSON.encode!(term, &encode_sorted/2)

        defp encode_sorted(map, encoder) when is_map(map) and not is_struct(map) do
          pairs =
            for {key, value} <- sorted(map),
                do: [encoder.(key, encoder), ?:, encoder.(value, encoder)]

          [?{, Enum.intersperse(pairs, ?,), ?}]
        end

        defp encode_sorted(term, encoder), do: JSON.protocol_encode(term, encoder)

      Jason ->
        def encode!(term), do: term |> ordered() |> Jason.encode!()

        defp ordered(map) when is_map(map) and not is_struct(map),
          do: Jason.OrderedObject.new(for {key, value} <- sorted(map), do: {key, ordered(value)})

        defp ordered(list) when is_list(list), do: Enum.map(list, &ordered/1)
        defp ordered(term), do: term

      _other ->
        def encode!(term), do: @library.encode!(term)
    end

    if @library in [JSON, Jason] do
      defp sorted(map),
        do: map |> Enum.map(fn {key, value} -> {to_string(key), value} end) |> List.keysort(0)
    end

    @spec decode(term()) :: {:ok, term()} | :error
    def decode(json) when is_binary(json) do
      case @library.decode(json) do
        {:ok, _} = ok -> ok
        {:error, _} -> decode_jsonb(json)
      end
    end

    # NULL, or what a schemaless query has decoded already.
    def decode(term) when is_nil(term) or is_map(term) or is_list(term), do: {:ok, term}
    def decode(_), do: :error

    # JSONB of an object never reads as JSON text, and of an array only if somebody chose its
    # bytes for that: so text is tried first.
    defp decode_jsonb(blob) do
      with {:ok, json} <- Jsonb.to_json(blob),
           {:ok, _} = ok <- @library.decode(json) do
        ok
      else
        _ -> :error
      end
    end

    @spec dump_map(Ecto.Type.t(), term()) :: {:ok, {:json, String.t()} | nil} | :error
    def dump_map(type, value) do
      with {:ok, term} <- Ecto.Type.embedded_dump(type, value, :json), do: encode(term)
    end

    @spec load_map(Ecto.Type.t(), term()) :: {:ok, term()} | :error
    def load_map(type, value), do: Ecto.Type.embedded_load(type, value, :json)

    @spec dump_array(Ecto.Type.t(), term()) :: {:ok, {:json, String.t()} | nil} | :error
    def dump_array(type, value) do
      with {:ok, list} <- Ecto.Type.dump(type, value, &dump_element/2), do: encode(list)
    end

    @spec load_array(Ecto.Type.t(), term()) :: {:ok, term()} | :error
    def load_array(type, value), do: Ecto.Type.load(type, value, &load_element/2)

    defp dump_element(type, value) do
      case Ecto.Type.type(type) do
        :map -> Ecto.Type.embedded_dump(type, value, :json)
        {:map, _} -> Ecto.Type.embedded_dump(type, value, :json)
        {:array, _} -> Ecto.Type.dump(type, value, &dump_element/2)
        primitive -> dump_scalar(Types.dumpers(primitive, type), value)
      end
    end

    defp dump_scalar(steps, value) do
      with {:ok, term} <- run(steps, value, &dump_by_type/2),
           do: to_json(term)
    end

    defp load_element(type, value) do
      case Ecto.Type.type(type) do
        :map -> Ecto.Type.embedded_load(type, value, :json)
        {:map, _} -> Ecto.Type.embedded_load(type, value, :json)
        {:array, _} -> load_array(type, value)
        bytes when bytes in [:binary, :bitstring] -> load_bytes(bytes, type, value)
        primitive -> load_scalar(primitive, type, value)
      end
    end

    defp load_scalar(primitive, type, value),
      do: run(Types.loaders(primitive, type), value, &load_by_type/2)

    # What only a column can hold.
    defp to_json({:uuid, text}), do: {:ok, text}
    defp to_json({:blob, bytes}), do: {:ok, Base.encode16(bytes)}
    defp to_json(term) when term in [:inf, :"-inf"], do: :error
    defp to_json(term), do: {:ok, term}

    # Hexadecimal, as SQL's hex() has it: JSON holds text only.
    defp load_bytes(primitive, type, hexadecimal) when is_binary(hexadecimal) do
      with {:ok, bytes} <- Base.decode16(hexadecimal, case: :mixed),
           do: load_scalar(primitive, type, bytes)
    end

    defp load_bytes(primitive, type, nil), do: load_scalar(primitive, type, nil)
    defp load_bytes(_primitive, _type, _value), do: :error

    defp dump_by_type(type, value), do: Ecto.Type.dump(type, value, &dump_element/2)
    defp load_by_type(type, value), do: Ecto.Type.load(type, value, &load_element/2)

    # As Ecto runs an adapter's dumpers and loaders.
    defp run(steps, value, by_type) do
      Enum.reduce_while(steps, {:ok, value}, fn step, {:ok, value} ->
        ran = if is_function(step, 1), do: step.(value), else: by_type.(step, value)
        if match?({:ok, _}, ran), do: {:cont, ran}, else: {:halt, :error}
      end)
    end
  end
end

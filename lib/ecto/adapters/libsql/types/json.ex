if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.Types.Json do
    @moduledoc false
    # Maps, embeds and arrays as JSON.
    #
    # What a map holds is encoded as Ecto encodes it for every database. The elements of an array
    # are encoded as a column of their type stores them, because queries compare the two
    # (`^value in t.array`, `t.column in t.array`).

    alias Ecto.Adapters.LibSql.Types
    alias EctoLibSql.JSON.Term

    @spec encode(term()) :: {:ok, {:json | :jsonb, String.t()} | nil}
    def encode(nil), do: {:ok, nil}
    # What `EctoLibSql.JSON.Binary` has made.
    def encode({:jsonb, _json} = encoded), do: {:ok, encoded}
    def encode(term), do: {:ok, {:json, Term.encode!(term)}}

    @spec decode(term()) :: {:ok, term()} | :error
    def decode(json) when is_binary(json), do: Term.decode(json)

    # NULL, or what a schemaless query has decoded already.
    def decode(term) when is_nil(term) or is_map(term) or is_list(term), do: {:ok, term}
    def decode(_), do: :error

    @doc "What a column for JSONB holds."
    @spec decode_stored(term()) :: {:ok, term()} | :error
    def decode_stored(json) when is_binary(json), do: Term.decode_stored(json)
    def decode_stored(term), do: decode(term)

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

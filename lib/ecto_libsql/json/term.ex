defmodule EctoLibSql.JSON.Term do
  @moduledoc false
  # Elixir terms as JSON text, and JSON text and JSONB as terms, by the library that was chosen when
  # this package was compiled: Elixir's own where there is one.

  @library Application.compile_env(
             :ecto_libsql,
             :json_library,
             Enum.find([JSON, Jason], &Code.ensure_loaded?/1)
           )

  @doc "The library."
  @spec library() :: module() | nil
  def library, do: @library

  @doc """
  JSON text, with the keys of objects sorted: queries compare what is stored, and a map has no
  order of its own that would be the same in every VM.
  """
  @spec encode!(term()) :: String.t()
  case @library do
    nil ->
      def encode!(_term), do: raise("JSON takes Elixir 1.18 or the package Jason")

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

  @doc "As `encode!/1`, with a reason where a term is no JSON."
  @spec encode(term()) :: {:ok, String.t()} | {:error, String.t()}
  def encode(term) do
    {:ok, encode!(term)}
  rescue
    # Its message lists all types that there are.
    error in Protocol.UndefinedError -> {:error, "there is none of #{inspect(error.value)}"}
    error -> {:error, Exception.message(error)}
  end

  @doc """
  JSON text or JSONB.

  JSONB of an object never reads as JSON text, and of an array only if somebody chose its bytes for
  that: so what may be text is tried as such first.
  """
  @spec decode(binary()) :: {:ok, term()} | :error
  def decode(<<first, _::binary>> = json) when first in ~c({["-0123456789tfn \t\n\r) do
    with :error <- decode_text(json), do: decode_jsonb(json)
  end

  def decode(json), do: decode_jsonb(json)

  @doc "JSON text."
  @spec decode_text(binary()) :: {:ok, term()} | :error
  if @library do
    def decode_text(json) do
      with {:error, _} <- @library.decode(json), do: :error
    end
  else
    def decode_text(_json), do: raise("JSON takes Elixir 1.18 or the package Jason")
  end

  @doc """
  What a column for JSONB holds: JSONB, or JSON text that SQL has put there. The bytes of the number
  123 are those of the text `3123`: they are taken for the number.
  """
  @spec decode_stored(binary()) :: {:ok, term()} | :error
  def decode_stored(<<first, _::binary>> = stored) when first in ~c({[), do: decode(stored)

  def decode_stored(stored) do
    with :error <- decode_jsonb(stored), do: decode_text(stored)
  end

  @doc "JSONB."
  @spec decode_jsonb(binary()) :: {:ok, term()} | :error
  if @library in [JSON, Jason] do
    def decode_jsonb(blob), do: EctoLibSql.JSON.JsonbTerm.decode(blob)
  else
    # It may have terms of its own for numbers, or for keys.
    def decode_jsonb(blob) do
      with {:ok, json} <- EctoLibSql.JSON.Jsonb.to_json(blob), do: decode_text(json)
    end
  end
end

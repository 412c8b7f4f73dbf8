if Code.ensure_loaded?(Ecto.ParameterizedType) do
  defmodule EctoLibSql.JSON.Binary do
    @moduledoc """
    A field of JSON that is stored as JSONB, SQLite's own form, which its functions need not parse:
    in a repo whose other fields are text. <https://sqlite.org/json1.html#jsonb>

        schema "movies" do
          field :data, EctoLibSql.JSON.Binary
          field :genres, EctoLibSql.JSON.Binary, of: {:array, :string}
        end

    and in a migration `add :data, :jsonb`.

    Without `:of` the field takes all that JSON has: maps, lists, strings, numbers, booleans. With it
    the values are cast, encoded and loaded as of that Ecto type, as an embedded schema's field would
    be. What has no JSON is an error of the changeset, and is not stored.

    Bytes that come from elsewhere, as `{:blob, bytes}`, are not looked at: a column that may get such
    wants `check: json_check(:data)`, see `EctoLibSql.JSON.Query`.

    It is read whether JSONB or JSON text is in the column. The bytes of a scalar's JSONB can be a JSON
    text, too (123 is stored as `3123`); they are read as JSONB.

    In queries the field is a map: `m.data["title"]`, `json_extract_path/2` and the macros of
    `EctoLibSql.JSON.Query` take it, and `m.data == ^term` compares JSON, not bytes.
    """

    use Ecto.ParameterizedType

    alias EctoLibSql.JSON.Term

    @impl true
    def init(opts) do
      case Keyword.fetch(opts, :of) do
        {:ok, type} -> %{of: checked!(type)}
        :error -> %{of: :any}
      end
    end

    defp checked!(type) do
      if Ecto.Type.base?(type) or match?({kind, _} when kind in [:array, :map], type) or
           custom?(type) do
        type
      else
        raise ArgumentError, "of: takes an Ecto type, got: #{inspect(type)}"
      end
    end

    defp custom?(type) when is_atom(type),
      do: match?({:module, _}, Code.ensure_compiled(type)) and function_exported?(type, :type, 0)

    defp custom?(type), do: match?({:parameterized, {_module, _params}}, type)

    @impl true
    def type(_params), do: :map

    @impl true
    def cast(nil, _params), do: {:ok, nil}

    def cast(value, %{of: type}) do
      with {:ok, cast} <- Ecto.Type.cast(type, value),
           {:ok, dumped} <- Ecto.Type.embedded_dump(type, cast, :json) do
        case Term.encode(dumped) do
          {:ok, _json} -> {:ok, cast}
          {:error, reason} -> {:error, message: "is no JSON: #{reason}"}
        end
      end
    end

    @impl true
    def dump(nil, _dumper, _params), do: {:ok, nil}

    def dump(value, _dumper, %{of: type}) do
      # A value that is not of the type passes embedded_dump/3.
      with {:ok, _} <- Ecto.Type.dump(type, value),
           {:ok, dumped} <- Ecto.Type.embedded_dump(type, value, :json),
           {:ok, json} <- Term.encode(dumped) do
        {:ok, {:jsonb, json}}
      else
        _ -> :error
      end
    end

    @impl true
    def load(value, _loader, %{of: type}), do: Ecto.Type.embedded_load(type, value, :json)

    @impl true
    def equal?(a, b, %{of: type}), do: Ecto.Type.equal?(type, a, b)

    # Within an embedded schema it is JSON in JSON.
    @impl true
    def embed_as(_format, _params), do: :self
  end
end

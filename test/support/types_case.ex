if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.TypesCase do
    @moduledoc false
    # Tests of how types are stored: a repo, and a schema with a column of every type, whose table
    # is made of the adapter's own column types.

    use ExUnit.CaseTemplate

    alias Ecto.Adapters.LibSql.Types
    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    # A custom type whose database value is a raw UUID, as Postgres would have it.
    defmodule RawUUID do
      use Ecto.Type
      def type, do: :uuid
      def cast(value), do: {:ok, value}
      def load(<<raw::16-bytes>>), do: {:ok, {"raw", raw}}
      def dump({"raw", <<_::16-bytes>> = raw}), do: {:ok, raw}
      def dump(_), do: :error
    end

    # A custom type over an array's element and a map's value.
    defmodule Shout do
      use Ecto.Type
      def type, do: :string
      def cast(value), do: {:ok, value}
      def load(value), do: {:ok, {"shout", String.downcase(value)}}
      def dump({"shout", value}), do: {:ok, String.upcase(value)}
      def dump(_), do: :error
      def embed_as(_), do: :dump
    end

    defmodule Part do
      use Ecto.Schema

      embedded_schema do
        field(:name, :string)
        field(:price, :decimal)
        field(:on, :date)
        field(:at, :utc_datetime_usec)
        field(:kind, Ecto.Enum, values: [:small, :large])

        embeds_many :parts, __MODULE__.Inner, primary_key: false do
          field(:count, :integer)
        end
      end
    end

    defmodule Thing do
      use Ecto.Schema

      schema "things" do
        field(:integer, :integer)
        field(:float, :float)
        field(:boolean, :boolean)
        field(:decimal, :decimal)
        field(:string, :string)
        field(:binary, :binary)
        field(:bitstring, :bitstring)
        field(:binary_id, :binary_id)
        field(:uuid, Ecto.UUID)
        field(:raw_uuid, RawUUID)
        field(:date, :date)
        field(:time, :time)
        field(:time_usec, :time_usec)
        field(:naive, :naive_datetime)
        field(:naive_usec, :naive_datetime_usec)
        field(:utc, :utc_datetime)
        field(:utc_usec, :utc_datetime_usec)
        if Code.ensure_loaded?(Duration), do: field(:duration, :duration)
        field(:map, :map)
        field(:floats, {:map, :float})
        field(:integers, {:array, :integer})
        field(:nested, {:array, {:array, :integer}})
        field(:decimals, {:array, :decimal})
        field(:binaries, {:array, :binary})
        field(:bitstrings, {:array, :bitstring})
        field(:uuids, {:array, Ecto.UUID})
        field(:times, {:array, :utc_datetime_usec})
        field(:maps, {:array, :map})
        field(:shouts, {:array, Shout})
        field(:shout_map, {:map, Shout})
        field(:any_enum, Ecto.Enum, values: [:red, :green])
        field(:int_enum, Ecto.Enum, values: [low: 1, high: 10])
        field(:enums, {:array, Ecto.Enum}, values: [:a, :b])
        embeds_one(:part, Part, on_replace: :delete)
        embeds_many(:parts, Part)
      end
    end

    using do
      quote do
        import Ecto.Query
        import EctoLibSql.TypesCase

        alias Ecto.Adapters.LibSql.Types
        alias EctoLibSql.TypesCase.{Part, Repo, Thing}
      end
    end

    @text []
    @binary [uuid_type: :binary, map_type: :binary, array_type: :binary]

    @doc "The options of a repo for each form."
    def forms, do: [text: @text, binary: @binary]

    setup context do
      start_repo(Map.get(context, :repo, []))
      :ok
    end

    @doc "Starts the repo with these options, and makes its table."
    def start_repo(opts) do
      opts = Keyword.merge([database: ":memory:", pool_size: 1, log: false], opts)
      start_supervised!({Repo, Mode.repo(opts)})
      Repo.query!(create_table(opts))
    end

    @doc "CREATE TABLE of the schema, with the adapter's column types."
    def create_table(opts, suffix \\ "") do
      columns =
        for field <- Thing.__schema__(:fields), field != :id do
          type = :type |> Thing.__schema__(field) |> Ecto.Type.type()
          [~s("#{field}" ), Types.column_type(type, opts)]
        end

      IO.iodata_to_binary([
        "CREATE TABLE things (id INTEGER PRIMARY KEY, ",
        [Enum.intersperse(columns, ", "), ")", suffix]
      ])
    end

    @doc "The storage class and value of a field of the only row."
    def stored(field) do
      %{rows: [row]} = Repo.query!(~s|SELECT typeof("#{field}"), "#{field}" FROM things|)
      List.to_tuple(row)
    end

    @doc "Stores a value in a field of a new row, and answers what is read back."
    def round_trip(field, value) do
      %{id: id} = Repo.insert!(struct!(Thing, [{field, value}]))
      thing = Repo.get!(Thing, id)
      Map.fetch!(thing, field)
    end
  end
end

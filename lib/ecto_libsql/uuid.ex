defmodule EctoLibSql.UUID do
  @moduledoc """
  UUIDs of versions 4 and 7 ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562)): made and read in
  Elixir, as an Ecto type, in queries and, with `EctoLibSql.Migration`, as a column's default.

      iex> id = EctoLibSql.UUID.generate(version: 7)
      iex> EctoLibSql.UUID.version(id)
      {:ok, 7}
      iex> next = EctoLibSql.UUID.generate(version: 7)
      iex> EctoLibSql.UUID.compare(id, next)
      :lt

  A UUID is either of two binaries: its text, `"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"`, which is what
  Elixir works with, or its 16 bytes. Functions that take "a UUID" take both. Text is read in
  capital and small letters, and is in small ones where it is made or stored: to SQLite, `"a"` and
  `"A"` are different keys. Text without hyphens, in braces, or with `urn:uuid:` in front is refused,
  with an error that says so.

  ## Version 4 or 7

  Version 4 is 122 random bits. Version 7 begins with the time in milliseconds, so that new keys are
  added at the end of an index, and rows that were made together lie together; who sees one knows when
  it was made.

  Those of version 7 that this VM makes ascend, in whatever processes they are made, and also where the
  clock goes back: the bits after the time are a counter (RFC 9562, section 6.2, method 1), and the rest,
  62 bits, is random. Order among several VMs is that of their clocks, and so it is between those that are made
  in Elixir, by a query, and by a column's default. A VM that is started again after the clock went back
  begins with that clock.

  Their order is the same as text, as bytes, and as `compare/2` has it.

  ## As an Ecto type

      @primary_key {:id, EctoLibSql.UUID, autogenerate: true, version: 7}
      @foreign_key_type EctoLibSql.UUID
      schema "users" do
        belongs_to :company, Company
        field :token, EctoLibSql.UUID, version: 4, storage: :binary, autogenerate: true
      end

  Options of a field, and of `belongs_to`:

    * `:version` - `4` (default) or `7`: what `autogenerate: true` makes. A field takes UUIDs of
      every version
    * `:storage` - `:text`, which is TEXT of 36 characters, or `:binary`, a BLOB of 16 bytes. Without it,
      what the repo's option `:uuid_type` says: the field then stores the same as one of the type
      `Ecto.UUID` or `:binary_id`, and the one can take the place of the other

  The value of a field is text. It is cast from text and from 16 bytes; what is neither is an error of
  the changeset that says why: `id: {"is no UUID: it has 35 characters instead of 36", ...}`.

  Both forms are read, whatever the option says; they are not found by each other, though, so a
  column has to be of one: `EctoLibSql.Migration.convert_uuid/3` makes it so. In embeds,
  maps and arrays, UUIDs are text; in arrays with `storage: :binary`, 32 hexadecimal digits.

  Parameters of a query take the type of a field, `type(^id, u.id)`, or, where there is none,
  `type(^id, ^Ecto.ParameterizedType.init(EctoLibSql.UUID, storage: :binary))`.

  In place of `autogenerate: true`, `read_after_writes: true` has the database make the id, by the column's
  default (`EctoLibSql.Migration.uuid_default/1`). `c:Ecto.Repo.insert_all/3` makes none in Elixir: rows bring
  their ids along, or the column has a default.

  ## In queries

  `import EctoLibSql.UUID, only: :macros` brings `uuid4/1`, `uuid7/1`, `uuid_text/1`, `uuid_binary/1` and
  `uuid7_timestamp/1`. They are plain SQL, which local databases, replicas and servers have alike,
  without the option `:functions`. (With `functions: [:uuid]`, local databases have SQL functions, too:
  `EctoLibSql.Function`.)

      from u in User, where: uuid7_timestamp(u.id) > ago(1, "day")

  The same, by the index of the primary key:

      yesterday = EctoLibSql.UUID.first_at(DateTime.add(DateTime.utc_now(), -1, :day))
      from u in User, where: u.id >= ^yesterday

  ## Errors

  `parse/1`, `version/1` and `timestamp/1` answer `{:error, reason}`; what else takes a UUID, and all options,
  raise an `ArgumentError`. What is stored and is no UUID cannot be loaded: Ecto raises an `ArgumentError`.
  """

  alias EctoLibSql.UUID.{Generator, SQL, Text}

  @typedoc "The text of a UUID, 36 characters."
  @type t :: <<_::288>>

  @typedoc "Its 16 bytes."
  @type raw :: <<_::128>>

  ## Making

  @doc """
  The text of a new UUID. Option: `:version`, `4` (default) or `7`.

      iex> EctoLibSql.UUID.valid?(EctoLibSql.UUID.generate())
      true
  """
  @spec generate(version: 4 | 7) :: t()
  def generate(opts \\ []), do: opts |> bingenerate() |> Text.format()

  @doc """
  The 16 bytes of a new UUID. Option: `:version`, `4` (default) or `7`.
  """
  @spec bingenerate(version: 4 | 7) :: raw()
  def bingenerate(opts \\ []) do
    case Keyword.validate!(opts, version: 4)[:version] do
      4 -> Generator.v4()
      7 -> Generator.v7()
      other -> raise ArgumentError, "version: takes 4 or 7, got: #{inspect(other)}"
    end
  end

  ## Reading

  @doc """
  The 16 bytes of a UUID's text, or what is wrong with the text.

      iex> {:ok, <<0x01, 0x7F, 0x22, 0xE2, _::96>>} = EctoLibSql.UUID.parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
      iex> EctoLibSql.UUID.parse("017f22e279b07cc398c4dc0c0c07398f")
      {:error, "is no UUID: it has no hyphens; a UUID is 32 hexadecimal digits with hyphens, 8-4-4-4-12"}
      iex> EctoLibSql.UUID.parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398x")
      {:error, "is no UUID: character 36 is no hexadecimal digit"}
  """
  @spec parse(String.t()) :: {:ok, raw()} | {:error, String.t()}
  def parse(text), do: Text.parse(text)

  @doc """
  As `parse/1`: the bytes, or an `ArgumentError`.
  """
  @spec parse!(String.t()) :: raw()
  def parse!(text) do
    case Text.parse(text) do
      {:ok, bytes} -> bytes
      {:error, reason} -> raise ArgumentError, "#{inspect(text)} #{reason}"
    end
  end

  @doc """
  The text of a UUID, in small letters.

      iex> EctoLibSql.UUID.to_text(<<0::128>>)
      "00000000-0000-0000-0000-000000000000"
      iex> EctoLibSql.UUID.to_text("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
  """
  @spec to_text(t() | raw()) :: t()
  def to_text(uuid), do: uuid |> bytes!() |> Text.format()

  @doc """
  Whether this is the text of a UUID of any version, in letters of either case.

      iex> EctoLibSql.UUID.valid?("urn:uuid:017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
      false
  """
  @spec valid?(term()) :: boolean()
  def valid?(term), do: match?({:ok, _bytes}, Text.parse(term))

  @doc """
  The version of a UUID, 0 to 15: the bits that are the version in those of RFC 9562. UUIDs of other
  kinds (of another variant, as the nil UUID is) are an error.

      iex> EctoLibSql.UUID.version("919108f7-52d1-4320-9bac-f847db4148a8")
      {:ok, 4}
      iex> EctoLibSql.UUID.version("00000000-0000-0000-0000-000000000000")
      {:error, "is no UUID of RFC 9562's variant, which alone has versions"}
  """
  @spec version(t() | raw()) :: {:ok, 0..15} | {:error, String.t()}
  def version(uuid) do
    with {:ok, bytes} <- bytes(uuid) do
      case bytes do
        <<_::48, version::4, _::12, 2::2, _::62>> -> {:ok, version}
        _ -> {:error, "is no UUID of RFC 9562's variant, which alone has versions"}
      end
    end
  end

  @doc """
  When a UUID of version 7 was made, to the millisecond.

      iex> EctoLibSql.UUID.timestamp("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
      {:ok, ~U[2022-02-22 19:22:22.000Z]}
      iex> EctoLibSql.UUID.timestamp("919108f7-52d1-4320-9bac-f847db4148a8")
      {:error, "is of version 4; those of version 7 have a time"}

  Those with a time after the year 9999, which Elixir's calendar does not have, are an error, too.
  """
  @spec timestamp(t() | raw()) :: {:ok, DateTime.t()} | {:error, String.t()}
  def timestamp(uuid) do
    with {:ok, bytes} <- bytes(uuid),
         {:ok, 7} <- version(bytes),
         <<milliseconds::48, _::80>> = bytes,
         {:ok, time} <- DateTime.from_unix(milliseconds, :millisecond) do
      {:ok, time}
    else
      {:ok, version} -> {:error, "is of version #{version}; those of version 7 have a time"}
      {:error, :invalid_unix_time} -> {:error, "has a time after the year 9999"}
      {:error, reason} -> {:error, reason}
    end
  end

  @doc """
  Orders two UUIDs, as `Enum.sort/2` asks for it.

      iex> ids = for _ <- 1..3, do: EctoLibSql.UUID.generate(version: 7)
      iex> ids |> Enum.shuffle() |> Enum.sort(EctoLibSql.UUID) == ids
      true
  """
  @spec compare(t() | raw(), t() | raw()) :: :lt | :eq | :gt
  def compare(a, b) do
    case {bytes!(a), bytes!(b)} do
      {same, same} -> :eq
      {a, b} when a < b -> :lt
      _ -> :gt
    end
  end

  @doc """
  The smallest UUID of version 7 with this time: where a range of them begins.

      iex> EctoLibSql.UUID.first_at(~U[2022-02-22 19:22:22.000Z])
      "017f22e2-79b0-7000-8000-000000000000"
  """
  @spec first_at(DateTime.t()) :: t()
  def first_at(%DateTime{} = time), do: Text.format(<<unix(time)::48, 7::4, 0::12, 2::2, 0::62>>)

  @doc """
  The greatest UUID of version 7 with this time, to the millisecond: where a range of them ends.

      iex> EctoLibSql.UUID.last_at(~U[2022-02-22 19:22:22.000Z])
      "017f22e2-79b0-7fff-bfff-ffffffffffff"
  """
  @spec last_at(DateTime.t()) :: t()
  def last_at(%DateTime{} = time), do: Text.format(<<unix(time)::48, 7::4, -1::12, 2::2, -1::62>>)

  defp unix(time) do
    case DateTime.to_unix(time, :millisecond) do
      milliseconds when milliseconds >= 0 -> milliseconds
      _ -> raise ArgumentError, "UUIDs of version 7 begin with 1970, got: #{time}"
    end
  end

  defp bytes(<<_::128>> = bytes), do: {:ok, bytes}
  defp bytes(text), do: Text.parse(text)

  defp bytes!(<<_::128>> = bytes), do: bytes
  defp bytes!(text), do: parse!(text)

  ## In queries

  @doc """
  A random UUID, another one for each row: text, or 16 bytes with `uuid4(:binary)`.

      from m in "staged_movies", select: %{id: uuid4(), title: m.title}
  """
  defmacro uuid4(storage \\ :text), do: generated(4, storage)

  @doc """
  A UUID of version 7, another one for each row: text, or 16 bytes with `uuid7(:binary)`.

  All rows that a statement writes have one time; their order among each other is random. In a
  transaction, too, an earlier statement's are smaller only if a millisecond has passed. Where order
  matters, there are `generate/1` and, on local databases with `functions: [:uuid]`, `fragment("uuid7()")`.
  """
  defmacro uuid7(storage \\ :text), do: generated(7, storage)

  @doc """
  The text of a UUID that is stored in either form, NULL for a value that is none.

      from u in User, select: uuid_text(u.token)
  """
  defmacro uuid_text(uuid), do: converted(uuid, :text)

  @doc """
  The 16 bytes of a UUID that is stored in either form, NULL for a value that is none.
  """
  defmacro uuid_binary(uuid), do: converted(uuid, :binary)

  @doc """
  The time of a UUID of version 7 that is stored in either form, a `:utc_datetime_usec`. NULL for any
  other value.
  """
  defmacro uuid7_timestamp(uuid) do
    quote do
      type(fragment(unquote(SQL.timestamp("?")), unquote(uuid)), :utc_datetime_usec)
    end
  end

  defp generated(version, storage) when storage in [:text, :binary],
    do: quote(do: fragment(unquote(SQL.generate(version, storage))))

  defp generated(version, storage) do
    raise ArgumentError,
          "uuid#{version}/1 takes :text or :binary as it stands in the query, got: #{Macro.to_string(storage)}"
  end

  defp converted(uuid, storage) do
    sql = "(SELECT #{SQL.convert("u", storage)} FROM (SELECT ? AS u))"
    quote do: fragment(unquote(sql), unquote(uuid))
  end

  ## As an Ecto type

  if Code.ensure_loaded?(Ecto.ParameterizedType) do
    @behaviour Ecto.ParameterizedType

    @impl true
    def init(opts) do
      version = Keyword.get(opts, :version, 4)
      storage = opts[:storage]

      if version not in [4, 7],
        do: raise(ArgumentError, "version: takes 4 or 7, got: #{inspect(version)}")

      if storage not in [nil, :text, :binary],
        do: raise(ArgumentError, "storage: takes :text or :binary, got: #{inspect(storage)}")

      %{version: version, storage: storage}
    end

    @impl true
    def type(%{storage: nil}), do: :uuid
    def type(%{storage: :text}), do: :string
    def type(%{storage: :binary}), do: :binary

    @impl true
    def cast(nil, _params), do: {:ok, nil}

    def cast(value, _params) do
      case bytes(value) do
        {:ok, bytes} -> {:ok, Text.format(bytes)}
        {:error, reason} -> {:error, message: reason}
      end
    end

    @impl true
    def load(nil, _loader, _params), do: {:ok, nil}

    def load(value, _loader, _params) do
      with {:ok, bytes} <- bytes(value) do
        {:ok, Text.format(bytes)}
      else
        {:error, _reason} -> :error
      end
    end

    @impl true
    def dump(nil, _dumper, _params), do: {:ok, nil}

    def dump(value, _dumper, %{storage: storage}) do
      case bytes(value) do
        {:ok, bytes} -> {:ok, if(storage == :text, do: Text.format(bytes), else: bytes)}
        {:error, _reason} -> :error
      end
    end

    @impl true
    def equal?(same, same, _params), do: true

    def equal?(a, b, _params) do
      with {:ok, a} <- bytes(a), {:ok, b} <- bytes(b), do: a == b, else: (_ -> false)
    end

    @impl true
    def embed_as(_format, _params), do: :self

    # A list is what a field says as `autogenerate: [version: 7]`.
    @impl true
    def autogenerate(opts) when is_list(opts), do: generate(opts)
    def autogenerate(%{version: version}), do: generate(version: version)

    @impl true
    def format(%{version: version, storage: storage}),
      do: "#EctoLibSql.UUID<version: #{version}, storage: #{inspect(storage || :uuid_type)}>"
  end
end

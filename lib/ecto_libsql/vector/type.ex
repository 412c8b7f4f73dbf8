if Code.ensure_loaded?(Ecto.ParameterizedType) do
  defmodule EctoLibSql.Vector.Type do
    @moduledoc false
    # The Ecto types of vectors: one module for each kind, which all do this.

    alias EctoLibSql.Vector.{Format, Input}

    defmacro __using__(kind: kind) do
      quote do
        use Ecto.ParameterizedType

        alias EctoLibSql.Vector.Type

        @impl true
        def init(opts), do: Type.init(unquote(kind), opts)

        @impl true
        def type(_params), do: :binary

        @impl true
        def cast(value, params), do: Type.cast(value, params)

        @impl true
        def load(value, _loader, params), do: Type.load(value, params)

        @impl true
        def dump(value, _dumper, params), do: Type.dump(value, params)

        @impl true
        def equal?(a, b, params), do: Type.equal?(a, b, params)

        @impl true
        def embed_as(_format, _params), do: :self

        @impl true
        def format(%{size: size}), do: "##{inspect(__MODULE__)}<#{size}>"
      end
    end

    def init(kind, opts) do
      case Keyword.fetch(opts, :size) do
        {:ok, size} ->
          %{kind: kind, size: EctoLibSql.Vector.check_size!(size)}

        :error ->
          raise ArgumentError,
                "#{place(opts)}a vector's field takes size:, its dimension, as in " <>
                  "`field :embedding, EctoLibSql.Vector.F32, size: 384`"
      end
    end

    defp place(opts) do
      if opts[:field], do: "#{inspect(opts[:schema])}.#{opts[:field]}: ", else: ""
    end

    def cast(nil, _params), do: {:ok, nil}

    def cast(value, %{kind: kind, size: size}) do
      case Input.read(value, kind, size) do
        {:ok, floats, _blob} -> {:ok, floats}
        {:error, message} -> {:error, message: message}
      end
    end

    def load(nil, _params), do: {:ok, nil}

    def load(blob, %{kind: kind, size: size}) when is_binary(blob) do
      with {:ok, ^kind, ^size, data} <- Format.parse(blob) do
        Format.decode(kind, size, data)
      else
        _other -> :error
      end
    end

    # Embedded: JSON has lists of numbers.
    def load(list, params) when is_list(list) do
      with {:error, _} <- cast(list, params), do: :error
    end

    def load(_other, _params), do: :error

    def dump(nil, _params), do: {:ok, nil}

    def dump(value, %{kind: kind, size: size}) do
      case Input.read(value, kind, size) do
        {:ok, _floats, blob} -> {:ok, blob}
        {:error, _message} -> :error
      end
    end

    # What is stored alike is the same: a list as it was given, and as it came back.
    def equal?(same, same, _params), do: true
    def equal?(nil, _, _params), do: false
    def equal?(_, nil, _params), do: false

    def equal?(a, b, params) do
      with {:ok, a} <- dump(a, params),
           {:ok, b} <- dump(b, params),
           do: a == b,
           else: (_ -> false)
    end
  end

  for {name, kind} <- [
        F64: "64-bit floats",
        F32: "32-bit floats",
        F16: "16-bit floats",
        FB16: "32-bit floats cut to 16 bits",
        F8: "numbers of 8 bits, between the least and the greatest of the vector",
        F1Bit: "numbers of one bit"
      ] do
    atom = name |> to_string() |> String.downcase() |> String.to_atom()

    defmodule Module.concat(EctoLibSql.Vector, name) do
      @moduledoc """
      The Ecto type of vectors of #{kind}: a parameterized type whose option `size:` is the dimension.

          field :embedding, #{inspect(__MODULE__)}, size: 384

      Takes what `EctoLibSql.Vector` says of values, and loads lists of floats. A changeset's error says
      what is wrong (`"has 3 numbers, expected 384"`). A value that cannot be stored is an
      `Ecto.ChangeError` where it comes to the database without a changeset.
      """

      use EctoLibSql.Vector.Type, kind: unquote(atom)
    end
  end
end

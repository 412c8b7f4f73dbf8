defmodule EctoLibSql.JSON.Argument do
  @moduledoc false
  # JSON that a call gets, as a parameter and the SQL that reads it, and JSON that it answers, in the
  # form of what it got.

  alias EctoLibSql.Error
  alias EctoLibSql.JSON.{Jsonb, Term}

  @enforce_keys [:name, :form, :param]
  defstruct @enforce_keys

  @typedoc "JSON as a call's argument: its name, for errors, its form, and the parameter."
  @type t :: %__MODULE__{
          name: String.t(),
          form: :text | :jsonb | :term,
          param: String.t() | {:blob, binary()}
        }

  @doc "JSON text, `{:blob, jsonb}`, or a term that is an object or an array."
  @spec json(String.t(), term()) :: {:ok, t()} | {:error, Error.t()}
  def json(name, text) when is_binary(text), do: text(name, text)

  def json(name, {:blob, bytes} = blob) when is_binary(bytes),
    do: {:ok, %__MODULE__{name: name, form: :jsonb, param: blob}}

  def json(name, term) when (is_map(term) and not is_struct(term)) or is_list(term),
    do: term(name, term)

  def json(name, other) do
    error(
      "#{name}: takes JSON text, {:blob, jsonb}, a map or a list, got: #{inspect(other)}",
      :invalid_argument
    )
  end

  @doc "A term as JSON, where `{:json, text}` and `{:blob, jsonb}` are JSON as they are."
  @spec value(String.t(), term()) :: {:ok, t()} | {:error, Error.t()}
  def value(name, {:json, text}) when is_binary(text), do: text(name, text)
  def value(name, {:blob, bytes} = blob) when is_binary(bytes), do: json(name, blob)
  def value(name, term), do: term(name, term)

  defp text(name, text) do
    if String.valid?(text),
      do: {:ok, %__MODULE__{name: name, form: :text, param: text}},
      else: error("#{name}: malformed JSON: it is no UTF-8", :invalid_argument)
  end

  defp term(name, term) do
    case Term.encode(term) do
      {:ok, text} -> {:ok, %__MODULE__{name: name, form: :term, param: text}}
      {:error, reason} -> error("#{name}: it is no JSON: #{reason}", :invalid_argument)
    end
  end

  @doc """
  The SQL of the argument with that number. SQLite looks at no more than the first bytes of JSONB,
  and steps into it by recursion: what is malformed, or nested too deeply, becomes malformed text.
  """
  @spec sql(t(), pos_integer()) :: String.t()
  def sql(%__MODULE__{form: :jsonb}, number),
    do: "iif(json_valid(?#{number}, 8), ?#{number}, '')"

  def sql(%__MODULE__{}, number), do: "?#{number}"

  @doc "The argument as JSON text, which may be malformed where it came as text."
  @spec text(t()) :: {:ok, String.t()} | {:error, Error.t()}
  def text(%__MODULE__{form: :jsonb, name: name, param: {:blob, bytes}}) do
    with :error <- Jsonb.to_json(bytes),
         do: error("#{name}: malformed JSONB", :invalid_argument)
  end

  def text(%__MODULE__{param: text}), do: {:ok, text}

  @doc "A function's name for JSON in this form: `json_set` and `jsonb_set`."
  @spec function(t(), String.t()) :: String.t()
  def function(%__MODULE__{form: :jsonb}, name), do: "jsonb" <> name
  def function(%__MODULE__{}, name), do: "json" <> name

  @doc "What a call answers, in the form of what it got."
  @spec answer(t(), binary() | nil) :: {:ok, term()} | {:error, Error.t()}
  def answer(_argument, nil), do: {:ok, nil}
  def answer(%__MODULE__{form: :text}, text), do: {:ok, text}
  def answer(%__MODULE__{form: :jsonb}, bytes), do: {:ok, {:blob, bytes}}
  def answer(%__MODULE__{form: :term}, text), do: decode(text)

  @doc "JSON text as a term."
  @spec decode(String.t() | nil) :: {:ok, term()} | {:error, Error.t()}
  def decode(nil), do: {:ok, nil}

  def decode(text) do
    with :error <- Term.decode_text(text) do
      error(
        "this JSON has no Elixir term, as a number beyond the range of floats has none: " <>
          inspect(text),
        :unsupported
      )
    end
  end

  @doc "What the function makes of each, or the first error."
  @spec map_ok([term()], (term() -> {:ok, term()} | {:error, Error.t()})) ::
          {:ok, [term()]} | {:error, Error.t()}
  def map_ok(list, fun) do
    list
    |> Enum.reduce_while([], fn element, done ->
      case fun.(element) do
        {:ok, value} -> {:cont, [value | done]}
        {:error, _} = error -> {:halt, error}
      end
    end)
    |> then(&if(is_list(&1), do: {:ok, Enum.reverse(&1)}, else: &1))
  end

  @spec error(String.t(), atom()) :: {:error, Error.t()}
  def error(message, code), do: {:error, %Error{code: code, message: message}}
end

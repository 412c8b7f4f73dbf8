defmodule EctoLibSql.CreateTable.Column do
  @moduledoc false
  # A column's definition: its name, its type, its constraints. `text` is the definition as it was
  # written, until something of it changes.

  alias EctoLibSql.CreateTable.Constraint
  alias EctoLibSql.{Identifier, SqlTokens}

  @enforce_keys [:name, :type, :constraints]
  defstruct [:name, :type, :constraints, :text]

  @type t :: %__MODULE__{
          name: String.t(),
          type: String.t(),
          constraints: [Constraint.t()],
          text: iodata() | nil
        }

  @doc """
  Reads the tokens of a column's definition.
  """
  @spec parse([SqlTokens.token()]) :: {:ok, t()} | :error
  def parse([{kind, name, _lead} | rest] = tokens) when kind != :punctuation do
    {type, rest} = type(rest, [])

    with {:ok, constraints} <- Constraint.parse_all(rest) do
      {:ok,
       %__MODULE__{
         name: Identifier.unquote_name(name),
         type: SqlTokens.text(type),
         constraints: constraints,
         text: SqlTokens.text(tokens)
       }}
    end
  end

  def parse(_tokens), do: :error

  defp type([{:punctuation, "(", _} | _] = tokens, type) do
    case SqlTokens.split_group(tokens) do
      {group, rest} -> type(rest, type ++ group)
      :error -> {type, tokens}
    end
  end

  defp type([token | rest] = tokens, type) do
    if Constraint.starts_in_column?(tokens), do: {type, tokens}, else: type(rest, type ++ [token])
  end

  defp type([], type), do: {type, []}

  @doc """
  The definition as SQL.
  """
  @spec to_sql(t()) :: iodata()
  def to_sql(%__MODULE__{text: nil} = column) do
    [
      Identifier.quote_name(column.name),
      if(column.type == "", do: [], else: [?\s, column.type]),
      Enum.map(column.constraints, &[?\s, &1.text])
    ]
  end

  def to_sql(%__MODULE__{text: text}), do: text

  @doc "Whether the column has a constraint of this kind."
  @spec has?(t(), Constraint.kind()) :: boolean()
  def has?(%__MODULE__{constraints: constraints}, kind),
    do: Enum.any?(constraints, &(&1.kind == kind))

  @doc "The column without its constraints of this kind."
  @spec drop(t(), Constraint.kind()) :: t()
  def drop(%__MODULE__{} = column, kind),
    do: reject(column, &(&1.kind == kind))

  @doc "The column without some constraints."
  @spec reject(t(), (Constraint.t() -> as_boolean(term()))) :: t()
  def reject(%__MODULE__{constraints: constraints} = column, reject?) do
    case Enum.reject(constraints, reject?) do
      ^constraints -> column
      constraints -> %{column | constraints: constraints, text: nil}
    end
  end

  @doc """
  The column with further constraints, given as SQL.
  """
  @spec add(t(), iodata()) :: t()
  def add(%__MODULE__{} = column, sql) do
    case sql |> IO.iodata_to_binary() |> SqlTokens.tokenize() |> Constraint.parse_all() do
      {:ok, []} -> column
      {:ok, new} -> %{column | constraints: column.constraints ++ new, text: nil}
    end
  end

  @doc "The column with another type."
  @spec put_type(t(), String.t()) :: t()
  def put_type(%__MODULE__{type: type} = column, type), do: column
  def put_type(%__MODULE__{} = column, type), do: %{column | type: type, text: nil}
end

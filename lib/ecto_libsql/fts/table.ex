defmodule EctoLibSql.FTS.Table do
  @moduledoc false
  # What an FTS5 table is to be: the options of EctoLibSql.FTS.create/3 and of fts_table/2 in migrations,
  # validated.

  alias EctoLibSql.FTS.Tokenizer

  @enforce_keys [:name]
  defstruct [
    :name,
    :database,
    :content,
    :key,
    :contentless,
    :tokenize,
    columns: [],
    unindexed: [],
    prefix: [],
    detail: :full,
    columnsize: true,
    triggers: true,
    fill: true
  ]

  @typedoc """
  `columns` are all of them, `unindexed` those that are only kept. `tokenize` has FTS5's words.
  """
  @type t :: %__MODULE__{
          name: String.t(),
          database: String.t() | nil,
          content: String.t() | nil,
          key: String.t() | nil,
          contentless: nil | true | :delete,
          tokenize: [String.t()] | nil,
          columns: [String.t()],
          unindexed: [String.t()],
          prefix: [pos_integer()],
          detail: :full | :column | :none,
          columnsize: boolean(),
          triggers: boolean(),
          fill: boolean()
        }

  @options [
    :columns,
    :content,
    :key,
    :contentless,
    :tokenize,
    :prefix,
    :detail,
    :columnsize,
    :triggers,
    :fill,
    :database
  ]

  @doc """
  The table that the options describe, with columns or, where it is to be dropped, without. Raises
  `ArgumentError`, which names the option.
  """
  @spec new!(atom() | String.t(), keyword()) :: t()
  def new!(name, opts) do
    name = name!("the table's name", name)

    for {option, _value} <- opts, option not in @options do
      refuse!(name, "there is no option #{inspect(option)}; there are #{inspect(@options)}")
    end

    {columns, unindexed} = columns!(name, Keyword.get(opts, :columns, []))

    check!(%__MODULE__{
      name: name,
      database: optional_name!(opts, :database),
      content: optional_name!(opts, :content),
      key: optional_name!(opts, :key),
      contentless: one_of!(name, opts, :contentless, [nil, false, true, :delete]) || nil,
      tokenize: opts[:tokenize] && Tokenizer.words!(opts[:tokenize]),
      columns: columns,
      unindexed: unindexed,
      prefix: prefix!(name, Keyword.get(opts, :prefix, [])),
      detail: one_of!(name, opts, :detail, [:full, :column, :none]),
      columnsize: one_of!(name, opts, :columnsize, [true, false]),
      triggers: one_of!(name, opts, :triggers, [true, false]),
      fill: one_of!(name, opts, :fill, [true, false])
    })
  end

  @doc "The table, which is to be created and so has columns."
  @spec to_create!(t()) :: t()
  def to_create!(%__MODULE__{columns: []} = table),
    do: refuse!(table.name, "columns: says which columns the table has, as [:title, :body]")

  def to_create!(%__MODULE__{} = table), do: table

  @doc "Its columns with an index."
  @spec indexed(t()) :: [String.t()]
  def indexed(%__MODULE__{} = table), do: table.columns -- table.unindexed

  defp columns!(name, columns) when is_list(columns) do
    parsed =
      Enum.map(columns, fn
        {column, :unindexed} -> {name!("a column", column), :unindexed}
        {column, _} -> refuse!(name, "#{inspect(column)} takes :unindexed, or nothing")
        column -> {name!("a column", column), :indexed}
      end)

    names = Enum.map(parsed, &elem(&1, 0))
    reserved = Enum.filter(names, &(fold(&1) in ["rank", "rowid", fold(name)]))
    twice = names -- Enum.uniq_by(names, &fold/1)

    if reserved != [], do: refuse!(name, "FTS5 has columns of these names: #{inspect(reserved)}")
    if twice != [], do: refuse!(name, "columns: names #{inspect(twice)} twice")
    {names, for({column, :unindexed} <- parsed, do: column)}
  end

  defp columns!(name, other),
    do: refuse!(name, "columns: takes a list of names, got: #{inspect(other)}")

  defp prefix!(_name, []), do: []

  defp prefix!(name, lengths) when is_list(lengths) do
    if Enum.all?(lengths, &(is_integer(&1) and &1 in 1..999)) and
         Enum.uniq(lengths) == lengths and length(lengths) <= 31,
       do: lengths,
       else: prefix!(name, {:wrong, lengths})
  end

  defp prefix!(name, other) do
    refuse!(
      name,
      "prefix: takes the lengths of the prefixes that get an index, from 1 to 999, as [2, 3] (an " <>
        "attached database is named by database:); got: #{inspect(other)}"
    )
  end

  defp one_of!(name, opts, option, allowed) do
    value = Keyword.get(opts, option, hd(allowed))

    if value in allowed do
      value
    else
      refuse!(name, "#{option}: takes one of #{inspect(allowed)}, got: #{inspect(value)}")
    end
  end

  defp optional_name!(opts, option) do
    with name when name != nil <- opts[option], do: name!("#{option}:", name)
  end

  defp name!(_what, name) when is_atom(name) and name not in [nil, true, false],
    do: Atom.to_string(name)

  defp name!(what, name) when is_binary(name) and name != "" do
    if String.contains?(name, <<0>>) or not String.valid?(name),
      do: raise(ArgumentError, "#{what} is UTF-8 without NUL bytes, got: #{inspect(name)}")

    name
  end

  defp name!(what, other),
    do: raise(ArgumentError, "#{what} is an atom or a text, got: #{inspect(other)}")

  defp check!(%__MODULE__{name: name} = table) do
    cond do
      table.content && table.contentless ->
        refuse!(name, "it has either content: or contentless:")

      table.key && !table.content ->
        refuse!(name, "key: is for content:, the table that has the rows")

      table.contentless == :delete and not table.columnsize ->
        refuse!(name, "contentless: :delete needs columnsize: true")

      true ->
        table
    end
  end

  defp fold(name), do: EctoLibSql.Identifier.fold(name)

  @spec refuse!(String.t(), String.t()) :: no_return()
  defp refuse!(name, reason), do: raise(ArgumentError, "FTS5 table #{name}: #{reason}")
end

defmodule EctoLibSql.FTS.Statements do
  @moduledoc false
  # The SQL that creates and drops an FTS5 table, with what keeps it in step with its content table.

  alias EctoLibSql.FTS.{Content, Table, Triggers}

  import EctoLibSql.Identifier, only: [quote_name: 1, quote_name: 2, quote_text: 1]

  @doc """
  The statements that create the table. Without `if_not_exists: true`, one that is there is an error.
  """
  @spec create(Table.t(), Content.t() | nil, keyword()) :: [iodata()]
  def create(%Table{} = table, content, opts \\ []) do
    exists = if opts[:if_not_exists], do: "IF NOT EXISTS ", else: []
    arguments = Enum.intersperse(columns(table) ++ options(table, content), ", ")
    create = ["CREATE VIRTUAL TABLE ", exists, name(table), " USING fts5(", arguments, ?)]

    [create | triggers(table, content)] ++ filling(table)
  end

  defp triggers(%Table{content: content, triggers: true} = table, %Content{} = found)
       when content != nil,
       do: Triggers.create(table, found)

  defp triggers(_table, _content), do: []

  defp filling(%Table{content: content, fill: true} = table) when content != nil do
    [["INSERT INTO ", name(table), " (", quote_name(table.name), ") VALUES ('rebuild')"]]
  end

  defp filling(_table), do: []

  @doc "The statements that drop the table, with its triggers."
  @spec drop(Table.t(), keyword()) :: [iodata()]
  def drop(%Table{} = table, opts \\ []) do
    exists = if opts[:if_exists], do: "IF EXISTS ", else: []
    [["DROP TABLE ", exists, name(table)] | Triggers.drop(table)]
  end

  defp name(%Table{name: name, database: database}), do: quote_name(database, name)

  defp columns(%Table{columns: columns, unindexed: unindexed}) do
    for column <- columns,
        do: [quote_name(column), if(column in unindexed, do: " UNINDEXED", else: [])]
  end

  defp options(table, content) do
    List.flatten([
      option("content", table.content),
      option("content_rowid", content && content.key),
      option("content", table.contentless && ""),
      option("contentless_delete", table.contentless == :delete && "1"),
      option("tokenize", table.tokenize && tokenizer(table.tokenize)),
      option("prefix", table.prefix != [] && Enum.join(table.prefix, " ")),
      option("detail", table.detail != :full && to_string(table.detail)),
      option("columnsize", table.columnsize == false && "0")
    ])
  end

  defp option(_name, unset) when unset in [nil, false], do: []
  defp option(name, value), do: [IO.iodata_to_binary([name, " = ", quote_text(value)])]

  defp tokenizer(words), do: IO.iodata_to_binary(Enum.map_intersperse(words, " ", &quote_text/1))
end

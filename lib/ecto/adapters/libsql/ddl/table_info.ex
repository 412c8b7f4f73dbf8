if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.TableInfo do
    @moduledoc false
    # A table as it is: its definition, its indexes and triggers, and who refers to it.

    alias Ecto.Adapters.LibSql.DDL.Database
    alias EctoLibSql.{CreateTable, Identifier, SqlTokens}

    @enforce_keys [:schema, :name, :created, :indexes, :triggers]
    defstruct [:schema, :name, :created, :indexes, :triggers]

    @type index :: %{name: String.t(), sql: String.t(), words: MapSet.t(String.t())}

    @type t :: %__MODULE__{
            schema: String.t(),
            name: String.t(),
            created: CreateTable.t(),
            indexes: [index()],
            triggers: [%{name: String.t(), sql: String.t()}]
          }

    @type child :: %{table: String.t(), name: String.t(), columns: [String.t()]}

    @doc """
    Looks a table up; what is no ordinary table is an error.
    """
    @spec fetch!(Database.t(), Ecto.Migration.Table.t() | Ecto.Migration.Constraint.t()) :: t()
    def fetch!(db, %{prefix: prefix} = object) do
      name = Map.get(object, :table) || object.name
      schema = Database.schema!(db, prefix, name)
      objects = Database.objects!(db, schema, "tbl_name = ?1 COLLATE NOCASE", [name])

      with [_, name, _, sql] <- Enum.find(objects, {:no_table, name}, &match?(["table" | _], &1)),
           {:ok, created} <- CreateTable.parse(sql) do
        %__MODULE__{
          schema: schema,
          name: name,
          created: created,
          indexes: for(["index", name, _, sql] when sql != nil <- objects, do: index(name, sql)),
          triggers: for(["trigger", name, _, sql] <- objects, do: %{name: name, sql: sql})
        }
      else
        {:no_table, name} -> raise ArgumentError, "there is no table #{schema}.#{name}"
        :error -> raise ArgumentError, "#{schema}.#{name} is no table that can be altered"
      end
    end

    # What is indexed and on what condition, without the index's own name and the table's.
    defp index(name, sql) do
      {_head, body} =
        sql |> SqlTokens.tokenize() |> Enum.split_while(&(not match?({:punctuation, "(", _}, &1)))

      %{name: name, sql: sql, words: words(SqlTokens.text(body))}
    end

    @doc """
    The names that SQL mentions, folded: more than the columns, but no column is missing.
    """
    @spec words(String.t()) :: MapSet.t(String.t())
    def words(sql) do
      for {kind, text, _lead} <- SqlTokens.tokenize(sql),
          kind in [:word, :name],
          into: MapSet.new() do
        text |> Identifier.unquote_name() |> Identifier.fold()
      end
    end

    @doc "Whether the SQL mentions one of the names."
    @spec mentions?(String.t() | MapSet.t(String.t()), [String.t()]) :: boolean()
    def mentions?(sql, names) when is_binary(sql), do: mentions?(words(sql), names)
    def mentions?(words, names), do: Enum.any?(names, &(Identifier.fold(&1) in words))

    @doc "Whether the table has rows."
    @spec rows?(Database.t(), t()) :: boolean()
    def rows?(db, %__MODULE__{} = info) do
      name = Identifier.quote_name(info.schema, info.name)
      Database.rows!(db, ["SELECT EXISTS (SELECT 1 FROM ", name, ?)]) == [[1]]
    end

    @doc """
    The foreign keys of other tables that refer to this one.
    """
    @spec children(Database.t(), t()) :: [child()]
    def children(db, %__MODULE__{schema: schema, name: name}) do
      for ["table", table, _, sql] when sql != nil <-
            Database.objects!(db, schema, "type = 'table'", []),
          not Identifier.same?(table, name),
          {:ok, created} <- [CreateTable.parse(sql)],
          key <- CreateTable.foreign_keys(created),
          Identifier.same?(key.table, name) do
        %{table: table, name: key_name(key, table), columns: key.columns}
      end
    end

    @doc "A foreign key's name: the declared one, or the one that Ecto gives."
    @spec key_name(CreateTable.foreign_key(), String.t()) :: String.t()
    def key_name(%{name: nil, columns: columns}, table),
      do: Enum.join([table] ++ columns ++ ["fkey"], "_")

    def key_name(%{name: name}, _table), do: name
  end
end

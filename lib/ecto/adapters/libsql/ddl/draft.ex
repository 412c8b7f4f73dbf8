if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Draft do
    @moduledoc false
    # What a table is to become. Each change is made to the draft, and says whether SQLite has a
    # statement for it (`statements`) or not (`rebuild?`). If one of a command's changes has none,
    # the table is built anew from the draft, which holds them all.

    alias Ecto.Adapters.LibSql.DDL.TableInfo
    alias EctoLibSql.CreateTable
    alias EctoLibSql.CreateTable.Column
    alias EctoLibSql.Identifier

    @enforce_keys [:info, :created, :copies]
    defstruct [
      :info,
      :created,
      # Column => the expression that fills it from the table as it was.
      :copies,
      # In reverse order.
      statements: [],
      rebuild?: false,
      # Without a rebuild: whether a foreign key is new.
      check_keys?: false,
      removed: [],
      # Foreign keys whose rows are not checked, checks likewise.
      unvalidated_keys: [],
      unvalidated_checks?: false,
      # `{column, affinity}` whose values are to be numbers now.
      converted: [],
      dropped_keys: [],
      # To run after a rebuild.
      triggers: []
    ]

    @type t :: %__MODULE__{
            info: TableInfo.t(),
            created: CreateTable.t(),
            copies: %{optional(String.t()) => iodata()},
            statements: [iodata()],
            rebuild?: boolean(),
            check_keys?: boolean(),
            removed: [String.t()],
            unvalidated_keys: [String.t()],
            unvalidated_checks?: boolean(),
            converted: [{String.t(), String.t() | tuple()}],
            dropped_keys: [String.t()],
            triggers: [iodata()]
          }

    @doc "The table as it is."
    @spec new(TableInfo.t()) :: t()
    def new(%TableInfo{created: created} = info) do
      copies =
        for column <- created.columns, not Column.has?(column, :generated), into: %{} do
          {column.name, Identifier.quote_name(column.name)}
        end

      %__MODULE__{info: info, created: created, copies: copies}
    end

    @doc "SQLite has statements for the change."
    @spec statements(t(), [iodata()]) :: t()
    def statements(%__MODULE__{} = draft, statements),
      do: %{draft | statements: Enum.reverse(statements, draft.statements)}

    @doc "SQLite has none."
    @spec rebuild(t()) :: t()
    def rebuild(%__MODULE__{} = draft), do: %{draft | rebuild?: true}

    @spec column(t(), String.t()) :: Column.t() | nil
    def column(%__MODULE__{created: created}, name), do: CreateTable.column(created, name)

    @doc "The draft with a column more, at the end."
    @spec add_column(t(), Column.t()) :: t()
    def add_column(%__MODULE__{created: created} = draft, column),
      do: %{draft | created: %{created | columns: created.columns ++ [column]}}

    @doc "The draft with another definition of a column."
    @spec put_column(t(), Column.t()) :: t()
    def put_column(%__MODULE__{created: created} = draft, %Column{name: name} = column) do
      columns = Enum.map(created.columns, &if(&1.name == name, do: column, else: &1))
      %{draft | created: %{created | columns: columns}}
    end

    @doc "The draft without a column."
    @spec drop_column(t(), String.t()) :: t()
    def drop_column(%__MODULE__{created: created} = draft, name) do
      columns = Enum.reject(created.columns, &(&1.name == name))

      %{
        draft
        | created: %{created | columns: columns},
          copies: Map.delete(draft.copies, name),
          removed: [name | draft.removed]
      }
    end

    @doc "The draft with further table constraints."
    @spec add_constraints(t(), [CreateTable.Constraint.t()]) :: t()
    def add_constraints(%__MODULE__{created: created} = draft, constraints),
      do: %{draft | created: %{created | constraints: created.constraints ++ constraints}}

    @doc "The draft without some of the constraints, of its columns and its own."
    @spec reject_constraints(t(), (Column.t() | nil, CreateTable.Constraint.t() -> boolean())) ::
            t()
    def reject_constraints(%__MODULE__{created: created} = draft, reject?) do
      columns = for column <- created.columns, do: Column.reject(column, &reject?.(column, &1))
      constraints = Enum.reject(created.constraints, &reject?.(nil, &1))
      %{draft | created: %{created | columns: columns, constraints: constraints}}
    end
  end
end

defmodule EctoLibSql.Result do
  @moduledoc """
  What a statement returned.

  Public fields:

    * `:columns` - the names of the result columns, or `nil` for a statement that has none
    * `:rows` - a list of rows, each a list of values, or `nil` for a statement without columns.
      Integers, floats and `nil` come as they are, text and blobs as binaries, and an infinity
      that SQL computed as `:inf` or `:"-inf"`
    * `:num_rows` - the number of rows in `:rows`; without columns, the number of changed rows
    * `:changes` - rows that the statement inserted, updated or deleted, not counting those that
      triggers and foreign key actions changed
    * `:last_insert_rowid` - the rowid of the connection's last `INSERT`; `nil` after a statement
      that writes nothing. See <https://sqlite.org/c3ref/last_insert_rowid.html>
    * `:statistics` - what the run took, where the query was made with `statistics: true`:
      `t:EctoLibSql.Status.statement/0`; else `nil`
  """

  defstruct columns: nil,
            rows: nil,
            num_rows: 0,
            changes: 0,
            last_insert_rowid: nil,
            statistics: nil

  @type value :: nil | integer() | float() | binary() | :inf | :"-inf"

  @type t :: %__MODULE__{
          columns: [String.t()] | nil,
          rows: [[value()]] | nil,
          num_rows: non_neg_integer(),
          changes: non_neg_integer(),
          last_insert_rowid: integer() | nil,
          statistics: EctoLibSql.Status.statement() | nil
        }

  @doc false
  # The NIF's `{columns, rows, num_rows, changes, last_insert_rowid, autocommit}`.
  def new({columns, rows, num_rows, changes, last_insert_rowid, _autocommit}) do
    %__MODULE__{
      columns: columns,
      rows: rows,
      num_rows: num_rows,
      changes: changes,
      last_insert_rowid: last_insert_rowid
    }
  end
end

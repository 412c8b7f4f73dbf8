defmodule EctoLibSql.Error do
  @moduledoc """
  What went wrong, to match on: nobody has to read the message.

  Public fields:

    * `:code` - an atom. For SQLite's errors, the name of the
      [extended result code](https://sqlite.org/rescode.html) in lower case without `SQLITE_`:
      `:constraint_unique`, `:busy_snapshot`, `:notadb`, `:error`, …; who has waited for a lock or
      the write gate in vain gets `:busy`; an interrupted query is
      `:interrupted`, one past its deadline `:timeout`. The driver's own:

      | code | meaning |
      |---|---|
      | `:connection_closed`, `:statement_closed`, `:cursor_closed` | it is gone |
      | `:session_closed` | see `EctoLibSql.Session` |
      | `:invalid_changeset` | it is malformed |
      | `:changeset_conflict`, `:changeset_schema` | a changeset was not applied: changes, or tables, do not fit |
      | `:statement_busy` | the statement is in the middle of a run |
      | `:wrong_connection` | the statement or cursor belongs to another connection |
      | `:not_transaction_owner` | another process began the transaction |
      | `:no_transaction`, `:transaction_open` | there is none, or one already |
      | `:transaction_lost` | SQLite, or the server, rolled the transaction back by itself |
      | `:commit_unknown` | COMMIT was sent to a server, and no answer came |
      | `:connection_refused`, `:host_not_found`, `:tls` | no connection to the server: nothing was sent |
      | `:connection_lost` | the server's answer did not come, or not whole: whether a write was done is unknown |
      | `:circuit_open` | the server has not answered for a while, and was not asked: nothing was sent |
      | `:unauthorized`, `:forbidden` | the token is missing, wrong or expired; it does not allow this |
      | `:not_found` | the server has no such database |
      | `:overloaded`, `:blocked`, `:response_too_large` | the server refuses |
      | `:server_error`, `:protocol_error`, `:network` | the server failed, or made no sense, or cannot be asked |
      | `:replica_behind` | a replica lacks what this process has written, and nobody could be asked for it |
      | `:frozen` | the replica was frozen |
      | `:sync_conflict` | a copy that is written offline and its server have both changed |
      | `:sync_state` | such a copy's files are damaged, or not as they were left |
      | `:function` | a function that is written in Elixir failed: the message names it |
      | `:inside_function` | the connection waits for the function that this process evaluates |
      | `:transaction_in_batch` | a transactional batch holds `BEGIN`, `COMMIT`, `END` or `ROLLBACK` |
      | `:parameter_count`, `:parameter_names`, `:positional_parameter` | wrong parameters |
      | `:unsupported_parameter` | a value that cannot be stored |
      | `:empty_statement`, `:multiple_statements`, `:invalid_sql` | not one statement |
      | `:range` | no such column or parameter |
      | `:extensions_disabled`, `:extension_not_allowed`, `:load_extension` | see `EctoLibSql.Native.load_ext/3` |
      | `:auth` | the connection's policy does not allow it: `:denied` says what |
      | `:encryption` | this build has no encryption |
      | `:invalid_option`, `:invalid_argument` | it says which, and what is allowed |
      | `:unsupported` | not in this version, by this kind of database, or with this configuration |

    * `:extended_code` - SQLite's extended result code, an integer, where SQLite gave one
    * `:message` - a sentence
    * `:statement` - the SQL that failed, where there is one
    * `:offset` - where in `:statement` the offending token begins, in bytes, where SQLite says so
    * `:constraint` - for a violated constraint, a map of `:kind` (`:unique`, `:primary_key`,
      `:foreign_key`, `:not_null`, `:check`, `:datatype`, `:trigger`, `:other`), `:table`,
      `:columns` and `:name`, as far as SQLite names them
    * `:index` - the failed statement's index in its batch, from 0
    * `:wait` - where a call has waited for others in vain (`:busy`), a map of `:waited`, for how many
      milliseconds, `:holder`, the process that has the write gate, and `:held`, for how many
      milliseconds; `nil` for both where the lock is another program's
    * `:denied` - what the connection's policy does not allow (`:auth`), a map of `:action`, `:object` and
      what else SQLite names. See `EctoLibSql.Authorizer`
  """

  defexception [
    :code,
    :extended_code,
    :message,
    :statement,
    :offset,
    :constraint,
    :index,
    :wait,
    :denied
  ]

  @type constraint :: %{
          kind:
            :unique
            | :primary_key
            | :foreign_key
            | :not_null
            | :check
            | :datatype
            | :trigger
            | :other,
          table: String.t() | nil,
          columns: [String.t()],
          name: String.t() | nil
        }

  @type denied :: %{
          action: atom(),
          object: String.t() | nil,
          table: String.t() | nil,
          column: String.t() | nil,
          name: String.t() | nil,
          argument: String.t() | nil,
          database: String.t() | nil,
          within: String.t() | nil,
          reason: String.t() | nil
        }

  @type t :: %__MODULE__{
          code: atom(),
          extended_code: integer() | nil,
          message: String.t(),
          statement: String.t() | nil,
          offset: non_neg_integer() | nil,
          constraint: constraint() | nil,
          index: non_neg_integer() | nil,
          wait:
            %{waited: non_neg_integer(), holder: pid() | nil, held: non_neg_integer() | nil}
            | nil,
          denied: denied() | nil
        }
end

defmodule EctoLibSql.State do
  @moduledoc """
  An open connection, as `EctoLibSql.connect/1` answers it and every other function takes it.

  A value, not a process: it can be sent and stored, and stays the same for as long as the
  connection is open. It holds no secret.

  Public fields:

    * `:conn_id` - the connection's id, as `EctoLibSql.connections/0` lists it
    * `:mode` - `:local`, `:remote` for a database on a server, `:replica` for a local copy of one, or
      `:offline` for a copy that is written locally
    * `:database` - the path, `":memory:"`, or the `file:` URI; of a server, its URI without the query
    * `:timeout` - how long a call may take that does not say, in milliseconds, or `:infinity`
    * `:retry` - how often a call is made again that does not say
    * `:auth_token` - for a server, the function that answers the token, where one was given
    * `:failover_tokens` - the same for the servers of the option `:failover`: `{index, function}`
    * `:functions` - whether it has functions that are written in Elixir (`EctoLibSql.Function`)
    * `:replica` - of a replica, what belongs to it in this VM: it is of use there only
  """

  @enforce_keys [:conn_id, :mode, :database]
  defstruct [
    :conn_id,
    :mode,
    :database,
    timeout: 15_000,
    retry: 0,
    auth_token: nil,
    failover_tokens: [],
    functions: false,
    replica: nil
  ]

  @type t :: %__MODULE__{
          conn_id: String.t(),
          mode: :local | :remote | :replica | :offline,
          database: String.t(),
          timeout: timeout(),
          retry: non_neg_integer(),
          auth_token: (-> String.t()) | nil,
          failover_tokens: [{non_neg_integer(), (-> String.t())}],
          functions: boolean(),
          replica:
            %{handle: reference(), primary: t(), tries: :atomics.atomics_ref()}
            | nil
        }
end

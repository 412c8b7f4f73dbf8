# Which of Ecto's tests do not run here, and why.

defmodule EctoLibSql.Integration.Exclusions do
  @exclusions [
    {:transaction_isolation, "SET TRANSACTION is a statement of Postgres and MySQL"},
    {:test, "fragment array types", "$1::text[] is Postgres' syntax"},
    {:test, "Converts empty array correctly", "array[1,2,3] is Postgres' syntax"},
    {:test, "duration type",
     "expects the column types INTERVAL MONTH and INTERVAL HOUR TO SECOND to cut a value"},
    {:test, "does not commit migration if insert into schema migration fails",
     "expects columns of the wrong type to refuse values, as SQLite's columns do not"},
    {:test, "telemetry cast params",
     "expects a UUID's parameter to be 16 bytes; here it says that it is a UUID, for the connection " <>
       "to store as the repo chose"}
  ]

  @doc """
  For ExUnit's `:exclude`.
  """
  def filters do
    Enum.map(@exclusions, fn
      {:test, name, _reason} -> {:test, :"test #{name}"}
      {tag, _reason} -> tag
    end)
  end

  @doc """
  What is excluded, and why, a line each.
  """
  def reasons do
    Enum.map(@exclusions, fn
      {:test, name, reason} -> "#{name}: #{reason}"
      {tag, reason} -> "#{inspect(tag)}: #{reason}"
    end)
  end
end

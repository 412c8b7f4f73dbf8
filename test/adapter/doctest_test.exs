defmodule EctoLibSql.Adapter.DoctestTest do
  # The examples of modules that need Ecto.
  use ExUnit.Case, async: true

  doctest EctoLibSql.JSON.Query
  doctest EctoLibSql.Migration
end

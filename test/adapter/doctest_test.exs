defmodule EctoLibSql.Adapter.DoctestTest do
  # The examples of modules that need Ecto.
  use ExUnit.Case, async: true
end

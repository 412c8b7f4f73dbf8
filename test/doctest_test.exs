defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Blob
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
  doctest EctoLibSql.Status
  doctest EctoLibSql.Trace
end

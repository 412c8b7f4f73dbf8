defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Blob
  doctest EctoLibSql.Function
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
  doctest EctoLibSql.Status
  doctest EctoLibSql.Trace
  doctest EctoLibSql.Wal
  doctest EctoLibSql.Wal.Frame
end

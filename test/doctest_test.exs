defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Blob
  doctest EctoLibSql.ChangeFeed
  doctest EctoLibSql.Function
  doctest EctoLibSql.Hooks
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
  doctest EctoLibSql.Vfs
  doctest EctoLibSql.Vfs.Fault
  doctest EctoLibSql.Wal
  doctest EctoLibSql.Wal.Frame
end

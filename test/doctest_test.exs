defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Authorizer
  doctest EctoLibSql.Blob
  doctest EctoLibSql.ChangeFeed
  doctest EctoLibSql.DbConfig
  doctest EctoLibSql.FileControl
  doctest EctoLibSql.Function
  doctest EctoLibSql.Geo
  doctest EctoLibSql.Geo.Box
  doctest EctoLibSql.Geo.Point
  doctest EctoLibSql.HeapLimit
  doctest EctoLibSql.Hooks
  doctest EctoLibSql.Limits
  doctest EctoLibSql.Session
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
  doctest EctoLibSql.Status
  doctest EctoLibSql.Trace
  doctest EctoLibSql.Vfs
  doctest EctoLibSql.Vfs.Fault
  doctest EctoLibSql.Wal
  doctest EctoLibSql.Wal.Frame
end

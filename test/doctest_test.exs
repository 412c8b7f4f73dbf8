defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Authorizer
  doctest EctoLibSql.Blob
  doctest EctoLibSql.ChangeFeed
  doctest EctoLibSql.DbConfig
  doctest EctoLibSql.FTS
  doctest EctoLibSql.FTS.Expression
  doctest EctoLibSql.FTS.Tokenizer
  doctest EctoLibSql.FTS.Weights
  doctest EctoLibSql.FileControl
  doctest EctoLibSql.Function
  doctest EctoLibSql.Geo
  doctest EctoLibSql.Geo.Box
  doctest EctoLibSql.Geo.Point
  doctest EctoLibSql.HeapLimit
  doctest EctoLibSql.Hooks
  doctest EctoLibSql.JSON
  doctest EctoLibSql.Limits
  doctest EctoLibSql.Session
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
  doctest EctoLibSql.Status
  doctest EctoLibSql.Trace
  doctest EctoLibSql.UUID
  doctest EctoLibSql.Vector
  doctest EctoLibSql.Vector.KMeans
  doctest EctoLibSql.Vfs
  doctest EctoLibSql.Vfs.Fault
  doctest EctoLibSql.Wal
  doctest EctoLibSql.Wal.Frame
end

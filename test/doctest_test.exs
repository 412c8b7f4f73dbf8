defmodule EctoLibSql.DoctestTest do
  use ExUnit.Case, async: true

  doctest EctoLibSql
  doctest EctoLibSql.Authorizer
  doctest EctoLibSql.Blob
  doctest EctoLibSql.Native
  doctest EctoLibSql.Pragma
end

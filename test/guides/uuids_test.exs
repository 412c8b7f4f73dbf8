defmodule EctoLibSql.Guides.UUIDsTest do
  use EctoLibSql.Test.Guide, "docs/uuids.md"
end

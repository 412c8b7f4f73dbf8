defmodule EctoLibSql.Guides.JsonTest do
  use EctoLibSql.Test.Guide, "docs/json.md"
end

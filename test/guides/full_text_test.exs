defmodule EctoLibSql.Guides.FullTextTest do
  use EctoLibSql.Test.Guide, "docs/full_text.md"
end

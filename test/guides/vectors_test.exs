defmodule EctoLibSql.Guides.VectorsTest do
  use EctoLibSql.Test.Guide, "docs/vectors.md"
end

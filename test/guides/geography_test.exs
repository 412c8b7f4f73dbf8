defmodule EctoLibSql.Guides.GeographyTest do
  # As the guide has it, for its examples.
  import Ecto.Query
  import EctoLibSql.Geo.Query

  alias Earth.{Airport, Quake, Repo}
  alias EctoLibSql.Geo

  use EctoLibSql.Test.Guide, "docs/geography.md"
end

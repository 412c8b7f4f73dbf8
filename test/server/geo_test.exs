defmodule EctoLibSql.Server.GeoTest do
  # What EctoLibSql.Geo does at a server and on a replica without Ecto.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [rows: 2, rows: 3]

  alias EctoLibSql.{Error, Geo}
  alias EctoLibSql.Geo.{Point, Sphere}
  alias EctoLibSql.Test.Sqld

  @moduletag :sqld
  @moduletag :capture_log
  @moduletag :tmp_dir

  setup_all do
    %{server: Sqld.start!()}
  end

  defp connect!(server, opts \\ []) do
    {:ok, s} = EctoLibSql.connect([uri: Sqld.url(server)] ++ opts)
    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  defp text(point) do
    {:ok, text} = Point.dump(point)
    text
  end

  defp points do
    corners = for lat <- [-90, 0, 90], lon <- [-180, 0, 180], do: Point.new!(lat, lon)
    :rand.seed(:exsss, {4, 5, 6})

    random =
      for _ <- 1..200, do: Point.new!(180 * :rand.uniform() - 90, 360 * :rand.uniform() - 180)

    corners ++ random ++ Enum.map(random, &Sphere.destination(&1, 77, 33))
  end

  test "distances are those in Elixir", %{server: server} do
    s = connect!(server)
    pairs = Enum.zip(points(), Enum.reverse(points()))
    json = Enum.map_join(pairs, ",", fn {a, b} -> "[#{text(a)},#{text(b)}]" end)

    sql = """
    SELECT ecto_geo_distance(json_extract(value, '$[0]'), json_extract(value, '$[1]')) FROM json_each(?)
    """

    for {[found], {a, b}} <- Enum.zip(rows(s, sql, ["[#{json}]"]), pairs) do
      distance = Geo.distance(a, b)
      assert_in_delta found, distance, if(distance > 19_900_000, do: 0.2, else: 0.001)
    end

    assert rows(s, "SELECT ecto_geo_distance(NULL, '[0,0]')") == [[nil]]
    assert {:error, %Error{}} = EctoLibSql.query(s, "SELECT ecto_geo_distance('[91,0]', '[0,0]')")
    assert {:error, %Error{}} = EctoLibSql.query(s, "SELECT ecto_geo_distance('x', '[0,0]')")

    sql = "SELECT " <> Geo.distance_sql("?", "?", "52.5", "13.4")
    refute sql =~ "ecto_"
  end

  for mode <- [:remote, :replica], {type, key} <- [{"INTEGER", 7}, {"TEXT", "seven"}] do
    test "an index on a table with a key of #{type}, on a #{mode}", %{
      server: server,
      tmp_dir: dir
    } do
      s =
        if unquote(mode) == :remote,
          do: connect!(server),
          else: connect!(server, database: Path.join(dir, "copy.db"))

      table = "t#{System.unique_integer([:positive])}"
      :ok = EctoLibSql.run(s, "CREATE TABLE #{table} (id #{unquote(type)} PRIMARY KEY, p TEXT)")
      insert = &EctoLibSql.query(s, "INSERT INTO #{table} VALUES (?, ?)", [&1, &2])
      {:ok, _} = insert.(unquote(key), "[1,2]")

      assert {:error, %Error{code: :invalid_argument, message: message}} =
               Geo.create_index(s, table, "q")

      assert message =~ "the table has no column q"
      assert Geo.create_index(s, table, "p") == :ok
      tree = "SELECT key, round(south), round(east) FROM #{table}_p_rtree"
      assert rows(s, tree) == [[unquote(key), 1.0, 2.0]]

      {:ok, _} = EctoLibSql.query(s, "UPDATE #{table} SET p = '[-3,-4]'")
      assert rows(s, tree) == [[unquote(key), -3.0, -4.0]]

      assert {:error, %Error{message: message}} = insert.(8, "[91,0]")
      assert message =~ "#{table} (p) takes points"
      assert rows(s, "SELECT count(*) FROM #{table}") == [[1]]

      {:ok, _} = EctoLibSql.query(s, "DELETE FROM #{table}")
      assert rows(s, tree) == []
      assert Geo.drop_index(s, table, "p") == :ok
      assert rows(s, "SELECT name FROM sqlite_schema WHERE name LIKE '#{table}_p%'") == []
      assert {:ok, _} = insert.(9, "anything")
      assert {:error, %Error{}} = Geo.drop_index(s, table, "p")
    end
  end
end

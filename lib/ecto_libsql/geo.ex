defmodule EctoLibSql.Geo do
  @moduledoc """
  Places on the globe: distances, what is within a circle or a box, what is nearest, what lies together.

  A place is an `EctoLibSql.Geo.Point`, which is the type of a column, too. Wherever a function here takes
  one, it takes all that the type casts, such as `{latitude, longitude}` in degrees:

      iex> berlin = {52.5163, 13.3777}
      iex> paris = {48.8584, 2.2945}
      iex> round(EctoLibSql.Geo.distance(berlin, paris))
      879088
      iex> round(EctoLibSql.Geo.initial_bearing(berlin, paris))
      247

  Distances are metres on great circles of a globe with the radius 6371008.8 m, which are up to 0.6 % off those
  on the ellipsoid. Elevations have no part in them. The antimeridian and the poles are places as all others are.

  ## In a database

      create table(:places) do
        add :name, :text
        add :location, :text
      end

      create spatial_index(:places, :location)     # import EctoLibSql.Migration

      schema "places" do
        field :name, :string
        field :location, EctoLibSql.Geo.Point
      end

      Place
      |> where([p], p.kind == "museum")
      |> EctoLibSql.Geo.nearest(:location, {52.5163, 13.3777}, 10, index: true)
      |> Repo.all()

  Tables that have a latitude and a longitude in two columns are as good: `{:latitude, :longitude}` stands
  for the field then. The macros of `EctoLibSql.Geo.Query` are for other conditions, and to select distances.

  The functions on queries need no index, and answer the same with it and without. The option `:index` says
  whether there is one:

    * `false` - the default: the rows of the query are all looked at
    * `true` - the one that `spatial_index` makes, under the name that it gives
    * a name - the one with this name
    * a repo - looks whether its database has one, which takes a question more; `index/3` asks once

  An index that is not there is the database's error (`no such table`). The other option of theirs is `:key`,
  the field that tells rows apart: default is the schema's primary key, or `:id` without a schema.
  The first source of the query is what has the points. Bad points, radii, limits and options are `ArgumentError`s.
  """

  alias EctoLibSql.{Error, State}
  alias EctoLibSql.Geo.{Box, Dbscan, Index, Point, Sphere}

  @typedoc "An `EctoLibSql.Geo.Point`, or what its type casts: `{latitude, longitude}` and others."
  @type point :: term()

  ## Values

  @doc """
  The great-circle distance of two points in metres, by the haversine formula.

      iex> round(EctoLibSql.Geo.distance({-36.85, 174.76}, {21.31, -157.86}))
      7076272
  """
  @spec distance(point(), point()) :: float()
  def distance(from, to), do: Sphere.distance(Point.from!(from), Point.from!(to))

  @doc """
  In which direction the great circle to a point begins, in degrees from the north, clockwise.

      iex> EctoLibSql.Geo.initial_bearing({0, 0}, {0, 90})
      90.0
  """
  @spec initial_bearing(point(), point()) :: float()
  def initial_bearing(from, to), do: Sphere.initial_bearing(Point.from!(from), Point.from!(to))

  @doc """
  In which direction the great circle arrives at the second point.

      iex> round(EctoLibSql.Geo.final_bearing({35, 45}, {35, 135}))
      120
  """
  @spec final_bearing(point(), point()) :: float()
  def final_bearing(from, to), do: Sphere.final_bearing(Point.from!(from), Point.from!(to))

  @doc """
  Where one is who goes so many metres on the great circle that begins in this direction.

      iex> EctoLibSql.Geo.destination({0, 179.5}, 90, 111_195) |> Map.fetch!(:longitude) |> Float.round(3)
      -179.5
  """
  @spec destination(point(), number(), number()) :: Point.t()
  def destination(from, bearing, metres) when is_number(bearing) and is_number(metres),
    do: Sphere.destination(Point.from!(from), bearing, metres)

  @doc """
  The point half-way between two on their great circle.

      iex> EctoLibSql.Geo.midpoint({0, 170}, {0, -170}).longitude |> abs()
      180.0
  """
  @spec midpoint(point(), point()) :: Point.t()
  def midpoint(from, to), do: Sphere.midpoint(Point.from!(from), Point.from!(to))

  @doc """
  The smallest `EctoLibSql.Geo.Box` that holds the circle of so many metres around a point. It may
  cross the antimeridian; `EctoLibSql.Geo.Box.split/1` makes boxes of it that do not.

      iex> box = EctoLibSql.Geo.bounding_box({-16.5, 179.9}, 50_000)
      iex> {Float.round(box.west, 1), Float.round(box.east, 1)}
      {179.4, -179.6}
  """
  @spec bounding_box(point(), number()) :: Box.t()
  def bounding_box(center, radius), do: Box.around(center, radius)

  @doc """
  The distance in metres as an expression in SQL that any SQLite with its mathematical functions runs, of
  four expressions in SQL: two latitudes and longitudes, each of which is evaluated several times.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> sql = EctoLibSql.Geo.distance_sql("52.5163", "13.3777", "48.8584", "2.2945")
      iex> {:ok, [metres]} = EctoLibSql.query_one(s, "SELECT \#{sql}")
      iex> round(metres)
      879088
  """
  @spec distance_sql(String.t(), String.t(), String.t(), String.t()) :: String.t()
  def distance_sql(latitude, longitude, other_latitude, other_longitude) do
    latitude
    |> EctoLibSql.Geo.SQL.distance(longitude, other_latitude, other_longitude)
    |> IO.iodata_to_binary()
  end

  ## Clusters

  @doc """
  Finds what lies together, by [DBSCAN](https://en.wikipedia.org/wiki/DBSCAN): points that have at least
  `min_points` within `radius` metres, themselves among them, and all that are within that of one of those,
  are a cluster. What is in none is noise.

  The points are a list of `{key, point}`. Answers a map of `:clusters`, lists of keys, and `:noise`, a list. Keys are
  in the order of the points, and so are clusters by their first ones. A point at the edge of two clusters
  is in one of them.

  Work and memory grow with the points, and the work with how many are within the radius of each.

      iex> points = [a: {52.50, 13.40}, b: {52.51, 13.41}, c: {48.86, 2.35}, d: {52.51, 13.39}]
      iex> EctoLibSql.Geo.dbscan(points, 2_000, 3)
      %{clusters: [[:a, :b, :d]], noise: [:c]}
  """
  @spec dbscan([{key, point()}], number(), pos_integer()) :: Dbscan.clusters(key) when key: term()
  def dbscan(points, radius, min_points) when is_list(points) do
    points = for {key, point} <- points, do: {key, Point.from!(point)}
    Dbscan.run(points, Dbscan.radius!(radius), Dbscan.min_points!(min_points))
  end

  ## Indexes

  @doc """
  Creates a spatial index, as `EctoLibSql.Migration.spatial_index/3` does in migrations.

  The column is one of points, or a tuple of the columns of the latitude and the longitude. The options
  are `:name` and `:prefix`, an attached database. In a transaction it is a part of that.

  The index is a virtual table, here `places_location_rtree`, with the columns `south`, `north`, `west`, `east`
  and `key`, the primary key of a row. Its coordinates are 32-bit floats, rounded outwards.

  Errors: `:invalid_argument` where the table has no such column, no primary key of one column, or a
  row with what is no point; those of the database.

      iex> {:ok, s} = EctoLibSql.connect(database: ":memory:")
      iex> :ok = EctoLibSql.run(s, "CREATE TABLE places (id INTEGER PRIMARY KEY, location TEXT)")
      iex> :ok = EctoLibSql.Geo.create_index(s, "places", "location")
      iex> :ok = EctoLibSql.run(s, "INSERT INTO places VALUES (7, '[52.5163,13.3777]')")
      iex> EctoLibSql.query_one(s, "SELECT key FROM places_location_rtree WHERE north > 50 AND west < 20")
      {:ok, [7]}
      iex> {:error, error} = EctoLibSql.query(s, "INSERT INTO places VALUES (8, '[91, 0]')")
      iex> error.message
      "places (location) takes points: a JSON array of latitude, longitude and perhaps elevation"
  """
  @spec create_index(State.t(), String.t(), Index.column(), keyword()) ::
          :ok | {:error, Error.t()}
  def create_index(%State{} = s, table, column, opts \\ []) do
    index = Index.new(table, column, opts)
    run(s, Index.create(index, ask(s)))
  rescue
    error in ArgumentError ->
      {:error, %Error{code: :invalid_argument, message: Exception.message(error)}}

    error in Error ->
      {:error, error}
  end

  @doc """
  Drops a spatial index: its table and the triggers. Options are those of `create_index/4`. Errors: those of the
  database, where there is none.
  """
  @spec drop_index(State.t(), String.t(), Index.column(), keyword()) :: :ok | {:error, Error.t()}
  def drop_index(%State{} = s, table, column, opts \\ []),
    do: run(s, Index.drop(Index.new(table, column, opts)))

  defp ask(s), do: &EctoLibSql.query!(s, IO.iodata_to_binary(&1), &2).rows

  defp run(s, statements) do
    statements = for statement <- statements, do: {IO.iodata_to_binary(statement), []}

    ran =
      if EctoLibSql.autocommit?(s),
        do: EctoLibSql.batch_transactional(s, statements),
        else: EctoLibSql.batch(s, statements)

    with {:ok, _results} <- ran, do: :ok
  end

  ## Queries

  if Code.ensure_loaded?(Ecto.Query) do
    alias EctoLibSql.Geo.{Rows, Search, Target}

    @typedoc "A field of points, or the fields of the latitude and of the longitude."
    @type field :: atom() | {atom(), atom()}

    @doc """
    The rows whose points are within so many metres of a point.

        Place |> EctoLibSql.Geo.within(:location, {52.5163, 13.3777}, 1_000, index: true)

    The field may be left out where the schema has one of the type `EctoLibSql.Geo.Point`:
    `within(Place, {52.5163, 13.3777}, 1_000)`. Further conditions, orders and limits may come before and after.
    """
    @spec within(Ecto.Queryable.t(), point(), number()) :: Ecto.Query.t()
    def within(query, point, radius), do: within(query, nil, point, radius, [])

    @spec within(Ecto.Queryable.t(), field() | point(), point() | number(), number() | keyword()) ::
            Ecto.Query.t()
    def within(query, point, radius, opts) when is_list(opts),
      do: within(query, nil, point, radius, opts)

    def within(query, field, point, radius), do: within(query, field, point, radius, [])

    @spec within(Ecto.Queryable.t(), field() | nil, point(), number(), keyword()) ::
            Ecto.Query.t()
    def within(query, field, point, radius, opts) do
      query
      |> Target.new(field, opts)
      |> Search.within(Point.from!(point), radius!(radius))
    end

    @doc """
    The rows whose points are in a box, or on its edge.

        box = EctoLibSql.Geo.Box.new!({52.3, 13.1}, {52.7, 13.8})
        EctoLibSql.Geo.within_box(Place, :location, box)
    """
    @spec within_box(Ecto.Queryable.t(), field() | nil, Box.t(), keyword()) :: Ecto.Query.t()
    def within_box(query, field, %Box{} = box, opts \\ []),
      do: query |> Target.new(field, opts) |> Search.within_box(box)

    @doc """
    So many of the query's rows that are nearest to a point, the nearest first; of equally far ones, that with
    the lowest key.

        Place |> where([p], p.open) |> EctoLibSql.Geo.nearest(:location, {52.5163, 13.3777}, 10)

    They are the nearest of the query as it is until here: conditions that come later choose from them.
    The field may be left out, as in `within/3`. A query with `limit`, `group_by` and the like is an
    `ArgumentError`; as a `subquery/1` it has no index.

    With an index, circles are looked into until one has enough rows. Where a condition leaves one row in a
    thousand, a look at all rows is quicker (docs/performance.md): leave the index out.
    """
    @spec nearest(Ecto.Queryable.t(), point(), pos_integer()) :: Ecto.Query.t()
    def nearest(query, point, limit), do: nearest(query, nil, point, limit, [])

    @spec nearest(
            Ecto.Queryable.t(),
            field() | point(),
            point() | pos_integer(),
            pos_integer() | keyword()
          ) :: Ecto.Query.t()
    def nearest(query, point, limit, opts) when is_list(opts),
      do: nearest(query, nil, point, limit, opts)

    def nearest(query, field, point, limit), do: nearest(query, field, point, limit, [])

    @spec nearest(Ecto.Queryable.t(), field() | nil, point(), pos_integer(), keyword()) ::
            Ecto.Query.t()
    def nearest(query, field, point, limit, opts) do
      query
      |> Target.new(field, opts)
      |> Search.nearest(Point.from!(point), limit!(limit))
    end

    @doc """
    `within/5` for many points at once, in one statement.

    Each result is a map: `:point` is the point's index in the list, from 0, `:row` the row, `:distance` the
    metres between them. They come point by point, the nearest first. A query that selects something
    itself keeps that: `as(:geo_point).key` is the index there.
    """
    @spec within_each(Ecto.Queryable.t(), field() | nil, [point()], number(), keyword()) ::
            Ecto.Query.t()
    def within_each(query, field, points, radius, opts \\ []) do
      query
      |> Target.new(field, opts)
      |> Search.within_each(points!(points), radius!(radius))
    end

    @doc """
    `nearest/5` for many points at once, in one statement. Results are those of `within_each/5`.
    """
    @spec nearest_each(Ecto.Queryable.t(), field() | nil, [point()], pos_integer(), keyword()) ::
            Ecto.Query.t()
    def nearest_each(query, field, points, limit, opts \\ []) do
      query
      |> Target.new(field, opts)
      |> Search.nearest_each(points!(points), limit!(limit))
    end

    @doc """
    `dbscan/3` of a query's rows, whose keys it answers.

        EctoLibSql.Geo.clusters(Repo, where(Place, kind: "port"), :location, radius: 5_000, min_points: 4)

    The rows are read in batches, by their key; those without a point are left out. What stays in memory is their
    keys and points. Options:

      * `:radius`, `:min_points` - as `dbscan/3` takes them
      * `:max_points` - where there are more, that is an `ArgumentError`. Default: 100,000
      * `:batch` - how many rows are read at once. Default: 5,000
      * `:key` - as above
    """
    @spec clusters(module(), Ecto.Queryable.t(), field() | nil, keyword()) ::
            Dbscan.clusters(term())
    def clusters(repo, query, field, opts) when is_atom(repo) do
      {read, opts} = Keyword.split(opts, [:max_points, :batch, :key])
      {[radius: radius, min_points: min_points], unknown} = Rows.options!(opts)
      target = Target.new(query, field, unknown ++ Keyword.take(read, [:key]))

      repo
      |> Rows.read!(target, read)
      |> Dbscan.run(radius, min_points)
    end

    @doc """
    How many of the query's rows are in each cell of a grid, and where in the middle: a query whose results
    are as many as cells have rows, however many rows there are.

    A cell is so many degrees wide and high. Each result is a map: `:south` and `:west` are the cell's corner, `:count`
    its rows, `:latitude` and `:longitude` their mean. No cell goes over the antimeridian.

        Place |> EctoLibSql.Geo.grid(:location, 5) |> Repo.all()
    """
    @spec grid(Ecto.Queryable.t(), field() | nil, number()) :: Ecto.Query.t()
    def grid(query, field, degrees) when is_number(degrees) and degrees > 0 and degrees <= 180,
      do: query |> Target.new(field, []) |> Search.grid(degrees / 1)

    def grid(_query, _field, other) do
      raise ArgumentError,
            "a cell of a grid has more than 0 degrees, up to 180, got: #{inspect(other)}"
    end

    @doc """
    The name of the index that a repo's database has for a table's field, or `nil`: to be the option
    `:index` of many queries.

        index = EctoLibSql.Geo.index(Repo, Place, :location)
    """
    @spec index(module(), Ecto.Queryable.t(), field() | nil) :: String.t() | nil
    def index(repo, query, field \\ nil) when is_atom(repo),
      do: Target.new(query, field, index: repo).index

    defp radius!(radius) when is_number(radius) and radius >= 0, do: radius

    defp radius!(other),
      do: raise(ArgumentError, "a radius is metres, 0 or more, got: #{inspect(other)}")

    defp limit!(limit) when is_integer(limit) and limit > 0, do: limit

    defp limit!(other),
      do: raise(ArgumentError, "a limit is a positive integer, got: #{inspect(other)}")

    defp points!(points) when is_list(points), do: Enum.map(points, &Point.from!/1)

    defp points!(other),
      do: raise(ArgumentError, "points are a list of them, got: #{inspect(other)}")
  end
end

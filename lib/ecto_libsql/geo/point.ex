defmodule EctoLibSql.Geo.Point do
  @moduledoc """
  A place on the globe, and the `Ecto.Type` of a column that holds one.

      schema "places" do
        field :location, EctoLibSql.Geo.Point
      end

  Public fields:

    * `:latitude` - degrees from -90.0 (south) to 90.0
    * `:longitude` - degrees from -180.0 (west) to 180.0
    * `:elevation` - metres above sea level, or `nil`

  All are floats; what is out of range makes no point. In the database it is a text, a JSON array of
  the two or three numbers, `[52.5163,13.3777]`: its column has the type `:text` in migrations, and any
  SQLite can take it apart.

  `cast/1` takes, beside a point,

    * a tuple or a list, latitude first: `{52.5163, 13.3777}`, `[52.5163, 13.3777, 34]`
    * a map with the keys `latitude`, `longitude` and perhaps `elevation`, which are atoms or strings; the
      values may be texts, as forms send them
    * a text, `"52.5163, 13.3777"` or `"52.5163, 13.3777, 34"`
    * GeoJSON, where the longitude comes first: `%{"type" => "Point", "coordinates" => [13.3777, 52.5163]}`

        iex> EctoLibSql.Geo.Point.cast({52.5163, 13.3777})
        {:ok, %EctoLibSql.Geo.Point{latitude: 52.5163, longitude: 13.3777}}
        iex> EctoLibSql.Geo.Point.cast(%{"latitude" => "52.5163", "longitude" => "east"})
        {:error, [message: ~s(the longitude "east" is no number)]}
        iex> EctoLibSql.Geo.Point.cast("91, 0")
        {:error, [message: "the latitude 91.0 is not from -90 to 90"]}
  """

  if Code.ensure_loaded?(Ecto.Type), do: @behaviour(Ecto.Type)

  @enforce_keys [:latitude, :longitude]
  defstruct [:latitude, :longitude, :elevation]

  @type t :: %__MODULE__{latitude: float(), longitude: float(), elevation: float() | nil}

  @doc """
  A point of numbers, or why they make none.

      iex> EctoLibSql.Geo.Point.new(52.5163, 13.3777)
      {:ok, %EctoLibSql.Geo.Point{latitude: 52.5163, longitude: 13.3777}}
      iex> EctoLibSql.Geo.Point.new(0, 181)
      {:error, "the longitude 181.0 is not from -180 to 180"}
  """
  @spec new(number(), number(), number() | nil) :: {:ok, t()} | {:error, String.t()}
  def new(latitude, longitude, elevation \\ nil) do
    with {:ok, latitude} <- degrees(:latitude, latitude, 90),
         {:ok, longitude} <- degrees(:longitude, longitude, 180),
         {:ok, elevation} <- elevation(elevation) do
      {:ok, %__MODULE__{latitude: latitude, longitude: longitude, elevation: elevation}}
    end
  end

  @doc """
  As `new/3`; raises an `ArgumentError`.

      iex> EctoLibSql.Geo.Point.new!(27.9881, 86.925, 8849)
      %EctoLibSql.Geo.Point{latitude: 27.9881, longitude: 86.925, elevation: 8849.0}
  """
  @spec new!(number(), number(), number() | nil) :: t()
  def new!(latitude, longitude, elevation \\ nil),
    do: point!(new(latitude, longitude, elevation))

  @doc """
  A point of anything that `cast/1` takes; raises an `ArgumentError` of what makes none.

      iex> EctoLibSql.Geo.Point.from!("-33.8568, 151.2153")
      %EctoLibSql.Geo.Point{latitude: -33.8568, longitude: 151.2153}
  """
  @spec from!(term()) :: t()
  def from!(value), do: value |> read() |> point!()

  defp point!({:ok, point}), do: point
  defp point!({:error, message}), do: raise(ArgumentError, message)

  defp degrees(name, value, most) do
    with {:ok, degrees} <- number(name, value) do
      if abs(degrees) <= most,
        do: {:ok, degrees},
        else: {:error, "the #{name} #{degrees} is not from -#{most} to #{most}"}
    end
  end

  defp elevation(nil), do: {:ok, nil}
  defp elevation(value), do: number(:elevation, value)

  # The sum makes 0.0 of -0.0, so that the same place is the same text.
  defp number(_name, value) when is_float(value), do: {:ok, value + 0.0}

  defp number(name, value) when is_integer(value) do
    {:ok, value / 1}
  rescue
    ArithmeticError -> {:error, "the #{name} #{value} is no number that a float holds"}
  end

  defp number(name, value) when is_binary(value) do
    case Float.parse(String.trim(value)) do
      {float, ""} -> number(name, float)
      _no_float -> no_number(name, value)
    end
  rescue
    # Of more digits than a float takes.
    ArgumentError -> no_number(name, value)
  end

  defp number(name, value), do: no_number(name, value)

  defp no_number(name, value), do: {:error, "the #{name} #{inspect(value)} is no number"}

  ## Reading

  defp read(%__MODULE__{latitude: latitude, longitude: longitude, elevation: elevation}),
    do: new(latitude, longitude, elevation)

  defp read({latitude, longitude}), do: new(latitude, longitude)
  defp read({latitude, longitude, elevation}), do: new(latitude, longitude, elevation)
  defp read([latitude, longitude]), do: new(latitude, longitude)
  defp read([latitude, longitude, elevation]), do: new(latitude, longitude, elevation)

  defp read(%{"type" => "Point", "coordinates" => coordinates}) do
    case coordinates do
      [longitude, latitude] -> new(latitude, longitude)
      [longitude, latitude, elevation] -> new(latitude, longitude, elevation)
      other -> no_point(other)
    end
  end

  defp read(%{latitude: latitude, longitude: longitude} = map),
    do: new(latitude, longitude, Map.get(map, :elevation))

  defp read(%{"latitude" => latitude, "longitude" => longitude} = map),
    do: new(latitude, longitude, filled(Map.get(map, "elevation")))

  defp read(text) when is_binary(text) do
    case String.split(text, ",") do
      [_, _ | rest] = numbers when length(rest) < 2 -> read(numbers)
      _other -> no_point(text)
    end
  end

  defp read(other), do: no_point(other)

  # A form sends an empty field as "".
  defp filled(""), do: nil
  defp filled(elevation), do: elevation

  defp no_point(value) do
    {:error, "#{inspect(value)} is no point: it takes a latitude and a longitude"}
  end

  ## Ecto.Type

  @doc "`c:Ecto.Type.type/0`: points are texts."
  def type, do: :string

  @doc "`c:Ecto.Type.cast/1`: see above for what it takes."
  @spec cast(term()) :: {:ok, t() | nil} | {:error, message: String.t()}
  def cast(nil), do: {:ok, nil}

  def cast(value) do
    with {:error, message} <- read(value), do: {:error, message: message}
  end

  @doc "`c:Ecto.Type.load/1`: of the database's text."
  @spec load(term()) :: {:ok, t() | nil} | :error
  def load(nil), do: {:ok, nil}

  def load(text) when is_binary(text) do
    with [_, numbers] <- Regex.run(~r/\A\s*\[(.*)\]\s*\z/s, text),
         {:ok, point} <- read(numbers) do
      {:ok, point}
    else
      _no_point -> :error
    end
  end

  def load(_other), do: :error

  @doc """
  `c:Ecto.Type.dump/1`: the database's text.

      iex> EctoLibSql.Geo.Point.dump(EctoLibSql.Geo.Point.new!(52.5163, 13))
      {:ok, "[52.5163,13.0]"}
  """
  @spec dump(term()) :: {:ok, String.t() | nil} | :error
  def dump(nil), do: {:ok, nil}

  def dump(%__MODULE__{} = point) do
    case read(point) do
      {:ok, point} -> {:ok, text(point)}
      {:error, _message} -> :error
    end
  end

  def dump(_other), do: :error

  defp text(%__MODULE__{latitude: latitude, longitude: longitude, elevation: nil}),
    do: "[#{latitude},#{longitude}]"

  defp text(%__MODULE__{latitude: latitude, longitude: longitude, elevation: elevation}),
    do: "[#{latitude},#{longitude},#{elevation}]"

  @doc "`c:Ecto.Type.embed_as/1`: in embeds it is the database's text, too."
  def embed_as(_format), do: :dump

  @doc "`c:Ecto.Type.equal?/2`."
  @spec equal?(term(), term()) :: boolean()
  def equal?(left, right), do: left == right
end

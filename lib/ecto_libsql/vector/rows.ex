defmodule EctoLibSql.Vector.Rows do
  @moduledoc false
  # The vectors of a column, or of a query, streamed: what is in memory is a few hundred of them.
  # Distances are SQL's.

  alias EctoLibSql.{Identifier, State, Vector}

  @enforce_keys [:place, :sql, :params, :kind]
  defstruct @enforce_keys

  @type t :: %__MODULE__{
          place: State.t() | module(),
          sql: String.t(),
          params: [term()],
          kind: :f32 | :f64
        }

  @measured "SELECT point, vector_distance_l2(r.vector, vector) AS distance FROM libsql_points"

  # k-means has means of 32 or 64 bits, whatever the column's kind is.
  @read %{f32: "vector32", f64: "vector64"}

  @doc "Those of a table's column, on a connection."
  @spec of_column(State.t(), String.t(), String.t()) ::
          {:ok, t()} | {:error, EctoLibSql.Error.t()}
  def of_column(%State{} = s, table, column) do
    table = Identifier.quote_name(table)
    column = Identifier.quote_name(column)
    from = IO.iodata_to_binary([" FROM ", table, " WHERE ", column, " IS NOT NULL"])
    first = IO.iodata_to_binary(["SELECT ", column, from, " LIMIT 1"])

    case EctoLibSql.query_one(s, first) do
      {:error, :no_rows} ->
        {:ok, new(s, column, from, :f32)}

      {:error, error} ->
        {:error, error}

      {:ok, [blob]} ->
        with {:ok, kind, _} <- Vector.decode(blob), do: {:ok, new(s, column, from, kind)}
    end
  end

  defp new(s, column, from, kind) do
    kind = means(kind)
    sql = IO.iodata_to_binary(["SELECT ", @read[kind], ?(, column, ") AS vector", from])
    %__MODULE__{place: s, sql: sql, params: [], kind: kind}
  end

  @doc "The kind of the means of vectors of a kind."
  @spec means(Vector.kind()) :: :f32 | :f64
  def means(:f64), do: :f64
  def means(_kind), do: :f32

  @doc """
  Each vector's blob, with its distance from the nearest of some points: `nil` where there are no
  points.
  """
  @spec distances(t(), [[float()]], acc, ([term()], acc -> acc)) ::
          {:ok, acc} | {:error, EctoLibSql.Error.t()}
        when acc: term()
  def distances(rows, points, acc, fun),
    do: reduce(rows, points, "SELECT min(distance) FROM (#{@measured})", acc, fun)

  @doc """
  Each vector's blob, with the index of the nearest of some points.
  """
  @spec nearest(t(), [[float()]], acc, ([term()], acc -> acc)) ::
          {:ok, acc} | {:error, EctoLibSql.Error.t()}
        when acc: term()
  def nearest(rows, points, acc, fun) do
    first = "SELECT point FROM (#{@measured}) ORDER BY distance, point LIMIT 1"
    reduce(rows, points, first, acc, fun)
  end

  defp reduce(rows, points, answer, acc, fun) do
    sql = """
    WITH libsql_vectors(vector) AS (#{rows.sql}),
      libsql_points(point, vector) AS MATERIALIZED (SELECT key, unhex(value) FROM json_each(?))
    SELECT r.vector, (#{answer}) FROM libsql_vectors AS r
    """

    points = hex(for point <- points, do: Vector.encode!(point, rows.kind))
    stream(rows.place, sql, rows.params ++ [points], acc, fun)
  end

  @doc "Blobs as a JSON array of hexadecimal texts."
  @spec hex([binary()]) :: String.t()
  def hex(blobs) do
    texts = for blob <- blobs, do: [?", Base.encode16(blob), ?"]
    IO.iodata_to_binary([?[, Enum.intersperse(texts, ?,), ?]])
  end

  defp stream(%State{} = s, sql, params, acc, fun) do
    {:ok, s |> EctoLibSql.stream(sql, params) |> Enum.reduce(acc, fun)}
  rescue
    error in EctoLibSql.Error -> {:error, error}
  end

  defp stream(repo, sql, params, acc, fun) do
    repo.transaction(
      fn ->
        # Ecto.Adapters.SQL is there where a repo is.
        Ecto.Adapters.SQL
        |> apply(:stream, [repo, sql, params, [timeout: :infinity]])
        |> Enum.reduce(acc, fn %{rows: rows}, acc -> Enum.reduce(rows, acc, fun) end)
      end,
      mode: :read_only,
      timeout: :infinity
    )
  rescue
    error in EctoLibSql.Error -> {:error, error}
  end
end

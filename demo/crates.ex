defmodule Demo.Crates do
  @moduledoc false
  # The packages of a Cargo.lock in a database, and questions to them.

  alias Demo.CargoLock
  alias EctoLibSql.{Result, State}

  @type counts :: %{
          added: non_neg_integer(),
          changed: non_neg_integer(),
          removed: non_neg_integer(),
          crates: non_neg_integer(),
          edges: non_neg_integer()
        }

  # AUTOINCREMENT: a new crate never takes the id of one that is gone, so an edge of two ids is
  # the same edge before and after.
  @schema """
  CREATE TABLE IF NOT EXISTS crates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    source TEXT NOT NULL,
    checksum TEXT,
    UNIQUE (name, version, source)
  ) STRICT;

  CREATE TABLE IF NOT EXISTS edges (
    crate_id INTEGER NOT NULL REFERENCES crates (id) ON DELETE CASCADE,
    needs_id INTEGER NOT NULL REFERENCES crates (id) ON DELETE CASCADE,
    PRIMARY KEY (crate_id, needs_id)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX IF NOT EXISTS edges_needs_id ON edges (needs_id);

  CREATE VIRTUAL TABLE IF NOT EXISTS crate_names
    USING fts5 (name, content = 'crates', content_rowid = 'id', tokenize = 'trigram');

  CREATE TRIGGER IF NOT EXISTS crates_inserted AFTER INSERT ON crates BEGIN
    INSERT INTO crate_names (rowid, name) VALUES (new.id, new.name);
  END;

  CREATE TRIGGER IF NOT EXISTS crates_deleted AFTER DELETE ON crates BEGIN
    INSERT INTO crate_names (crate_names, rowid, name) VALUES ('delete', old.id, old.name);
  END;
  """

  # What `:root` needs, directly or not, and how far away it is. UNION drops what was seen at the
  # same depth; the limit ends circles, which development dependencies can form.
  @reach """
  reach (id, depth) AS (
    SELECT :root, 0
    UNION
    SELECT needs_id, depth + 1 FROM reach JOIN edges ON crate_id = reach.id WHERE depth < 50
  ),
  distance (id, depth) AS MATERIALIZED (
    SELECT id, min(depth) FROM reach GROUP BY id
  )
  """

  @spec create_schema(State.t()) :: :ok | {:error, EctoLibSql.Error.t()}
  def create_schema(s) do
    with {:ok, _} <- EctoLibSql.execute_transactional_batch(s, @schema), do: :ok
  end

  @doc """
  Brings the database in line with the packages, in one transaction. A crate counts as changed
  where its checksum or the crates that it needs are others than before.
  """
  @spec update(State.t(), [CargoLock.package()]) :: {:ok, counts()} | {:error, term()}
  def update(s, packages) do
    EctoLibSql.transaction(s, fn s ->
      with {:ok, before} <- stored_crates(s),
           {:ok, edges_before} <- stored_edges(s),
           wanted = MapSet.new(packages, & &1.key),
           gone = for({key, {id, _}} <- before, key not in wanted, do: id),
           :ok <- each(s, "DELETE FROM crates WHERE id = ?", Enum.map(gone, &[&1])),
           :ok <- insert_crates(s, packages, before),
           :ok <- update_checksums(s, packages, before),
           {:ok, now} <- stored_crates(s),
           edges = edges(packages, now),
           :ok <- update_edges(s, edges_before, edges) do
        {:ok,
         %{
           added: Enum.count(packages, &(not is_map_key(before, &1.key))),
           changed: changed(packages, before, edges_before, edges),
           removed: length(gone),
           crates: map_size(now),
           edges: MapSet.size(edges)
         }}
      end
    end)
  end

  defp stored_crates(s) do
    with {:ok, result} <-
           EctoLibSql.query(s, "SELECT id, name, version, source, checksum FROM crates") do
      {:ok,
       Map.new(result.rows, fn [id, name, version, source, checksum] ->
         {{name, version, source}, {id, checksum}}
       end)}
    end
  end

  defp stored_edges(s) do
    with {:ok, result} <- EctoLibSql.query(s, "SELECT crate_id, needs_id FROM edges"),
         do: {:ok, MapSet.new(result.rows)}
  end

  defp insert_crates(s, packages, before) do
    rows =
      for %{key: {name, version, source} = key, checksum: checksum} <- packages,
          not is_map_key(before, key),
          do: [name: name, version: version, source: source, checksum: checksum]

    sql =
      "INSERT INTO crates (name, version, source, checksum)" <>
        " VALUES (:name, :version, :source, :checksum)"

    each(s, sql, rows)
  end

  defp update_checksums(s, packages, before) do
    rows =
      for %{key: key, checksum: checksum} <- packages,
          {id, stored} <- List.wrap(before[key]),
          stored != checksum,
          do: [id: id, checksum: checksum]

    each(s, "UPDATE crates SET checksum = :checksum WHERE id = :id", rows)
  end

  defp edges(packages, now) do
    for %{key: key, dependencies: dependencies} <- packages,
        dependency <- dependencies,
        into: MapSet.new(),
        do: [id(now, key), id(now, dependency)]
  end

  # The edges of a deleted crate went with it, by the foreign keys.
  defp update_edges(s, before, now) do
    gone = MapSet.difference(before, now)
    new = MapSet.difference(now, before)

    with :ok <- each(s, "DELETE FROM edges WHERE crate_id = ? AND needs_id = ?", gone),
         do: each(s, "INSERT INTO edges (crate_id, needs_id) VALUES (?, ?)", new)
  end

  defp changed(packages, before, edges_before, edges) do
    {needs_before, needs} = {by_crate(edges_before), by_crate(edges)}

    Enum.count(packages, fn %{key: key, checksum: checksum} ->
      case before do
        %{^key => {id, stored}} -> stored != checksum or needs_before[id] != needs[id]
        _ -> false
      end
    end)
  end

  # What each crate needs.
  defp by_crate(edges), do: edges |> Enum.sort() |> Enum.group_by(&hd/1)

  defp id(crates, key), do: crates |> Map.fetch!(key) |> elem(0)

  # Runs one prepared statement for each list of parameters.
  defp each(s, sql, params) do
    with {:ok, statement} <- EctoLibSql.prepare(s, sql) do
      done =
        Enum.find_value(params, :ok, fn params ->
          with {:ok, _} <- EctoLibSql.execute_stmt(s, statement, params), do: nil
        end)

      with :ok <- EctoLibSql.finalize_stmt(s, statement), do: done
    end
  end

  @doc """
  The crate that the file is about: one of the workspace, that no other needs, with the most
  dependencies. Where there is none, the one with the most dependencies.
  """
  @spec root(State.t()) :: {:ok, [term()]} | {:error, term()}
  def root(s) do
    EctoLibSql.query(s, """
    SELECT id, name, version FROM crates
    ORDER BY source = 'workspace' DESC,
             EXISTS (SELECT 1 FROM edges WHERE needs_id = crates.id),
             (SELECT count(*) FROM edges WHERE crate_id = crates.id) DESC, name
    LIMIT 1
    """)
    |> one_row()
  end

  @doc "The crate of this name; of several versions, the last."
  @spec find(State.t(), String.t()) :: {:ok, [term()]} | {:error, term()}
  def find(s, name) do
    sql = "SELECT id, name, version FROM crates WHERE name = ? ORDER BY id DESC LIMIT 1"
    s |> EctoLibSql.query(sql, [name]) |> one_row()
  end

  @doc "The crate that is the furthest from the root."
  @spec furthest(State.t(), integer()) :: {:ok, [term()]} | {:error, term()}
  def furthest(s, root) do
    EctoLibSql.query(
      s,
      "WITH RECURSIVE #{@reach}" <>
        "SELECT id, name, version FROM distance JOIN crates USING (id)" <>
        " ORDER BY depth DESC, name LIMIT 1",
      root: root
    )
    |> one_row()
  end

  defp one_row({:ok, %Result{rows: [row]}}), do: {:ok, row}
  defp one_row({:ok, %Result{rows: []}}), do: {:error, :not_found}
  defp one_row(error), do: error

  @doc "The dependency tree, three levels deep, and its first lines only."
  @spec tree(State.t(), integer(), pos_integer()) :: {:ok, Result.t()} | {:error, term()}
  def tree(s, root, lines) do
    # ORDER BY depth DESC makes SQLite go down before it goes on: the rows come as a tree is
    # written, and LIMIT stops it early.
    EctoLibSql.query(
      s,
      """
      WITH RECURSIVE tree (id, depth, name) AS (
        SELECT :root, 0, ''
        UNION ALL
        SELECT needs.id, depth + 1, needs.name
        FROM tree
        JOIN edges ON crate_id = tree.id
        JOIN crates AS needs ON needs.id = needs_id
        WHERE depth < 3
        ORDER BY 2 DESC, 3
      )
      SELECT printf('%*s', depth * 2, '') || crates.name AS crate, version,
             (SELECT count(*) FROM edges WHERE crate_id = tree.id) AS needs
      FROM tree JOIN crates USING (id)
      LIMIT :lines
      """,
      root: root,
      lines: lines
    )
  end

  @doc "How many crates are needed at each distance from the root."
  @spec distances(State.t(), integer()) :: {:ok, Result.t()} | {:error, term()}
  def distances(s, root) do
    EctoLibSql.query(
      s,
      "WITH RECURSIVE #{@reach}" <>
        "SELECT depth AS distance, count(*) AS crates FROM distance GROUP BY depth ORDER BY depth",
      root: root
    )
  end

  @doc "Why a crate is there: a shortest path to it from the root."
  @spec why(State.t(), integer(), integer()) :: {:ok, Result.t()} | {:error, term()}
  def why(s, root, crate) do
    EctoLibSql.query(
      s,
      """
      WITH RECURSIVE #{@reach},
      way (id, depth) AS (
        SELECT id, depth FROM distance WHERE id = :crate
        UNION ALL
        SELECT (SELECT min(d.id) FROM edges JOIN distance AS d ON d.id = crate_id
                WHERE needs_id = way.id AND d.depth = way.depth - 1),
               depth - 1
        FROM way WHERE depth > 0
      )
      SELECT depth AS step, name AS crate, version
      FROM way JOIN crates USING (id)
      ORDER BY depth
      """,
      root: root,
      crate: crate
    )
  end

  @doc "Crates that are there in more than one version."
  @spec duplicates(State.t()) :: {:ok, Result.t()} | {:error, term()}
  def duplicates(s) do
    EctoLibSql.query(s, """
    SELECT name AS crate, count(*) AS versions, group_concat(version, ', ' ORDER BY id) AS which
    FROM crates GROUP BY name HAVING count(*) > 1
    ORDER BY count(*) DESC, name
    """)
  end

  @doc "The crates that the most others need directly."
  @spec most_needed(State.t(), pos_integer()) :: {:ok, Result.t()} | {:error, term()}
  def most_needed(s, count) do
    EctoLibSql.query(
      s,
      """
      SELECT name AS crate, version, count(*) AS needed_by
      FROM edges JOIN crates ON crates.id = needs_id
      GROUP BY crates.id ORDER BY count(*) DESC, name LIMIT ?
      """,
      [count]
    )
  end

  @doc "Full-text search: names that hold the text, which has three characters or more."
  @spec search(State.t(), String.t()) :: {:ok, Result.t()} | {:error, term()}
  def search(s, text) do
    # As one FTS5 string: what it holds is no query syntax.
    phrase = ~s("#{String.replace(text, ~s("), ~s(""))}")

    EctoLibSql.query(
      s,
      """
      SELECT highlight(crate_names, 0, '[', ']') AS crate, version
      FROM crate_names JOIN crates ON crates.id = crate_names.rowid
      WHERE crate_names MATCH ?
      ORDER BY rank, crates.name, crates.id LIMIT 20
      """,
      [phrase]
    )
  end
end

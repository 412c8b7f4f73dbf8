# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.WalPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database, only: [count_to: 1]
    import EctoLibSql.Test.WalShipping

    alias EctoLibSql.{Error, Wal}
    alias EctoLibSql.Wal.Frame

    @moduletag :tmp_dir
    @moduletag timeout: 180_000

    # A directory for each run of a property, and connections that are closed at its end.
    defp with_databases(dir, names, fun) do
      dir = Path.join(dir, Integer.to_string(System.unique_integer([:positive])))
      File.mkdir_p!(dir)
      connections = for name <- names, do: connect(Path.join(dir, name))

      try do
        fun.(connections)
      after
        Enum.each(connections, &EctoLibSql.disconnect/1)
        File.rm_rf!(dir)
      end
    end

    defp connect(database) do
      {:ok, s} = EctoLibSql.connect(database: database, journal_mode: :wal, page_size: 1024)
      s
    end

    ## Shipping

    defp change do
      frequency([
        {6, tuple({constant(:insert), integer(1..40)})},
        {4, tuple({constant(:update), integer(1..5)})},
        {3, tuple({constant(:delete), integer(1..3)})},
        {2, constant(:add_column)},
        {1, constant(:new_table)},
        {1, constant(:drop_index)},
        {2, constant(:vacuum)},
        {2, constant(:rolled_back)},
        {4, constant(:ship)},
        {1, constant(:checkpoint)},
        {1, constant(:receiver_restarts)}
      ])
    end

    property "a copy that frames are shipped to equals its source", %{tmp_dir: dir} do
      check all(changes <- list_of(change(), min_length: 1, max_length: 25), max_runs: 40) do
        with_databases(dir, ["source.db", "target.db"], fn [source, target] ->
          :ok = Wal.disable_checkpoint(source)
          script(source, "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a)")

          {target, position} =
            changes
            |> Enum.with_index()
            |> Enum.reduce({target, nil}, &change(&1, source, &2))

          position = ship(source, target, position)
          assert %{faults: []} = contents(target)
          assert contents(target) == contents(source)
          # Nothing new: nothing is shipped.
          assert ship(source, target, position) == position

          for s <- [source, target],
              do: {:ok, %{busy: false}} = EctoLibSql.checkpoint(s, :truncate)

          assert pages(target) == pages(source)
          EctoLibSql.disconnect(target)
        end)
      end
    end

    defp change({:ship, _n}, source, {target, position}),
      do: {target, ship(source, target, position)}

    # All that is in the log has been shipped: then it can be begun anew.
    defp change({:checkpoint, _n}, source, {target, position}) do
      position = ship(source, target, position)
      {:ok, %{busy: false}} = EctoLibSql.checkpoint(source, :truncate)
      {target, position}
    end

    defp change({:receiver_restarts, _n}, _source, {target, position}) do
      EctoLibSql.disconnect(target)
      {connect(target.database), position}
    end

    defp change({change, n}, source, shipped) do
      write(change, n, source)
      shipped
    end

    defp write({:insert, count}, _n, s),
      do: script(s, "INSERT INTO t (a) SELECT hex(randomblob(i * 20)) FROM (#{count_to(count)})")

    defp write({:update, step}, _n, s),
      do: script(s, "UPDATE t SET a = a || 'x' WHERE id % #{step} = 0")

    defp write({:delete, step}, _n, s), do: script(s, "DELETE FROM t WHERE id % #{step} = 0")
    defp write(:add_column, n, s), do: script(s, "ALTER TABLE t ADD COLUMN c#{n} DEFAULT #{n}")
    defp write(:new_table, n, s), do: script(s, "CREATE TABLE t#{n} AS SELECT * FROM t")

    defp write(:drop_index, _n, s),
      do: script(s, "DROP INDEX i; CREATE INDEX i ON t (a DESC)")

    defp write(:vacuum, _n, s), do: script(s, "VACUUM")

    defp write(:rolled_back, _n, s),
      do:
        script(
          s,
          "BEGIN; INSERT INTO t (a) SELECT randomblob(2000) FROM (#{count_to(50)}); ROLLBACK"
        )

    defp script(s, sql), do: {:ok, _} = EctoLibSql.execute_batch(s, sql)

    ## Whatever is inserted

    defp garbage do
      number = frequency([{6, integer(0..8)}, {1, integer(0..0xFFFFFFFF)}])

      data =
        frequency([
          {4, binary(length: 1024)},
          {2, constant(<<0::1024*8>>)},
          # What looks like a page of a b-tree.
          {4,
           map({member_of([2, 5, 10, 13]), binary(length: 60)}, fn {kind, bytes} ->
             <<kind, bytes::binary, 0::963*8>>
           end)},
          {1, binary(max_length: 2000)}
        ])

      map({number, number, data}, fn {page, db_size, data} ->
        Frame.to_binary(%Frame{page: page, db_size: db_size, data: data})
      end)
    end

    property "no frame takes the VM down: what cannot be read is an error", %{tmp_dir: dir} do
      check all(
              frames <- list_of(one_of([garbage(), binary(), term()]), max_length: 12),
              first_page <- boolean(),
              max_runs: 150
            ) do
        with_databases(dir, ["a.db", "a.db"], fn [s, other] ->
          script(s, "CREATE TABLE t (id INTEGER PRIMARY KEY, a); CREATE INDEX i ON t (a)")
          script(s, "INSERT INTO t (a) SELECT hex(randomblob(i)) FROM (#{count_to(30)})")
          {:ok, _} = EctoLibSql.query(other, "SELECT * FROM t")

          frames =
            if first_page,
              do: frames,
              else: Enum.reject(frames, &match?(<<1::32, _::binary>>, &1))

          :ok = Wal.insert_begin(s)

          for frame <- frames do
            assert answered?(Wal.insert_frame(s, frame))
          end

          :ok = Wal.insert_end(s)
          assert answered?(Wal.insert_frames(s, frames))

          for connection <- [s, other],
              sql <- [
                "SELECT * FROM t",
                "SELECT a FROM t ORDER BY a",
                "INSERT INTO t (a) VALUES (randomblob(3000))",
                "CREATE TABLE u AS SELECT * FROM t",
                "DELETE FROM t WHERE id > 3",
                "PRAGMA quick_check(1)"
              ] do
            assert answered?(EctoLibSql.query(connection, sql, [], timeout: 5_000))
          end

          assert answered?(EctoLibSql.checkpoint(s, :truncate, timeout: 1_000))
        end)
      end
    end

    defp answered?(:ok), do: true
    defp answered?({:ok, _}), do: true
    defp answered?({:error, %Error{}}), do: true
    defp answered?(_), do: false
  end
end

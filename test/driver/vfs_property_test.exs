if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.VfsPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.Error
    alias EctoLibSql.Vfs.Fault

    @moduletag :tmp_dir

    @operations [:open, :read, :write, :sync, :truncate, :size, :delete, :access, :lock] ++
                  [:shm_map, :shm_lock]

    defp or_anything(generator), do: frequency([{9, generator}, {1, term()}])

    defp action do
      one_of([
        constant(:error),
        map(one_of([constant(:full), constant(:ioerr_data), atom(:alphanumeric)]), &{:error, &1}),
        map(integer(-1..5000), &{:torn, &1}),
        map(integer(0..5000), &{:torn, &1, :silent}),
        map(integer(0..5000), &{:short, &1}),
        constant(:lie),
        constant({:delay, 0}),
        constant(:power_loss)
      ])
    end

    defp rule do
      optional_map(%{
        on: or_anything(list_of(member_of(@operations), max_length: 2)),
        file: or_anything(member_of([:main, :wal, :journal, :temporary])),
        nth: or_anything(integer(0..50)),
        from: or_anything(integer(1..50)),
        every: or_anything(integer(1..5)),
        probability: or_anything(float(min: 0.0, max: 1.0)),
        times: or_anything(integer(1..5)),
        do: or_anything(action())
      })
    end

    defp script do
      optional_map(%{
        rules: or_anything(list_of(rule(), max_length: 3)),
        seed: or_anything(integer(0..1_000_000)),
        space: or_anything(integer(0..100_000)),
        sector_size: or_anything(member_of([512, 4096, 1000]))
      })
    end

    property "any script is refused, or holds, and crashes nothing", context do
      {:ok, vfs} = Fault.start()
      on_exit(fn -> Fault.stop(vfs) end)

      check all(script <- or_anything(script()), number <- integer(), max_runs: 60) do
        path = Path.join(context.tmp_dir, "#{number}_#{System.unique_integer([:positive])}.db")

        case Fault.set(vfs, script) do
          :ok -> use_it(path, vfs)
          {:error, %Error{code: :invalid_argument, message: message}} -> assert message != ""
        end

        assert {:ok, _} = Fault.power_loss(vfs)
        :ok = Fault.set(vfs, [])

        # A disk that has lied may leave what is no database.
        case EctoLibSql.connect(database: path, vfs: vfs) do
          {:ok, s} ->
            assert rows(s, "SELECT 1") == [[1]]
            :ok = EctoLibSql.disconnect(s)

          {:error, %Error{code: code}} ->
            assert code in [:notadb, :corrupt, :ioerr_short_read, :cantopen]
        end

        assert {:ok, %{open_files: 0}} = Fault.status(vfs)
      end
    end

    # Whatever it answers, it is an answer.
    defp use_it(path, vfs) do
      with {:ok, s} <- EctoLibSql.connect(database: path, vfs: vfs, busy_timeout: 0) do
        for sql <- [
              "CREATE TABLE t (a)",
              "INSERT INTO t VALUES (zeroblob(9000))",
              "SELECT * FROM t"
            ],
            do: assert(elem(EctoLibSql.query(s, sql), 0) in [:ok, :error])

        EctoLibSql.transaction(s, fn s -> EctoLibSql.query(s, "DELETE FROM t") end)
        EctoLibSql.checkpoint(s, :truncate)
        :ok = EctoLibSql.disconnect(s)
      end
    end
  end
end

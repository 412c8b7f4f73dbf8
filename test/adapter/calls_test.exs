if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.CallsTest do
    # The budget of each operation: how often it calls the NIF. One call more fails.
    use ExUnit.Case, async: false

    import Ecto.Query
    import EctoLibSql.Test.NifCalls

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Line do
      use Ecto.Schema

      schema "lines" do
        field(:item_id, :integer)
      end
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
        field(:quantity, :integer)
        has_many(:lines, Line)
      end
    end

    @moduletag :tmp_dir
    @rows 10_000

    setup %{tmp_dir: dir} do
      start_supervised!({Repo, database: Path.join(dir, "calls.db"), pool_size: 1, log: false})
      Repo.query!("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, quantity INTEGER)")
      Repo.query!("CREATE TABLE lines (id INTEGER PRIMARY KEY, item_id INTEGER)")
      Repo.query!("CREATE INDEX lines_of ON lines (item_id)")

      Repo.query!("""
      INSERT INTO items WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n
      WHERE i < #{@rows}) SELECT i, 'item ' || i, i * 7 FROM n
      """)

      Repo.query!("INSERT INTO lines (item_id) SELECT id FROM items WHERE id <= 10")
      :ok
    end

    # An operation, its calls on the scheduler that calls, its hops to a dirty one, and the work.
    # A statement's first call asks whether it can be done where it is called (`query_short`); a
    # result comes in parts of 2,000 rows; a stream's first fetch is of as many as asked for, later ones
    # of four times as many; before and after a checkout, DBConnection asks for the
    # status of the connection.
    @operations [
      {"get!", 1, 0, :get},
      {"get!, in a transaction", 1, 2, :get_in_transaction},
      {"get!, in a checkout", 3, 0, :get_in_checkout},
      {"preload", 2, 0, :preload},
      {"aggregate of few rows", 1, 0, :aggregate},
      {"all of 10,000", 1, 6, :all},
      {"query! of 10,000", 1, 6, :query},
      {"stream of 10,000 by 500", 0, 10, :stream},
      {"insert!", 1, 1, :insert},
      {"update!", 1, 1, :update},
      {"delete", 1, 1, :delete},
      {"insert_all of 500", 1, 1, :insert_all},
      {"update_all", 1, 1, :update_all},
      {"transaction of nothing", 0, 2, :empty_transaction},
      {"transaction of 3 inserts", 3, 5, :inserts_in_transaction},
      {"transaction in a transaction", 1, 3, :nested_transaction},
      {"rollback", 1, 3, :rollback}
    ]

    for {name, normal, dirty, work} <- @operations do
      test "#{name}: #{normal} calls, and #{dirty} hops to a dirty scheduler" do
        assert_calls(unquote(name), {unquote(normal), unquote(dirty)}, fn ->
          run(unquote(work))
        end)
      end
    end

    test "the first call of a query, which prepares it, is no more" do
      assert nif_calls(fn -> run(:get) end) == [:query_short, :query]
    end

    defp run(:get), do: Repo.get!(Item, 7)
    defp run(:get_in_transaction), do: Repo.transaction(fn -> Repo.get!(Item, 7) end)
    defp run(:get_in_checkout), do: Repo.checkout(fn -> Repo.get!(Item, 7) end)

    defp run(:preload),
      do: Repo.all(from(i in Item, where: i.id <= 10, preload: :lines))

    defp run(:aggregate), do: Repo.aggregate(Line, :count)

    defp run(:all), do: @rows = length(Repo.all(Item))
    defp run(:query), do: @rows = Repo.query!("SELECT * FROM items").num_rows

    defp run(:stream) do
      {:ok, @rows} =
        Repo.transaction(fn -> Item |> Repo.stream(max_rows: 500) |> Enum.count() end)
    end

    defp run(:insert), do: Repo.insert!(%Item{name: "new", quantity: 1})

    defp run(:update) do
      item = %Item{id: 7, name: "before"}
      Repo.update!(Ecto.Changeset.change(item, name: "after"))
    end

    # There is none with this id: to look for it takes as many calls as to delete it.
    defp run(:delete), do: Repo.delete(%Item{id: -1}, allow_stale: true)

    defp run(:insert_all),
      do: {500, nil} = Repo.insert_all(Item, List.duplicate(%{name: "new", quantity: 1}, 500))

    defp run(:update_all),
      do: Repo.update_all(from(i in Item, where: i.id == 7), set: [name: "x"])

    defp run(:empty_transaction), do: {:ok, :done} = Repo.transaction(fn -> :done end)

    defp run(:inserts_in_transaction),
      do: Repo.transaction(fn -> for _ <- 1..3, do: run(:insert) end)

    defp run(:nested_transaction),
      do: Repo.transaction(fn -> Repo.transaction(fn -> run(:insert) end) end)

    defp run(:rollback) do
      Repo.transaction(fn ->
        run(:insert)
        Repo.rollback(:no)
      end)
    end
  end
end

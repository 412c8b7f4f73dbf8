if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.InsertAllTest do
    use ExUnit.Case, async: true

    import Ecto.Query

    alias EctoLibSql.Test.Mode

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule Item do
      use Ecto.Schema

      schema "items" do
        field(:name, :string)
        field(:size, :integer)
        field(:tag, :string)
      end
    end

    setup do
      opts = Mode.repo(database: ":memory:", pool_size: 2, name: nil, log: false)
      repo = start_supervised!({Repo, opts})
      Repo.put_dynamic_repo(repo)

      Repo.query!("""
      CREATE TABLE items (
        id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER DEFAULT 7, tag TEXT DEFAULT 'none'
      )
      """)

      :ok
    end

    defp items,
      do: Repo.all(from(i in Item, order_by: i.id, select: {i.id, i.name, i.size, i.tag}))

    defp count, do: Repo.aggregate(Item, :count)

    # The statements that the function runs.
    defp statements(fun) do
      ref = make_ref()
      event = [:ecto, :adapters, :lib_sql, :insert_all_test, :repo, :query]
      :telemetry.attach(ref, event, &__MODULE__.note/4, {self(), ref})
      result = fun.()
      :telemetry.detach(ref)
      {result, received(ref)}
    end

    def note(_event, _measurements, %{query: query}, {pid, ref}),
      do: if(self() == pid, do: send(pid, {ref, query}))

    defp received(ref) do
      receive do
        {^ref, query} -> [query | received(ref)]
      after
        0 -> []
      end
    end

    test "a missing cell takes the column's default, a nil stays NULL" do
      rows = [
        %{name: "a", size: 1},
        %{name: "b"},
        %{name: "c", size: nil, tag: "x"},
        %{},
        %{id: 50, tag: nil},
        %{name: "e"}
      ]

      assert {6, returned} = Repo.insert_all(Item, rows, returning: [:id, :size])

      assert Enum.map(returned, &{&1.id, &1.size}) ==
               [{1, 1}, {2, 7}, {3, nil}, {4, 7}, {50, 7}, {51, 7}]

      assert items() == [
               {1, "a", 1, "none"},
               {2, "b", 7, "none"},
               {3, "c", nil, "x"},
               {4, nil, 7, "none"},
               {50, nil, 7, nil},
               {51, "e", 7, "none"}
             ]
    end

    test "only empty rows" do
      assert {3, nil} = Repo.insert_all(Item, [[], [], []])
      assert items() == for(id <- 1..3, do: {id, nil, 7, "none"})
      assert {1, [%{id: 4}]} = Repo.insert_all(Item, [%{}], returning: [:id])
    end

    test "rows of one shape are one statement, without a transaction" do
      rows = for i <- 1..100, do: %{name: "n#{i}", size: i}
      assert {{100, nil}, ["INSERT" <> _]} = statements(fn -> Repo.insert_all(Item, rows) end)
    end

    test "more rows than SQLite has parameters are split, in one transaction" do
      rows = for i <- 1..20_000, do: %{name: "n#{i}", size: i}

      assert {{20_000, returned}, ["begin", "INSERT" <> _, "INSERT" <> _, "commit"]} =
               statements(fn -> Repo.insert_all(Item, rows, returning: [:size]) end)

      assert Enum.map(returned, & &1.size) == Enum.to_list(1..20_000)
      assert count() == 20_000
    end

    test "all statements are undone when one fails" do
      rows = [%{name: "a"}, %{name: "b", size: 1}, %{name: "a", tag: "again"}]
      assert_raise EctoLibSql.Error, ~r/UNIQUE/, fn -> Repo.insert_all(Item, rows) end
      assert count() == 0
    end

    test "inside of a transaction, a failure undoes these rows and leaves the rest" do
      rows = [%{name: "a"}, %{name: "b", size: 1}, %{name: "a", tag: "again"}]

      assert {:ok, :went_on} =
               Repo.transaction(fn ->
                 Repo.insert!(%Item{name: "before"})
                 assert_raise EctoLibSql.Error, fn -> Repo.insert_all(Item, rows) end
                 assert {2, nil} = Repo.insert_all(Item, [%{name: "c"}, %{name: "d", size: 1}])
                 :went_on
               end)

      assert for({_, name, _, _} <- items(), do: name) == ["before", "c", "d"]
    end

    test "placeholders, with split rows and unused in some" do
      rows = [
        %{name: "a", tag: {:placeholder, :tag}},
        %{name: "b", size: {:placeholder, :size}, tag: {:placeholder, :tag}},
        %{name: "c"},
        %{name: "d", size: {:placeholder, :size}},
        %{name: "e", size: 3, tag: {:placeholder, :tag}}
      ]

      assert {5, nil} = Repo.insert_all(Item, rows, placeholders: %{tag: "t", size: 9})

      assert for({_, name, size, tag} <- items(), do: {name, size, tag}) ==
               [{"a", 7, "t"}, {"b", 9, "t"}, {"c", 7, "none"}, {"d", 9, "none"}, {"e", 3, "t"}]
    end

    test "many placeholders leave fewer parameters for a statement" do
      rows = for i <- 1..33_000, do: %{name: "n#{i}", tag: {:placeholder, :tag}}

      assert {{33_000, nil}, [_begin, _, _, _commit]} =
               statements(fn -> Repo.insert_all(Item, rows, placeholders: %{tag: "t"}) end)

      assert Repo.aggregate(from(i in Item, where: i.tag == "t"), :count) == 33_000
    end

    test "nil cells beside placeholders and queries" do
      Repo.insert!(%Item{name: "a", size: 40})
      largest = from(i in Item, where: i.size > ^1, select: max(i.size))

      rows = [
        %{name: "b", size: nil, tag: {:placeholder, :tag}},
        %{name: "c", size: largest, tag: {:placeholder, :tag}},
        %{name: "d", size: largest}
      ]

      assert {3, nil} = Repo.insert_all(Item, rows, placeholders: %{tag: "t"})

      assert for({_, name, size, tag} <- items(), do: {name, size, tag}) ==
               [{"a", 40, "none"}, {"b", nil, "t"}, {"c", 40, "t"}, {"d", 40, "none"}]
    end

    test "on_conflict is the same for every statement" do
      Repo.insert!(%Item{name: "a", size: 1, tag: "old"})
      rows = [%{name: "a", size: 2}, %{name: "b"}, %{name: "a", tag: "new"}]

      assert {1, nil} = Repo.insert_all(Item, rows, on_conflict: :nothing)

      assert {3, nil} =
               Repo.insert_all(Item, rows,
                 on_conflict: [set: [size: 5]],
                 conflict_target: [:name]
               )

      assert for({_, name, size, tag} <- items(), do: {name, size, tag}) ==
               [{"a", 5, "old"}, {"b", 5, "none"}]
    end

    test "rows of a query" do
      Repo.insert_all(Item, [%{name: "a"}, %{name: "b"}])
      copies = from(i in Item, select: %{name: fragment("? || '2'", i.name), size: i.size})
      assert {2, nil} = Repo.insert_all(Item, copies)
      assert count() == 4
    end

    test "a table without a schema" do
      assert {2, [%{id: 1}, %{id: 2}]} =
               Repo.insert_all("items", [%{name: "a"}, %{size: 2}], returning: [:id])

      assert items() == [{1, "a", 7, "none"}, {2, nil, 2, "none"}]
    end
  end
end

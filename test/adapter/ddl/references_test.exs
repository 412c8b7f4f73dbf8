if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.ReferencesTest do
    use EctoLibSql.MigrationCase, async: true

    # A child whose key has one column, or two.
    defp child(opts, column_opts \\ []) do
      migrate(fn ->
        create table(:parents) do
          add :b, :integer
        end

        create unique_index(:parents, [:id, :b])

        create table(:children) do
          add :b, :integer, default: 20
          add :other, :integer, default: 30
          add :parent_id, references(:parents, opts), column_opts
        end
      end)

      rows("INSERT INTO parents VALUES (1, 10), (2, 20)")
      rows("INSERT INTO children VALUES (1, 10, 0, 1)")
    end

    defp children, do: rows("SELECT b, parent_id FROM children")

    describe "on_delete" do
      defp delete, do: Repo.query("DELETE FROM parents WHERE id = 1")

      test ":nothing and :restrict" do
        for on_delete <- [:nothing, :restrict] do
          child(on_delete: on_delete)
          assert {:error, %{constraint: constraint}} = delete()
          assert %{kind: :foreign_key, name: "children_parent_id_fkey"} = constraint
          migrate(fn -> drop table(:children) end)
          migrate(fn -> drop table(:parents) end)
        end
      end

      test ":delete_all" do
        child(on_delete: :delete_all)
        assert {:ok, _} = delete()
        assert children() == []
      end

      test ":nilify_all" do
        child(on_delete: :nilify_all, with: [b: :b])
        assert {:ok, _} = delete()
        assert children() == [[nil, nil]]
      end

      test ":default_all" do
        child([on_delete: :default_all, with: [b: :b]], default: 2)
        assert {:ok, _} = delete()
        assert children() == [[20, 2]]
      end

      test "{:nilify, some}" do
        child(on_delete: {:nilify, [:parent_id]}, with: [b: :b])
        assert {:ok, _} = delete()
        assert children() == [[10, nil]]
      end

      test "{:nilify, all}" do
        child(on_delete: {:nilify, [:b, :parent_id]}, with: [b: :b])
        assert {:ok, _} = delete()
        assert children() == [[nil, nil]]
        assert rows("SELECT * FROM sqlite_schema WHERE type = 'trigger'") == []
      end

      test "{:default, some}" do
        child([on_delete: {:default, [:parent_id]}, with: [b: :b]], default: 2)
        rows("INSERT INTO parents VALUES (3, 20)")
        rows("INSERT INTO children VALUES (2, 20, 0, 3)")
        rows("DELETE FROM parents WHERE id = 3")
        assert children() == [[10, 1], [20, 2]]
      end

      test "{:default, some}, of a column that is added" do
        migrate(fn ->
          create table(:parents) do
            add :b, :integer
          end

          create unique_index(:parents, [:id, :b])

          create table(:children) do
            add :b, :integer, default: 20
          end

          alter table(:children) do
            add :parent_id, references(:parents, on_delete: {:default, [:b]}, with: [b: :b])
          end
        end)

        rows("INSERT INTO parents VALUES (1, 10)")
        rows("INSERT INTO children VALUES (1, 10, 1)")
        assert {:error, %{constraint: %{kind: :foreign_key}}} = delete()
        rows("INSERT INTO parents VALUES (4, 20)")
        rows("UPDATE children SET parent_id = 4, b = 20")
        assert {:ok, _} = delete()
      end

      test "a list of columns goes with its key" do
        child(on_delete: {:nilify, [:parent_id]}, with: [b: :b])
        migrate(fn -> rename table(:children), to: table(:kids) end)
        rows("DELETE FROM parents WHERE id = 1")
        assert rows("SELECT b, parent_id FROM kids") == [[10, nil]]

        migrate(fn ->
          alter table(:kids) do
            remove :parent_id
          end
        end)

        rows("DELETE FROM parents")
        assert rows("SELECT * FROM sqlite_schema WHERE type = 'trigger'") == []
      end

      test "a list of columns goes with the table" do
        child(on_delete: {:nilify, [:parent_id]}, with: [b: :b])
        migrate(fn -> drop table(:children) end)
        rows("DELETE FROM parents")
      end

      test "a list of columns survives rebuilds of both tables" do
        child(on_delete: {:nilify, [:parent_id]}, with: [b: :b])

        migrate(fn ->
          alter table(:children) do
            modify :other, :string
          end

          alter table(:parents) do
            add :c, :integer, null: false, default: fragment("1")
          end
        end)

        assert {:ok, _} = delete()
        assert children() == [[10, nil]]
      end

      test "a list names columns of the key" do
        assert_raise ArgumentError, ~r/names other, which is no column of this foreign key/, fn ->
          child(on_delete: {:nilify, [:other]}, with: [b: :b])
        end
      end
    end

    describe "on_update" do
      defp update, do: Repo.query("UPDATE parents SET id = 5 WHERE id = 1")

      test ":nothing and :restrict" do
        child(on_update: :restrict)
        assert {:error, %{constraint: %{name: "children_parent_id_fkey"}}} = update()
      end

      test ":update_all" do
        child(on_update: :update_all)
        assert {:ok, _} = update()
        assert children() == [[10, 5]]
      end

      test ":nilify_all" do
        child(on_update: :nilify_all)
        assert {:ok, _} = update()
        assert children() == [[10, nil]]
      end
    end

    describe "deferrable" do
      test "keys are checked at the commit" do
        child([], deferrable: :deferred)

        assert {:ok, _} =
                 Repo.transaction(fn ->
                   rows("INSERT INTO children (parent_id) VALUES (7)")
                   rows("INSERT INTO parents (id) VALUES (7)")
                 end)

        assert_raise EctoLibSql.Error, ~r/children_parent_id_fkey/, fn ->
          Repo.transaction(fn -> rows("INSERT INTO children (parent_id) VALUES (8)") end)
        end

        assert rows("SELECT count(*) FROM children") == [[2]]
      end

      test "survives a rebuild" do
        child([], deferrable: :deferred)

        migrate(fn ->
          alter table(:children) do
            modify :other, :string
          end
        end)

        assert sql_of("children") =~ "DEFERRABLE INITIALLY DEFERRED"
      end

      test "takes what it takes" do
        assert_raise ArgumentError, ~r/children.parent_id: deferrable takes/, fn ->
          child([], deferrable: :later)
        end
      end
    end

    describe "match" do
      test ":full of a composite key: all columns or none" do
        child(with: [b: :b], match: :full)
        rows("INSERT INTO children (b, parent_id) VALUES (NULL, NULL)")

        assert {:error, %{constraint: %{name: "children_parent_id_fkey_match_full"}}} =
                 Repo.query("INSERT INTO children (b, parent_id) VALUES (10, NULL)")
      end

      test ":simple, and any of a key of one column" do
        child(with: [b: :b], match: :simple)
        rows("INSERT INTO children (b, parent_id) VALUES (99, NULL)")

        migrate(fn ->
          create table(:x) do
            add :parent_id, references(:parents, match: :full)
          end
        end)
      end

      test ":partial is refused" do
        assert_raise ArgumentError, ~r/children.parent_id: SQLite has no MATCH PARTIAL/, fn ->
          child(with: [b: :b], match: :partial)
        end
      end
    end

    test "a name, a type, a column" do
      migrate(fn ->
        create table(:parents, primary_key: [name: :uuid, type: :uuid])

        create table(:children) do
          add :parent, references(:parents, column: :uuid, type: :uuid, name: :my_key)
        end
      end)

      assert {:error, %{constraint: %{name: "my_key"}}} =
               Repo.query("INSERT INTO children (parent) VALUES ('x')")
    end
  end
end

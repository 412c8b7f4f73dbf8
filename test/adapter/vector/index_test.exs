if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.Vector.IndexTest do
    # Columns and indexes of vectors in migrations.
    use EctoLibSql.MigrationCase, async: true

    import EctoLibSql.Migration

    alias EctoLibSql.Vector

    defp create_movies do
      create table(:movies) do
        add :title, :text
        add :embedding, :vector, size: 3, type: :f32
      end
    end

    defp insert(id, vector, kind \\ :f32) do
      params = [id, {:blob, Vector.encode!(vector, kind)}]
      rows("INSERT INTO movies (id, embedding) VALUES (?, ?)", params)
    end

    defp nearest(vector, index \\ "movies_embedding_index", kind \\ :f32) do
      params = [index, {:blob, Vector.encode!(vector, kind)}]
      List.flatten(rows("SELECT id FROM vector_top_k(?, ?, 2)", params))
    end

    defp entries do
      case rows("SELECT 1 FROM sqlite_schema WHERE name = 'libsql_vector_meta_shadow'") do
        [] -> []
        _ -> List.flatten(rows("SELECT name FROM libsql_vector_meta_shadow"))
      end
    end

    test "column types" do
      migrate(fn ->
        create table(:t) do
          for kind <- Vector.kinds(), do: add(kind, :vector, size: 384, type: kind)
        end
      end)

      for kind <- Vector.kinds() do
        declared = String.upcase("#{kind}_BLOB(384)")
        assert sql_of("t") =~ ~s("#{kind}" #{declared})
      end

      migrate(fn ->
        create table(:strict, options: "STRICT") do
          add :e, :vector, size: 3, type: :f32
        end
      end)

      assert sql_of("strict") =~ ~s("e" BLOB)
    end

    test "wrong column types" do
      for {opts, message} <- [
            {[size: 3], ~r/type is one of :f64, :f32.*got: nil/},
            {[size: 3, type: :f4], ~r/type is one of .*got: :f4/},
            {[type: :f32], ~r/size: is its dimension, from 1 to 65536, got: nil/},
            {[size: 0, type: :f32], ~r/got: 0/},
            {[size: 65_537, type: :f32], ~r/got: 65537/}
          ] do
        error =
          migration_error(fn ->
            create table(:t) do
              add :e, :vector, opts
            end
          end)

        assert %ArgumentError{message: text} = error
        assert text =~ message
      end
    end

    test "created and dropped, up and down" do
      up = fn ->
        create vector_index(:movies, :embedding,
                 metric: :l2,
                 compress_neighbors: :f8,
                 max_neighbors: 20
               )
      end

      migrate(&create_movies/0)
      insert(1, [1, 2, 3])
      migrate(up)
      insert(2, [1, 2, 4])

      assert {:ok, [index]} = Vector.indexes(Repo, "movies")
      assert %{name: "movies_embedding_index", column: "embedding", metric: :l2} = index
      assert index.options == %{"compress_neighbors" => "float8", "max_neighbors" => "20"}
      assert Enum.sort(nearest([1, 2, 3])) == [1, 2]

      migrate(up, direction: :backward)
      assert Vector.indexes(Repo, "movies") == {:ok, []}
      assert entries() == []
      assert names("trigger", "movies") == []

      migrate(up)
      assert Enum.sort(nearest([1, 2, 3])) == [1, 2]

      migrate(fn -> drop vector_index(:movies, :embedding) end)
      assert Vector.indexes(Repo, "movies") == {:ok, []}

      migrate(fn -> create_if_not_exists vector_index(:movies, :embedding) end)
      migrate(fn -> create_if_not_exists vector_index(:movies, :embedding) end)
      assert {:ok, [%{metric: :cosine, options: options}]} = Vector.indexes(Repo, "movies")
      assert options == %{}
      migrate(fn -> drop_if_exists vector_index(:movies, :embedding) end)
      migrate(fn -> drop_if_exists vector_index(:movies, :embedding) end)
    end

    test "every option" do
      migrate(&create_movies/0)

      opts = [
        metric: :cosine,
        type: :diskann,
        max_neighbors: 9,
        compress_neighbors: :f1bit,
        alpha: 1.5,
        search_l: 50,
        insert_l: 30,
        name: :near
      ]

      migrate(fn -> create vector_index(:movies, :embedding, opts) end)

      assert {:ok, [%{name: "near", metric: :cosine, options: options}]} =
               Vector.indexes(Repo, "movies")

      assert options == %{
               "type" => "diskann",
               "max_neighbors" => "9",
               "compress_neighbors" => "float1bit",
               "alpha" => "1.5",
               "search_l" => "50",
               "insert_l" => "30"
             }

      for kind <- [:f32, :f16, :fb16, :f8] do
        migrate(fn ->
          create vector_index(:movies, :embedding, compress_neighbors: kind, name: :"n_#{kind}")
        end)
      end
    end

    test "wrong options" do
      for {opts, message} <- [
            {[metric: :dot], "metric: takes :cosine or :l2, got: :dot"},
            {[type: :hnsw], "type: takes :diskann, got: :hnsw"},
            {[max_neighbors: 0], "max_neighbors: takes an integer from 1 to 2147483647, got: 0"},
            {[search_l: 1.5], "search_l: takes an integer from 1 to 2147483647, got: 1.5"},
            {[insert_l: "7"], ~s(insert_l: takes an integer from 1 to 2147483647, got: "7")},
            {[alpha: 0.5], "alpha: takes a number from 1 on, got: 0.5"},
            {[compress_neighbors: :f64],
             "compress_neighbors: takes :f32, :f16, :fb16, :f8 or :f1bit, got: :f64"},
            {[compress_neighbors: :f1bit, metric: :l2],
             "compress_neighbors: :f1bit is for metric: :cosine"},
            {[prefix: "other"], "prefix: a vector index is of the main database"},
            {[neighbors: 3], "unknown option :neighbors, the options are :name, :metric"}
          ] do
        error = assert_raise ArgumentError, fn -> vector_index(:movies, :embedding, opts) end
        assert error.message =~ message
      end

      for name <- ["a b", "1a", "a-b", "a\"", ""] do
        assert_raise ArgumentError, ~r/letters, digits and _/, fn ->
          vector_index(:movies, :embedding, name: name)
        end
      end

      # A prefix may also be the migrator's.
      migrate(&create_movies/0)
      index = %{vector_index(:movies, :embedding) | prefix: "other"}

      assert migration_error(fn -> create index end).message ==
               "create index other.movies_embedding_index on movies: a vector index is of the main " <>
                 ~s(database, and cannot have the prefix "other")

      # Names of tables and columns may be any.
      assert vector_index("a b", "c-d").name == "a_b_c_d_index"
    end

    test "names that have to be quoted" do
      migrate(fn ->
        create table("a \"b\"") do
          add :"select, me", :vector, size: 2, type: :f64
        end

        create vector_index("a \"b\"", :"select, me", metric: :l2)
      end)

      assert {:ok, [%{column: "select, me"}]} = Vector.indexes(Repo, ~s(a "b"))
      migrate(fn -> drop vector_index("a \"b\"", :"select, me") end)
      assert {:ok, []} = Vector.indexes(Repo, ~s(a "b"))
    end

    test "one that fails leaves nothing behind, and the next one has all rows" do
      migrate(&create_movies/0)
      for id <- 1..3, do: insert(id, [id, 1, 1])
      insert(4, [1, 2])
      up = fn -> create vector_index(:movies, :embedding) end

      for transaction <- [true, false] do
        error = migration_error(up, transaction: transaction)
        assert error.message =~ "create index movies_embedding_index on movies: "
        assert error.message =~ "dimensions are different: 2 != 3"
        assert entries() == []
        assert rows("SELECT name FROM sqlite_schema WHERE name LIKE 'movies_embedding%'") == []
      end

      rows("DELETE FROM movies WHERE id = 4")
      migrate(up, transaction: false)
      params = [{:blob, Vector.encode!([1, 1, 1], :f32)}]

      assert [[1], [2], [3]] =
               Enum.sort(
                 rows("SELECT id FROM vector_top_k('movies_embedding_index', ?, 9)", params)
               )
    end

    test "what another program's failure has left does not keep rows out of the index" do
      migrate(&create_movies/0)
      for id <- 1..3, do: insert(id, [id, 1, 1])
      insert(4, [1, 2])
      create = "CREATE INDEX movies_embedding_index ON movies (libsql_vector_idx(embedding))"

      # Without a transaction around it, libSQL leaves an entry.
      assert {:error, _} = Repo.query(create)
      assert entries() == ["movies_embedding_index"]

      rows("DELETE FROM movies WHERE id = 4")
      rows("DELETE FROM movies_embedding_index_shadow")
      migrate(fn -> create vector_index(:movies, :embedding) end)
      params = [{:blob, Vector.encode!([1, 1, 1], :f32)}]

      assert [[1], [2], [3]] =
               Enum.sort(
                 rows("SELECT id FROM vector_top_k('movies_embedding_index', ?, 9)", params)
               )
    end

    test "all rows can be deleted, and come again" do
      migrate(fn ->
        create_movies()
        create vector_index(:movies, :embedding)
      end)

      insert(1, [1, 2, 3])
      rows("DELETE FROM movies")
      assert nearest([1, 2, 3]) == []
      insert(1, [3, 2, 1])
      assert nearest([1, 2, 3]) == [1]
    end

    test "a table or a column that is renamed keeps it, and so does a table that is built anew" do
      migrate(fn ->
        create_movies()
        create vector_index(:movies, :embedding, metric: :l2)
      end)

      insert(1, [1, 2, 3])
      insert(2, [7, 7, 7])

      migrate(fn ->
        rename table(:movies), :embedding, to: :vector
        rename table(:movies), to: table(:films)
      end)

      assert {:ok, [%{column: "vector", metric: :l2}]} = Vector.indexes(Repo, "films")
      assert nearest([7, 7, 6]) == [2, 1]

      # SQLite has no statement for these two.
      migrate(fn ->
        alter table(:films) do
          modify :title, :integer
          add :seen, :utc_datetime, default: fragment("CURRENT_TIMESTAMP")
        end
      end)

      assert {:ok, [%{column: "vector", metric: :l2}]} = Vector.indexes(Repo, "films")
      assert nearest([7, 7, 6]) == [2, 1]
      rows("DELETE FROM films")
      assert nearest([7, 7, 6]) == []

      migrate(fn -> rename index(:films, [:x], name: :movies_embedding_index), to: "near" end)
      assert {:ok, [%{name: "near"}]} = Vector.indexes(Repo, "films")
      assert names("trigger", "films") == ["near_row_by_row"]

      rows("INSERT INTO films (id, vector) VALUES (1, ?)", [
        {:blob, Vector.encode!([1, 1, 1], :f32)}
      ])

      assert nearest([7, 7, 6], "near") == [1]

      migrate(fn -> drop table(:films) end)
      assert entries() == []
    end

    test "a column of another kind has its vectors converted, and its index is of that kind" do
      migrate(fn ->
        create_movies()
        create vector_index(:movies, :embedding, metric: :l2)
      end)

      insert(1, [1, 2, 3])
      insert(2, [7.3, 7, 7])
      rows("INSERT INTO movies (id) VALUES (3)")

      for kind <- [:f64, :fb16, :f16, :f32] do
        migrate(fn ->
          alter table(:movies) do
            modify :embedding, :vector, size: 3, type: kind
          end
        end)

        assert sql_of("movies") =~ String.upcase("#{kind}_BLOB(3)")
        assert [[one], [_two], [nil]] = rows("SELECT embedding FROM movies ORDER BY id")
        assert Vector.decode(one) == {:ok, kind, [1.0, 2.0, 3.0]}
        assert nearest([7, 7, 6], "movies_embedding_index", kind) == [2, 1]
      end

      longer = fn ->
        alter table(:movies) do
          modify :embedding, :vector, size: 4, type: :f32
        end
      end

      assert migration_error(longer).message =~
               "dimension"

      assert nearest([7, 7, 6]) == [2, 1]
      rows("DELETE FROM movies")
      migrate(longer)
      insert(1, [1, 2, 3, 4])
      assert nearest([7, 7, 6, 1]) == [1]
    end

    test "vectors that were JSON" do
      migrate(fn ->
        create table(:movies) do
          add :embedding, :text
        end
      end)

      rows("INSERT INTO movies (embedding) VALUES ('[1, 2.5]'), (NULL)")

      migrate(fn ->
        alter table(:movies) do
          modify :embedding, :vector, size: 2, type: :f16
        end
      end)

      assert [[blob], [nil]] = rows("SELECT embedding FROM movies ORDER BY id")
      assert Vector.decode(blob) == {:ok, :f16, [1.0, 2.5]}
    end

    test "columns and tables that have none" do
      migrate(fn ->
        create table(:movies) do
          add :title, :text
        end

        create table(:pairs, primary_key: false, options: "WITHOUT ROWID") do
          add :a, :integer, primary_key: true
          add :b, :integer, primary_key: true
          add :embedding, :vector, size: 2, type: :f32
        end
      end)

      error = migration_error(fn -> create vector_index(:movies, :title) end)
      assert error.message =~ "create index movies_title_index on movies"
      assert error.message =~ "unexpected vector column type"

      error = migration_error(fn -> create vector_index(:pairs, :embedding) end)
      assert error.message =~ "tables without ROWID and composite primary key"
      assert entries() == []
    end
  end
end

defmodule EctoLibSql.Function.CollationTest do
  # Orders of text that Elixir code decides.
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database
  import EctoLibSql.Test.Functions

  alias EctoLibSql.{Error, Function}

  @moduletag :tmp_dir

  describe "a collation" do
    test "sorts, groups and indexes" do
      {:ok, s} = Function.create_collation(connect!(), "by_length", &by_length/2)
      :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE by_length UNIQUE)")
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('ccc'), ('a'), ('bb'), ('ddddd')")
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["bb"], ["ccc"], ["ddddd"]]
      assert rows(s, "SELECT a FROM w WHERE a = 'xx'") == [["bb"]]

      assert {:error, %Error{code: :constraint_unique}} =
               EctoLibSql.query(s, "INSERT INTO w VALUES ('eee')")

      assert rows(s, "SELECT count(*) FROM w") == [[4]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]

      assert {:ok, _} =
               EctoLibSql.transaction(s, fn s ->
                 EctoLibSql.run(s, "INSERT INTO w VALUES ('')")
               end)

      assert rows(s, "SELECT count(*) FROM w") == [[5]]
      :ok = EctoLibSql.run(s, "DROP TABLE w")
      :ok = Function.remove_collation(s, "by_length")

      assert {:error, %Error{code: :error_missing_collseq}} =
               EctoLibSql.query(s, "SELECT 'a' < 'b' COLLATE by_length")
    end

    test "that fails ends the statement, and undoes it", context do
      picky = fn a, b ->
        if "bad" in [a, b],
          do: raise("no #{b}"),
          else: if(a < b, do: :lt, else: if(a > b, do: :gt, else: :eq))
      end

      {:ok, s} = Function.create_collation(connect_file!(context), "picky", picky)
      :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE picky UNIQUE)")
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('a'), ('c')")

      assert failure(s, "INSERT INTO w VALUES ('bad')") =~ "the collation picky failed: "
      assert failure(s, "INSERT INTO w VALUES ('b'), ('bad')") =~ "no bad"
      assert failure(s, "SELECT * FROM w WHERE a > 'bad'") =~ "picky"
      assert failure(s, "UPDATE w SET a = 'bad' WHERE a = 'c' RETURNING a") =~ "picky"
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["c"]]
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]

      {:ok, s} = EctoLibSql.begin(s)
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('d')")
      assert failure(s, "INSERT INTO w VALUES ('bad')") =~ "picky"
      :ok = EctoLibSql.run(s, "INSERT INTO w VALUES ('e')")
      {:ok, s} = EctoLibSql.commit(s)
      assert rows(s, "SELECT a FROM w ORDER BY a") == [["a"], ["c"], ["d"], ["e"]]

      assert {:error, %Error{code: :function}} =
               EctoLibSql.execute_batch(
                 s,
                 "INSERT INTO w VALUES ('f'); INSERT INTO w VALUES ('bad')"
               )

      assert {:ok, %{rows: [["g"]]}} =
               EctoLibSql.query(s, "INSERT INTO w VALUES ('g') RETURNING a")

      assert EctoLibSql.autocommit?(s)
      assert rows(s, "PRAGMA integrity_check") == [["ok"]]
    end

    test "that answers nonsense harms nothing but the order" do
      :rand.seed(:exsss, {1, 2, 3})

      for order <- [
            fn _, _ -> :gt end,
            fn _, _ -> :lt end,
            fn _, _ -> :eq end,
            fn _, _ -> Enum.random([:lt, :eq, :gt]) end
          ] do
        {:ok, s} = Function.create_collation(connect!(), "odd", order)
        :ok = EctoLibSql.run(s, "CREATE TABLE w (a TEXT COLLATE odd)")
        :ok = EctoLibSql.run(s, "CREATE INDEX w_a ON w (a)")
        :ok = EctoLibSql.run(s, "INSERT INTO w SELECT 'x' || i FROM (#{count_to(100)})")
        {:ok, _} = EctoLibSql.query(s, "SELECT a FROM w ORDER BY a LIMIT 10")
        {:ok, _} = EctoLibSql.query(s, "DELETE FROM w WHERE a > 'x5'")
        {:ok, _} = EctoLibSql.query(s, "PRAGMA integrity_check")
      end

      for wrong <- [nil, 1, :less, {:lt}] do
        {:ok, s} = Function.create_collation(connect!(), "odd", fn _, _ -> wrong end)

        assert failure(s, "SELECT 'a' < 'b' COLLATE odd") =~
                 "the collation odd answered #{inspect(wrong)}: a collation answers :lt, :eq or :gt"
      end
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Adapter.JSON.MigrationTest do
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Query, except: [subquery: 1]
    import EctoLibSql.JSON.Query
    import EctoLibSql.Migration

    alias EctoLibSql.MigrationCase.Repo

    defmodule User do
      use Ecto.Schema

      schema "users" do
        field(:data, :map)
        field(:binary, EctoLibSql.JSON.Binary)
      end
    end

    @path ["address", "it's \"the\" city", 0]

    defp table do
      create table(:users) do
        add(:data, :map)
        add(:binary, :jsonb)
      end
    end

    defp fill(count) do
      rows =
        for n <- 1..count do
          data = %{"n" => n, "address" => %{"it's \"the\" city" => ["city #{n}"]}}
          %{data: data, binary: data}
        end

      Repo.insert_all(User, rows)
    end

    defp plan(query) do
      {sql, params} = Repo.to_sql(:all, query)

      # EXPLAIN does not look whether another connection has changed the schema: a query does.
      Repo.checkout(fn ->
        rows("SELECT count(*) FROM users")
        "EXPLAIN QUERY PLAN #{sql}" |> rows(params) |> Enum.map_join("\n", &List.last/1)
      end)
    end

    describe "json_index" do
      test "is used by the macros and by Ecto's own paths, on text and on JSONB" do
        migrate(fn ->
          table()
          create(json_index(:users, :data, @path))
          create(json_index(:users, :binary, @path, name: "users_binary_city"))
        end)

        fill(50)

        for {column, index} <- [
              data: "users_data_address_it_s_the_city_0_index",
              binary: "users_binary_city"
            ] do
          used = ~r/SEARCH .* USING (COVERING )?INDEX #{index}/

          for query <- [
                from(u in User,
                  where:
                    json_extract(field(u, ^column), ["address", "it's \"the\" city", 0]) ==
                      ^"city 7"
                ),
                from(u in User,
                  where:
                    json_extract_path(field(u, ^column), ["address", "it's \"the\" city", 0]) ==
                      ^"city 7"
                ),
                from(u in User, where: json_extract_path(field(u, ^column), ^@path) == "city 7"),
                from(u in User,
                  where:
                    json_extract(field(u, ^column), ["address", "it's \"the\" city", 0]) in ^[
                      "city 7"
                    ]
                )
              ] do
            query = from(u in query, select: u.id)
            assert plan(query) =~ used
            assert Repo.all(query) == [7]
          end

          sorted =
            from(u in User,
              order_by: json_extract(field(u, ^column), ["address", "it's \"the\" city", 0]),
              limit: 2,
              select: u.id
            )

          assert plan(sorted) =~ ~r/SCAN .* USING (COVERING )?INDEX #{index}/
          assert Repo.all(sorted) == [1, 10]

          # SQLite has chosen a plan before it knows what is interpolated.
          refute plan(
                   from(u in User,
                     where: json_extract(field(u, ^column), ^@path) == "city 7",
                     select: u.id
                   )
                 ) =~ index
        end

        assert plan(
                 from(u in User,
                   where: u.data["address"]["it's \"the\" city"][0] == "city 7",
                   select: u.id
                 )
               ) =~ "users_data_address"
      end

      test "up and down" do
        change = fn -> create(json_index(:users, :data, ["a.b", -1])) end
        migrate(&table/0)
        migrate(change)
        assert names("index", "users") == ["users_data_a_b__1_index"]
        assert sql_of("users_data_a_b__1_index") =~ ~S|(json_extract("data", '$."a.b"[#-1]'))|
        migrate(change, direction: :backward)
        assert names("index", "users") == []

        migrate(change)
        migrate(fn -> drop(json_index(:users, :data, ["a.b", -1])) end)
        assert names("index", "users") == []
      end

      test "unique and partial" do
        migrate(fn ->
          table()
          create(json_index(:users, :binary, ["email"], unique: true, where: "id > 1"))
        end)

        Repo.insert!(%User{id: 1, binary: %{"email" => "a"}})
        Repo.insert!(%User{id: 2, binary: %{"email" => "a"}})
        Repo.insert!(%User{id: 3, binary: %{}})
        Repo.insert!(%User{id: 4, binary: nil})

        changeset = fn name ->
          %User{id: 5, binary: %{"email" => "a"}}
          |> Ecto.Changeset.change()
          |> Ecto.Changeset.unique_constraint(:binary, name: name)
        end

        assert {:error, %{errors: [binary: {"has already been taken", _}]}} =
                 Repo.insert(changeset.("users_binary_email_index"))
      end

      test "what is no JSON is refused, then and later" do
        migrate(&table/0)
        Repo.query!("INSERT INTO users (data) VALUES ('{')")

        assert Exception.message(
                 migration_error(fn -> create(json_index(:users, :data, ["a"])) end)
               ) =~ "malformed JSON"

        assert names("index", "users") == []

        Repo.query!("DELETE FROM users")
        migrate(fn -> create(json_index(:users, :data, ["a"])) end)

        assert_raise EctoLibSql.Error, ~r/malformed JSON/, fn ->
          Repo.query!("INSERT INTO users (data) VALUES ('{')")
        end

        assert rows("SELECT count(*) FROM users") == [[0]]
      end

      test "paths and options that are none" do
        assert_raise ArgumentError, ~r/a path is a list/, fn ->
          json_index(:users, :data, "$.a")
        end

        assert_raise ArgumentError, ~r/:a is no part of it/, fn ->
          json_index(:users, :data, [:a])
        end

        assert_raise KeyError, fn -> json_index(:users, :data, ["a"], uniq: true) end
      end
    end

    describe "json_generated" do
      test "columns that are calculated, and stored, up and down" do
        migrate(&table/0)
        fill(3)

        for {name, type, opts} <- [
              {:number, :integer, []},
              {:kept, :integer, [stored: true]},
              {:city, :string, []}
            ] do
          path = if name == :city, do: @path, else: ["n"]
          generated = json_generated(:binary, path, opts)
          change = fn -> alter(table(:users), do: add(name, type, generated: generated)) end
          migrate(change)

          expected = if name == :city, do: ["city 1", "city 2", "city 3"], else: [1, 2, 3]
          assert Repo.all(from(u in "users", order_by: u.id, select: field(u, ^name))) == expected
          migrate(fn -> create(index(:users, [name])) end)

          assert plan(from(u in "users", where: field(u, ^name) == ^hd(expected), select: u.id)) =~
                   "users_#{name}_index"

          Repo.update_all(
            from(u in User,
              where: u.id == 3,
              update: [set: [binary: json_set(u.binary, ["n"], 30)]]
            ),
            []
          )

          if name != :city,
            do:
              assert(
                Repo.one(from(u in "users", where: u.id == 3, select: field(u, ^name))) == 30
              )

          Repo.update_all(
            from(u in User,
              where: u.id == 3,
              update: [set: [binary: json_set(u.binary, ["n"], 3)]]
            ),
            []
          )

          migrate(fn -> drop(index(:users, [name])) end)
          migrate(change, direction: :backward)
          refute sql_of("users") =~ ~s("#{name}")
        end

        assert sql_of("users") =~ ~s("binary")
        assert Repo.aggregate(User, :count) == 3
      end

      test "in a new table, and what is wrong" do
        migrate(fn ->
          create table(:users) do
            add(:data, :map)
            add(:n, :integer, generated: json_generated(:data, ["n"], stored: true))
          end
        end)

        Repo.query!("INSERT INTO users (data) VALUES ('{\"n\": 5}')")
        assert rows("SELECT n FROM users") == [[5]]

        assert_raise ArgumentError, ~r/:stored takes true or false/, fn ->
          json_generated(:data, ["n"], stored: 1)
        end

        assert_raise ArgumentError, ~r/a path is a list/, fn -> json_generated(:data, "n") end
      end
    end

    describe "json_check" do
      test "lets JSON, JSONB and NULL in" do
        migrate(fn ->
          create table(:users) do
            add(:data, :map, check: json_check(:data))
            add(:binary, :jsonb, check: json_check(:binary, form: :jsonb))
          end
        end)

        fill(1)
        Repo.insert!(%User{data: %{}, binary: nil})

        for {column, bad} <- [
              data: "'{'",
              data: "'{a:1}'",
              data: "x'2b23'",
              data: "5.5",
              binary: "'{}'",
              binary: "x'2b23'",
              binary: "1"
            ] do
          insert = "INSERT INTO users (#{column}) VALUES (#{bad})"

          if {column, bad} == {:data, "5.5"},
            do: Repo.query!(insert),
            else:
              assert_raise(EctoLibSql.Error, ~r/CHECK constraint failed/, fn ->
                Repo.query!(insert)
              end)
        end

        assert rows("SELECT count(*) FROM users") == [[3]]
      end

      test "as a constraint with a name, up and down" do
        change = fn ->
          create(constraint(:users, :data_is_json, check: json_check(:data, form: :text)))
        end

        migrate(&table/0)
        migrate(change)

        changeset =
          %User{}
          |> Ecto.Changeset.change(data: %{})
          |> Ecto.Changeset.check_constraint(:data, name: :data_is_json)

        assert {:ok, %{id: id}} = Repo.insert(changeset)

        assert_raise EctoLibSql.Error, ~r/data_is_json/, fn ->
          Repo.query!("UPDATE users SET data = jsonb(data) WHERE id = ?", [id])
        end

        migrate(change, direction: :backward)
        Repo.query!("UPDATE users SET data = jsonb(data) WHERE id = ?", [id])

        assert_raise ArgumentError, ~r/:form takes :text, :jsonb or :any/, fn ->
          json_check(:data, form: :blob)
        end
      end
    end

    describe ":jsonb" do
      test "is JSON_BLOB, BLOB in a strict table, with JSONB for a default" do
        migrate(fn ->
          create table(:users) do
            add(:data, :map)
            add(:binary, :jsonb, default: %{"a" => [1]})
          end

          create table(:strict, options: "STRICT") do
            add(:list, :jsonb, default: [])
          end
        end)

        assert sql_of("users") =~ ~s("binary" JSON_BLOB)
        assert sql_of("strict") =~ ~s("list" BLOB)
        Repo.query!("INSERT INTO users (data) VALUES (NULL)")
        Repo.query!("INSERT INTO strict DEFAULT VALUES")
        assert rows("SELECT typeof(binary), json(binary) FROM users") == [["blob", ~s({"a":[1]})]]
        assert rows("SELECT typeof(list), json(list) FROM strict") == [["blob", "[]"]]
      end

      test "a column of JSON text becomes JSONB, and text again" do
        change = fn -> alter(table(:users), do: modify(:data, :jsonb, from: :map)) end
        migrate(&table/0)
        fill(2)
        migrate(change)

        assert rows("SELECT typeof(data), json(data) = json(binary) FROM users") == [
                 ["blob", 1],
                 ["blob", 1]
               ]

        assert sql_of("users") =~ ~s("data" JSON_BLOB)
        migrate(change, direction: :backward)

        assert rows("SELECT typeof(data), data = json(binary) FROM users") == [
                 ["text", 1],
                 ["text", 1]
               ]

        Repo.query!("UPDATE users SET data = '{' WHERE id = 2")
        assert Exception.message(migration_error(change)) =~ "malformed JSON"
        assert rows("SELECT typeof(data) FROM users") == [["text"], ["text"]]
      end
    end
  end
end

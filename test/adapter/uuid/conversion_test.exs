defmodule Ecto.Adapters.LibSql.UUID.ConversionTest do
  use EctoLibSql.MigrationCase

  import EctoLibSql.Migration

  alias EctoLibSql.Test.Mode
  alias EctoLibSql.UUID

  @uuid "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  # users ← users (leader), posts ← likes; posts ← profiles, whose key is the reference.
  defp tables do
    create table(:users, primary_key: false) do
      add(:id, :string,
        primary_key: true,
        default: uuid_default(version: 7, storage: :text),
        check: uuid_check(:id, storage: :text)
      )

      add(:name, :string)
      add(:leader_id, references(:users, type: :string))
    end

    create table(:posts, primary_key: false) do
      add(:id, :string, primary_key: true, default: uuid_default(storage: :text))
      add(:user_id, references(:users, type: :string, on_delete: :delete_all), null: false)
      add(:title, :string)
    end

    create table(:likes) do
      add(:user_id, references(:users, type: :string, on_delete: :nilify_all))
      add(:post_id, references(:posts, type: :string))
    end

    create(index(:posts, [:user_id]))
    create(unique_index(:likes, [:user_id, :post_id]))
  end

  defp fill do
    users = for n <- 1..6, do: {UUID.generate(version: 7), "user #{n}"}
    {first, _} = hd(users)

    for {id, name} <- users,
        do:
          Repo.query!("INSERT INTO users VALUES (?, ?, ?)", [id, name, if(id != first, do: first)])

    posts = for {user, name} <- users, do: {UUID.generate(), user, "by " <> name}

    for {id, user, title} <- posts,
        do: Repo.query!("INSERT INTO posts VALUES (?, ?, ?)", [id, user, title])

    for {{user, _}, {post, _, _}} <- Enum.zip(users, Enum.reverse(posts)),
        do: Repo.query!("INSERT INTO likes (user_id, post_id) VALUES (?, ?)", [user, post])

    Repo.query!("INSERT INTO likes DEFAULT VALUES")
    {users, posts}
  end

  @columns [{"users", "id"}, {"users", "leader_id"}, {"posts", "user_id"}, {"likes", "user_id"}]

  defp types(columns) do
    for {table, column} <- columns do
      List.flatten(
        rows("SELECT DISTINCT typeof(#{column}) FROM #{table} WHERE #{column} IS NOT NULL")
      )
    end
  end

  defp joined do
    sql =
      "SELECT u.name, l.name, p.title FROM users u LEFT JOIN users l ON l.id = u.leader_id " <>
        "JOIN posts p ON p.user_id = u.id ORDER BY u.name"

    rows(sql)
  end

  defp contents,
    do:
      for(
        table <- ~w(users posts likes),
        do: rows("SELECT rowid, * FROM #{table} ORDER BY rowid")
      )

  defp definitions,
    do:
      rows(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name"
      )

  test "converts a column and the references to it, there and back" do
    migrate(&tables/0)
    {users, _posts} = fill()
    {contents, definitions, joined} = {contents(), definitions(), joined()}
    steps = fn -> convert_uuid(:users, :id, to: :binary) end

    migrate(steps)
    assert types(@columns) == List.duplicate(["blob"], 4)
    # The ids of posts are others.
    assert types([{"posts", "id"}, {"likes", "post_id"}]) == [["text"], ["text"]]

    assert rows("SELECT id FROM users ORDER BY rowid") ==
             Enum.map(users, fn {id, _} -> [UUID.parse!(id)] end)

    assert joined() == joined
    assert sql_of("users") =~ ~s("id" BLOB PRIMARY KEY)
    assert sql_of("posts") =~ ~s("user_id" BLOB)
    assert rows("PRAGMA foreign_key_check") == []
    assert names("index", "likes") == ["likes_user_id_post_id_index"]

    # Default, check and foreign keys are those of the new form.
    Repo.query!("INSERT INTO users (name) VALUES ('new')")
    assert [["blob", id]] = rows("SELECT typeof(id), id FROM users WHERE name = 'new'")
    assert UUID.version(id) == {:ok, 7}

    assert {:error, %{constraint: %{kind: :check, name: "id_is_uuid"}}} =
             Repo.query("INSERT INTO users (id) VALUES (?)", [@uuid])

    assert {:error, %{constraint: %{kind: :foreign_key}}} =
             Repo.query("INSERT INTO posts (user_id) VALUES (?)", [@uuid])

    Repo.query!("DELETE FROM users WHERE name = 'new'")

    migrate(steps, direction: :backward)
    assert contents() == contents
    assert Enum.map(definitions(), &normal/1) == Enum.map(definitions, &normal/1)

    # ON DELETE still does what it did.
    [_, {id, name} | _] = users
    Repo.query!("UPDATE likes SET post_id = NULL")
    Repo.query!("DELETE FROM users WHERE id = ?", [id])
    assert rows("SELECT count(*) FROM posts WHERE title = ?", ["by " <> name]) == [[0]]
    assert rows("SELECT count(*) FROM likes WHERE user_id IS NULL") == [[2]]
  end

  # What a rebuild may write in another way: spaces, and quotes around a name.
  defp normal([type, name, sql]), do: [type, name, String.replace(sql || "", ~r/[\s"]+/, "")]

  test "goes by every foreign key, from whichever column it begins" do
    steps = fn ->
      create table(:a, primary_key: false) do
        add(:id, :string, primary_key: true)
      end

      create table(:b, primary_key: false) do
        add(:id, references(:a, type: :string), primary_key: true)
      end

      create table(:c, primary_key: false) do
        add(:n, :integer, primary_key: true)
        add(:b_id, references(:b, type: :string))
        add(:other, :string)
      end
    end

    migrate(steps)
    columns = [{"a", "id"}, {"b", "id"}, {"c", "b_id"}]

    for {table, column} <- [{:a, :id}, {:b, :id}, {:c, :b_id}, {"C", "B_ID"}] do
      Repo.query!("DELETE FROM c")
      Repo.query!("DELETE FROM b")
      Repo.query!("DELETE FROM a")
      Repo.query!("INSERT INTO a VALUES (?)", [@uuid])
      Repo.query!("INSERT INTO b VALUES (?)", [@uuid])
      Repo.query!("INSERT INTO c VALUES (1, ?, ?)", [@uuid, @uuid])
      convert = fn -> convert_uuid(table, column, to: :binary) end
      migrate(convert)
      assert types(columns ++ [{"c", "other"}]) == [["blob"], ["blob"], ["blob"], ["text"]]
      assert rows("SELECT count(*) FROM a JOIN b USING (id) JOIN c ON b_id = id") == [[1]]
      migrate(convert, direction: :backward)
      assert types(columns) == [["text"], ["text"], ["text"]]
    end
  end

  test "converts a part of a key of several columns" do
    migrate(fn ->
      create table(:rooms, primary_key: false) do
        add(:house, :integer, primary_key: true)
        add(:id, :string, primary_key: true)
      end

      create table(:chairs, primary_key: false) do
        add(:house, :integer)
        add(:room, references(:rooms, type: :string, with: [house: :house]))
      end
    end)

    Repo.query!("INSERT INTO rooms VALUES (1, ?), (2, ?)", [@uuid, @uuid])
    Repo.query!("INSERT INTO chairs VALUES (2, ?), (1, NULL)", [@uuid])
    migrate(fn -> convert_uuid(:rooms, :id, to: :binary) end)
    assert types([{"rooms", "id"}, {"chairs", "room"}]) == [["blob"], ["blob"]]

    assert rows(
             "SELECT count(*) FROM rooms r JOIN chairs c ON r.house = c.house AND r.id = c.room"
           ) == [[1]]

    assert rows("PRAGMA foreign_key_check") == []
  end

  test "takes values of either form, and text in capitals" do
    migrate(fn -> create table(:t), do: add(:u, :string) end)
    values = [String.upcase(@uuid), {:blob, UUID.parse!(@uuid)}, @uuid, nil]
    for value <- values, do: Repo.query!("INSERT INTO t (u) VALUES (?)", [value])
    convert = fn -> convert_uuid(:t, :u, to: :text) end
    migrate(convert)
    assert rows("SELECT u FROM t ORDER BY id") == [[@uuid], [@uuid], [@uuid], [nil]]
    bytes = UUID.parse!(@uuid)
    migrate(convert, direction: :backward)
    assert rows("SELECT u FROM t ORDER BY id") == [[bytes], [bytes], [bytes], [nil]]
  end

  test "a malformed value is named, in whichever table, and nothing is changed" do
    for {table, column} <- [{"users", "id"}, {"posts", "user_id"}],
        {value, reason} <- [
          {"abc", ~s(has the value "abc", which is no UUID: it has 3 characters instead of 36)},
          {"{#{@uuid}}", "which is no UUID: it is in braces"},
          {{:blob, <<1, 2>>}, "has the value <<1, 2>>, which is no UUID: it is a blob of 2 bytes"}
        ] do
      migrate(fn ->
        for name <- [:posts, :users], do: drop_if_exists(table(name))

        create table(:users, primary_key: false) do
          add(:id, :string, primary_key: true)
        end

        create table(:posts) do
          add(:user_id, :string)
        end
      end)

      migrate(fn -> :ok end)
      Repo.query!("INSERT INTO users VALUES (?)", [@uuid])
      Repo.query!("INSERT INTO posts (user_id) VALUES (?)", [@uuid])
      Repo.query!("INSERT INTO #{table} (#{column}) VALUES (?)", [value])

      before =
        {rows("SELECT * FROM users"), rows("SELECT * FROM posts"), sql_of("users"),
         sql_of("posts")}

      assert %ArgumentError{message: message} =
               migration_error(fn -> convert_uuid(table, column, to: :binary) end)

      assert message =~ "convert_uuid #{table}.#{column}: #{table}.#{column} "
      assert message =~ reason

      assert {rows("SELECT * FROM users"), rows("SELECT * FROM posts"), sql_of("users"),
              sql_of("posts")} == before
    end
  end

  test "a malformed reference is found before anything is changed" do
    migrate(&tables/0)
    fill()
    # As text, not as a reference: a parent that is malformed has children that are.
    Repo.query!("INSERT INTO posts VALUES ('abc', (SELECT id FROM users LIMIT 1), 'bad')")
    Repo.query!("INSERT INTO likes (post_id) VALUES ('abc')")
    before = {contents(), definitions()}

    assert %ArgumentError{message: message} =
             migration_error(fn -> convert_uuid(:likes, :post_id, to: :binary) end)

    assert message =~ ~s(has the value "abc")
    assert {contents(), definitions()} == before
  end

  test "texts that are the same bytes are no two keys" do
    migrate(fn ->
      create table(:t, primary_key: false) do
        add(:id, :string, primary_key: true)
      end
    end)

    Repo.query!("INSERT INTO t VALUES (?), (?)", [@uuid, String.upcase(@uuid)])
    before = rows("SELECT * FROM t")

    assert %EctoLibSql.Error{message: message} =
             migration_error(fn -> convert_uuid(:t, :id, to: :binary) end)

    assert message =~ "convert_uuid t.id: "
    assert message =~ "UNIQUE constraint failed: t.id"
    assert rows("SELECT * FROM t") == before
  end

  test "a default that is a UUID is converted, another one is refused" do
    migrate(fn ->
      create table(:t) do
        add(:a, :string, default: @uuid)
        add(:b, :string, default: nil)
        add(:c, :string, default: "none")
        add(:d, :string, default: fragment("lower('X')"))
      end
    end)

    for column <- [:a, :b], do: migrate(fn -> convert_uuid(:t, column, to: :binary) end)
    Repo.query!("INSERT INTO t (c) VALUES (NULL)")
    assert rows("SELECT a, b FROM t") == [[UUID.parse!(@uuid), nil]]
    before = sql_of("t")

    for {column, default} <- [c: "'none'", d: "(lower('X'))"] do
      Repo.query!("DELETE FROM t")

      assert %ArgumentError{message: message} =
               migration_error(fn -> convert_uuid(:t, column, to: :binary) end)

      assert message =~
               "t.#{column} has a default that is none of uuid_default's and no UUID: DEFAULT #{default}"
    end

    assert sql_of("t") == before
    migrate(fn -> convert_uuid(:t, :a, to: :binary) end, direction: :backward)
    Repo.query!("INSERT INTO t (c) VALUES (NULL)")
    assert rows("SELECT a FROM t") == [[@uuid]]
  end

  test "a check that was made for the table is converted, another one refuses" do
    migrate(fn ->
      create table(:t) do
        add(:a, :string)
        add(:b, :string, check: "length(b) = 36")
      end

      %{name: name, expr: expr} = uuid_check(:a, storage: :text)
      create(constraint(:t, name, check: expr))
    end)

    Repo.query!("INSERT INTO t (a, b) VALUES (?, ?)", [@uuid, @uuid])
    migrate(fn -> convert_uuid(:t, :a, to: :binary) end)

    assert {:error, %{constraint: %{name: "a_is_uuid"}}} =
             Repo.query("INSERT INTO t (a) VALUES (?)", [@uuid])

    before = {rows("SELECT * FROM t"), sql_of("t")}

    assert %EctoLibSql.Error{message: message} =
             migration_error(fn -> convert_uuid(:t, :b, to: :binary) end)

    assert message =~ "CHECK constraint failed"
    assert {rows("SELECT * FROM t"), sql_of("t")} == before
  end

  test "what is no table or column, and other options, are errors" do
    migrate(fn -> create table(:t), do: add(:u, :string) end)

    for {steps, message} <- [
          {fn -> convert_uuid(:t, :u, []) end, "to: takes :text or :binary, got: nil"},
          {fn -> convert_uuid(:t, :u, to: :string) end,
           "to: takes :text or :binary, got: :string"},
          {fn -> convert_uuid(:t, :u, to: :text, from: :binary) end, "unknown keys [:from]"},
          {fn -> convert_uuid(:t, :x, to: :text) end,
           "convert_uuid t.x: there is no such column; there are id, u"},
          {fn -> convert_uuid(:x, :u, to: :text) end,
           "convert_uuid x.u: there is no table main.x"}
        ] do
      assert %ArgumentError{message: got} = migration_error(steps)
      assert got =~ message
    end
  end

  test "tables that are STRICT and WITHOUT ROWID, their views and triggers" do
    migrate(fn ->
      create table(:t, primary_key: false, options: "STRICT, WITHOUT ROWID") do
        add(:id, :string, primary_key: true, default: uuid_default(storage: :text))
        add(:n, :integer)
      end
    end)

    Repo.query!("CREATE VIEW v AS SELECT id FROM t")

    Repo.query!(
      "CREATE TRIGGER counts AFTER INSERT ON t BEGIN UPDATE t SET n = 1 WHERE id = new.id; END"
    )

    Repo.query!("INSERT INTO t (n) VALUES (0)")
    Repo.query!("UPDATE t SET n = 7")
    migrate(fn -> convert_uuid(:t, :id, to: :binary) end)
    Repo.query!("INSERT INTO t (n) VALUES (0)")
    # The trigger has not run for the row that was there.
    assert rows("SELECT typeof(id), n FROM t ORDER BY n") == [["blob", 1], ["blob", 7]]
    assert rows("SELECT count(*) FROM v") == [[2]]
    assert sql_of("t") =~ ~r/STRICT, WITHOUT ROWID\z/
  end

  test "a generated column is not converted by itself" do
    migrate(fn ->
      create table(:t) do
        add(:u, :string)
        add(:copy, :string, generated: "ALWAYS AS (u) STORED")
      end
    end)

    assert %ArgumentError{message: message} =
             migration_error(fn -> convert_uuid(:t, :copy, to: :binary) end)

    assert message =~ "t.copy is generated; convert what it is generated from"
  end

  # A server enforces foreign keys all the time, and this one cannot be taken out of its column.
  test "a key that is a reference which deletes: converted, or refused by a server" do
    migrate(fn ->
      create table(:users, primary_key: false) do
        add(:id, :string, primary_key: true)
      end

      create table(:profiles, primary_key: false) do
        add(:id, references(:users, type: :string, on_delete: :delete_all), primary_key: true)
      end
    end)

    for table <- ["users", "profiles"],
        do: Repo.query!("INSERT INTO #{table} VALUES (?)", [@uuid])

    error = migration_error(fn -> convert_uuid(:users, :id, to: :binary) end)
    columns = [{"users", "id"}, {"profiles", "id"}]

    if Mode.mode() == :local do
      assert error == nil
      assert types(columns) == [["blob"], ["blob"]]
    else
      assert %ArgumentError{message: message} = error
      assert message =~ "convert_uuid users.id: the foreign key profiles_id_fkey of profiles"
      assert types(columns) == [["text"], ["text"]]
    end

    assert rows("SELECT count(*) FROM users JOIN profiles USING (id)") == [[1]]
  end

  test "rows that refer to nothing are named" do
    migrate(fn ->
      create table(:users, primary_key: false) do
        add(:id, :string, primary_key: true)
      end

      create table(:posts) do
        add(:user_id, :string)
      end
    end)

    Repo.query!("INSERT INTO posts (user_id) VALUES (?)", [@uuid])

    migrate(fn ->
      alter table(:posts) do
        modify(:user_id, references(:users, type: :string, validate: false))
      end
    end)

    before = {rows("SELECT * FROM posts"), sql_of("posts"), sql_of("users")}

    assert %ArgumentError{message: message} =
             migration_error(fn -> convert_uuid(:users, :id, to: :binary) end)

    assert message =~ "foreign key posts_user_id_fkey: rows of posts (rowid 1) refer to no row"
    assert {rows("SELECT * FROM posts"), sql_of("posts"), sql_of("users")} == before
  end

  test "numbers are no UUIDs" do
    migrate(fn -> create(table(:t)) end)
    Repo.query!("INSERT INTO t VALUES (7)")

    assert %ArgumentError{message: message} =
             migration_error(fn -> convert_uuid(:t, :id, to: :binary) end)

    assert message =~ "t.id has the value 7, which is no UUID: it is of the type integer"
    assert rows("SELECT typeof(id) FROM t") == [["integer"]]
  end
end

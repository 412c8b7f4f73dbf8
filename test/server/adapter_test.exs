if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule EctoLibSql.Server.AdapterTest do
    use ExUnit.Case, async: true

    import Ecto.Query

    alias Ecto.Adapters.LibSql
    alias EctoLibSql.Test.Sqld

    @moduletag :sqld
    @moduletag :capture_log

    defmodule Repo do
      use Ecto.Repo, otp_app: :ecto_libsql, adapter: Ecto.Adapters.LibSql
    end

    defmodule CreateBlog do
      use Ecto.Migration

      def change do
        create table(:authors) do
          add(:name, :string, null: false)
        end

        create(unique_index(:authors, [:name]))

        create table(:posts) do
          add(:title, :string, check: %{name: "titled", expr: "title <> ''"})
          add(:author_id, references(:authors))
          add(:price, :decimal)
          timestamps()
        end
      end
    end

    defmodule ChangeBlog do
      use Ecto.Migration

      def change do
        alter table(:posts) do
          add(:views, :integer, default: 0)
        end

        rename(table(:posts), :views, to: :reads)
      end
    end

    defmodule Rebuild do
      use Ecto.Migration

      def change, do: create(constraint(:authors, :named, check: "name <> ''"))
    end

    defmodule Author do
      use Ecto.Schema

      schema "authors" do
        field(:name, :string)
      end
    end

    defmodule Post do
      use Ecto.Schema

      schema "posts" do
        field(:title, :string)
        field(:price, :decimal)
        belongs_to(:author, Author)
        timestamps()
      end
    end

    setup do
      server = Sqld.start!()
      opts = [uri: Sqld.url(server), pool_size: 3, journal_mode: :wal, name: nil, log: false]
      repo = start_supervised!({Repo, opts})
      Repo.put_dynamic_repo(repo)
      migrate(1, CreateBlog)
      %{server: server}
    end

    defp migrate(version, migration, direction \\ :up) do
      opts = [all: true, log: false, dynamic_repo: Repo.get_dynamic_repo()]
      Ecto.Migrator.run(Repo, [{version, migration}], direction, opts)
    end

    defp author(name), do: Repo.insert!(%Author{name: name})

    test "migrations run, and are undone" do
      assert migrate(2, ChangeBlog) == [2]
      assert Repo.query!("SELECT reads FROM posts").columns == ["reads"]
      assert migrate(2, ChangeBlog, :down) == [2]
      assert {:error, %EctoLibSql.Error{}} = Repo.query("SELECT reads FROM posts")
    end

    test "tables are built anew, and keep what refers to them" do
      Repo.query!(
        "CREATE TABLE likes (id INTEGER PRIMARY KEY, author INTEGER CONSTRAINT liked " <>
          "REFERENCES authors ON DELETE CASCADE, post INTEGER REFERENCES posts ON DELETE SET NULL)"
      )

      Repo.query!("CREATE VIEW names AS SELECT name FROM authors")
      [ada, joe] = for name <- ["Ada", "Joe"], do: author(name)
      post = Repo.insert!(%Post{title: "one", author_id: ada.id})
      Repo.query!("INSERT INTO likes VALUES (1, ?, ?), (2, ?, NULL)", [ada.id, post.id, joe.id])

      assert migrate(3, Rebuild) == [3]

      assert Repo.query!("SELECT author, post FROM likes").rows == [
               [ada.id, post.id],
               [joe.id, nil]
             ]

      assert Repo.query!("SELECT name FROM names").rows == [["Ada"], ["Joe"]]
      assert Repo.get!(Post, post.id).author_id == ada.id
      assert_raise Ecto.ConstraintError, ~r/named/, fn -> author("") end

      # What refers to them does so as before.
      Repo.delete!(joe)
      assert Repo.query!("SELECT author FROM likes").rows == [[ada.id]]
      assert_raise Ecto.ConstraintError, ~r/posts_author_id_fkey/, fn -> Repo.delete!(ada) end
    end

    test "a rebuild that would delete other tables' rows is refused, and leaves all as it was" do
      Repo.query!(
        "CREATE TABLE likes (author INTEGER, FOREIGN KEY (author) REFERENCES authors ON DELETE CASCADE)"
      )

      ada = author("Ada")
      Repo.query!("INSERT INTO likes VALUES (?)", [ada.id])

      assert_raise ArgumentError,
                   ~r/foreign key likes_author_fkey of likes .*drop the key before/,
                   fn ->
                     migrate(3, Rebuild)
                   end

      assert Repo.query!("SELECT author FROM likes").rows == [[ada.id]]
      assert author("").id
    end

    test "a database is dumped, and loaded into another one", %{server: server} do
      author("Ada")
      other = Sqld.start!()
      path = Path.join(System.tmp_dir!(), "ecto_libsql_#{System.unique_integer([:positive])}.sql")
      on_exit(fn -> File.rm(path) end)

      assert {:ok, ^path} = LibSql.structure_dump("", uri: Sqld.url(server), dump_path: path)
      assert {:ok, ^path} = LibSql.structure_load("", uri: Sqld.url(other), dump_path: path)
      {:ok, s} = EctoLibSql.connect(uri: Sqld.url(other))
      assert {:ok, [0]} = EctoLibSql.query_one(s, "SELECT count(*) FROM authors")
      assert {:ok, [1]} = EctoLibSql.query_one(s, "SELECT version FROM schema_migrations")

      assert {sql, 0} = LibSql.dump_cmd([".dump", "authors"], [], uri: Sqld.url(server))
      assert sql =~ ~s[INSERT INTO "authors" ("id", "name") VALUES (1, 'Ada')]
    end

    test "what a query adds to dates, and how it compares and sorts decimals, is plain SQL there" do
      for {title, price} <- [{"a", "10"}, {"b", "9.50"}, {"c", "-0.1"}],
          do: Repo.insert!(%Post{title: title, price: Decimal.new(price)})

      titles = fn query -> Repo.all(from(p in query, select: p.title)) end
      assert titles.(from(p in Post, order_by: p.price)) == ["c", "b", "a"]
      assert titles.(from(p in Post, where: p.price < 9.6, order_by: p.title)) == ["b", "c"]
      assert titles.(from(p in Post, where: p.price in ^[Decimal.new("9.5")])) == ["b"]
      assert titles.(from(p in Post, where: p.inserted_at < ago(1, "month"))) == []
      assert length(titles.(from(p in Post, where: p.inserted_at > ago(1, "month")))) == 3
    end

    test "exact sums of decimals, which a server cannot calculate, are errors that say so" do
      Repo.insert!(%Post{title: "a", price: Decimal.new("0.1")})

      error = assert_raise EctoLibSql.Error, fn -> Repo.aggregate(Post, :sum, :price) end
      assert error.code == :unsupported
      assert error.message =~ "ecto_decimal_sum is a function of this library"
      assert Repo.aggregate(Post, :count) == 1
    end

    test "the connections live through a restart of the server", %{server: server} do
      author("Ada")
      Sqld.restart(server)
      assert Repo.aggregate(Author, :count) == 1
    end

    test "a transaction that was lost on the way is told, and never half there", %{server: server} do
      assert_raise EctoLibSql.Error, ~r/rolled the transaction back/, fn ->
        Repo.transaction(fn ->
          author("Ada")
          Sqld.restart(server)
          author("Joe")
        end)
      end

      assert Repo.aggregate(Author, :count) == 0
    end

    test "health" do
      assert {:ok, %{status: :ok, mode: :remote, gate: nil}} =
               EctoLibSql.health(Repo.get_dynamic_repo())
    end

    test "the database is up while its server answers, and not dropped", %{server: server} do
      config = [uri: Sqld.url(server)]
      assert LibSql.storage_status(config) == :up
      assert LibSql.storage_up(config) == {:error, :already_up}
      assert {:error, message} = LibSql.storage_down(config)
      assert message =~ "server"
      Sqld.kill(server)
      assert {:error, _} = LibSql.storage_status(config)
      Sqld.restart(server)
    end
  end
end

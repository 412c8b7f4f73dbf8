if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.ConstraintsTest do
    # Each kind of constraint on its way into a changeset.
    use EctoLibSql.MigrationCase, async: true

    import Ecto.Changeset
    import Ecto.Query, only: [from: 2]

    alias Ecto.Adapters.LibSql.Constraints

    defmodule Author do
      use Ecto.Schema

      schema "authors" do
        field(:name, :string)
        field(:email, :string)
        field(:age, :integer)
        has_many(:posts, Ecto.Adapters.LibSql.ConstraintsTest.Post)
      end
    end

    defmodule Post do
      use Ecto.Schema

      schema "posts" do
        field(:title, :string)
        field(:slug, :string)
        field(:status, :string)
        belongs_to(:author, Author)
        field(:editor_id, :integer)
        field(:reviewer_id, :integer)
      end
    end

    defmodule Note do
      use Ecto.Schema

      schema "notes" do
        field(:author_id, :integer)
      end
    end

    setup do
      migrate(fn ->
        create table(:authors) do
          add :name, :string, null: false
          add :email, :string
          add :age, :integer
        end

        create unique_index(:authors, [:email])
        create unique_index(:authors, ["lower(name)"], name: :authors_name_folded)
        create constraint(:authors, :adult, check: "age >= 18")

        create table(:posts) do
          add :title, :string
          add :slug, :string
          add :status, :string
          add :author_id, references(:authors)
          add :editor_id, references(:authors, name: :posts_edited_by)
          add :reviewer_id, references(:authors, on_delete: :restrict)
        end

        create unique_index(:posts, [:author_id, :slug], where: "status = 'public'")
        create unique_index(:posts, [:title, :slug], name: :one_title)

        create table(:notes) do
          add :author_id, references(:authors), deferrable: :deferred
        end
      end)

      author = Repo.insert!(%Author{name: "Ada", email: "ada@x", age: 36})
      %{author: author}
    end

    defp errors({:error, changeset}) do
      for {field, {_message, opts}} <- changeset.errors, do: {field, opts[:constraint_name]}
    end

    describe "unique" do
      test "by the index's default name" do
        changeset = change(%Author{name: "x", email: "ada@x"}) |> unique_constraint(:email)
        assert errors(Repo.insert(changeset)) == [email: "authors_email_index"]
      end

      test "of an expression index" do
        changeset =
          change(%Author{name: "ADA"}) |> unique_constraint(:name, name: :authors_name_folded)

        assert errors(Repo.insert(changeset)) == [name: "authors_name_folded"]
      end

      test "of a partial index and of a named one", %{author: author} do
        Repo.insert!(%Post{author_id: author.id, slug: "s", status: "public", title: "t"})
        Repo.insert!(%Post{author_id: author.id, slug: "s", status: "draft", title: "u"})

        changeset =
          change(%Post{author_id: author.id, slug: "s", status: "public", title: "v"})
          |> unique_constraint([:author_id, :slug])

        assert errors(Repo.insert(changeset)) == [author_id: "posts_author_id_slug_index"]

        changeset =
          change(%Post{slug: "s", title: "t"}) |> unique_constraint(:title, name: :one_title)

        assert errors(Repo.insert(changeset)) == [title: "one_title"]
      end

      test "of the primary key", %{author: author} do
        changeset = change(%Author{id: author.id, name: "x"})

        assert errors(Repo.insert(unique_constraint(changeset, :id, name: "authors_pkey"))) ==
                 [id: "authors_pkey"]
      end

      test "at an update" do
        other = Repo.insert!(%Author{name: "Joe", email: "joe@x"})
        changeset = other |> change(email: "ada@x") |> unique_constraint(:email)
        assert errors(Repo.update(changeset)) == [email: "authors_email_index"]
      end

      test "in a table of which an unnamed constraint made the index" do
        rows("CREATE TABLE plain (id INTEGER PRIMARY KEY, author_id INT, UNIQUE (author_id))")
        source = &Ecto.put_meta(&1, source: "plain")
        Repo.insert!(source.(%Note{author_id: 1}))
        changeset = %Note{author_id: 1} |> source.() |> change()

        assert errors(
                 Repo.insert(
                   unique_constraint(changeset, :author_id, name: "plain_author_id_index")
                 )
               ) ==
                 [author_id: "plain_author_id_index"]
      end
    end

    describe "foreign key" do
      test "of an insert, by its default name and by a declared one" do
        changeset = change(%Post{author_id: 99}) |> foreign_key_constraint(:author_id)
        assert errors(Repo.insert(changeset)) == [author_id: "posts_author_id_fkey"]

        changeset =
          change(%Post{editor_id: 99})
          |> foreign_key_constraint(:editor_id, name: :posts_edited_by)

        assert errors(Repo.insert(changeset)) == [editor_id: "posts_edited_by"]
      end

      test "of an update, in a transaction, which goes on", %{author: author} do
        post = Repo.insert!(%Post{author_id: author.id})

        {:ok, _} =
          Repo.transaction(fn ->
            changeset = post |> change(author_id: 99) |> assoc_constraint(:author)
            assert errors(Repo.update(changeset)) == [author: "posts_author_id_fkey"]
            assert rows("PRAGMA defer_foreign_keys") == [[0]]
            Repo.insert!(%Post{title: "after"})
          end)

        assert Repo.aggregate(Post, :count) == 2
      end

      test "of a delete", %{author: author} do
        Repo.insert!(%Post{author_id: author.id})
        changeset = author |> change() |> no_assoc_constraint(:posts)
        assert errors(Repo.delete(changeset)) == [posts: "posts_author_id_fkey"]
      end

      test "with RESTRICT", %{author: author} do
        Repo.insert!(%Post{reviewer_id: author.id})

        changeset =
          author |> change() |> no_assoc_constraint(:posts, name: :posts_reviewer_id_fkey)

        assert errors(Repo.delete(changeset)) == [posts: "posts_reviewer_id_fkey"]
        assert rows("PRAGMA foreign_keys") == [[1]]
      end

      test "that is deferred, outside of a transaction" do
        changeset = change(%Note{author_id: 99}) |> foreign_key_constraint(:author_id)
        assert errors(Repo.insert(changeset)) == [author_id: "notes_author_id_fkey"]
      end

      test "that is deferred, at the commit" do
        error =
          assert_raise EctoLibSql.Error, fn ->
            Repo.transaction(fn -> Repo.insert!(%Note{author_id: 99}) end)
          end

        assert error.constraint.name == "notes_author_id_fkey"
        assert Constraints.to_constraints(error, []) == [foreign_key: "notes_author_id_fkey"]
        assert Repo.aggregate(Note, :count) == 0
      end

      test "of insert_all and update_all is in the message", %{author: author} do
        assert_raise EctoLibSql.Error,
                     ~r/posts_edited_by \(posts.editor_id references authors\)/,
                     fn ->
                       Repo.insert_all(Post, [
                         %{editor_id: author.id},
                         %{editor_id: 99},
                         %{editor_id: author.id}
                       ])
                     end

        Repo.insert!(%Post{title: "x"})

        assert_raise EctoLibSql.Error, ~r/posts_author_id_fkey/, fn ->
          Repo.update_all(from(p in Post, where: p.title == "x"), set: [author_id: 99])
        end
      end

      test "is not mistaken for one that was violated before" do
        Repo.checkout(fn ->
          rows("PRAGMA foreign_keys = OFF")
          rows("INSERT INTO posts (author_id) VALUES (1234)")
          rows("PRAGMA foreign_keys = ON")
          post = Repo.insert!(%Post{title: "x"})

          changeset =
            post
            |> change(editor_id: 99)
            |> foreign_key_constraint(:editor_id, name: :posts_edited_by)

          assert errors(Repo.update(changeset)) == [editor_id: "posts_edited_by"]
        end)
      end
    end

    describe "check and not null" do
      test "a check, by its name" do
        changeset = change(%Author{name: "Tim", age: 7}) |> check_constraint(:age, name: :adult)
        assert errors(Repo.insert(changeset)) == [age: "adult"]
      end

      test "NOT NULL, by the name that PostgreSQL gives it" do
        changeset = change(%Author{}) |> check_constraint(:name, name: :authors_name_not_null)
        assert errors(Repo.insert(changeset)) == [name: "authors_name_not_null"]
      end

      test "NOT NULL with a declared name" do
        rows(
          "CREATE TABLE strict (id INTEGER PRIMARY KEY, author_id INT CONSTRAINT needs_author NOT NULL)"
        )

        changeset = %Note{} |> Ecto.put_meta(source: "strict") |> change()

        assert errors(Repo.insert(check_constraint(changeset, :author_id, name: :needs_author))) ==
                 [author_id: "needs_author"]
      end
    end

    test "an unknown one makes Ecto name it", %{author: author} do
      for {changeset, name} <- [
            {change(%Author{name: "x", email: "ada@x"}), "authors_email_index"},
            {change(%Author{name: "Ada"}), "authors_name_folded"},
            {change(%Author{id: author.id, name: "x"}), "authors_pkey"},
            {change(%Author{name: "x", age: 1}), "adult"},
            {change(%Author{}), "authors_name_not_null"},
            {change(%Post{author_id: 99}), "posts_author_id_fkey"}
          ] do
        error = assert_raise Ecto.ConstraintError, fn -> Repo.insert(changeset) end
        assert error.constraint == name
      end
    end

    test "an error without a constraint has none" do
      {:error, error} = Repo.query("SELECT * FROM nothing")
      assert Constraints.to_constraints(error, []) == []
      assert Constraints.to_constraints(%RuntimeError{}, []) == []
    end
  end
end

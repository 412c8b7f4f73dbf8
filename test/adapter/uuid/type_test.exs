defmodule Ecto.Adapters.LibSql.UUID.TypeTest do
  use EctoLibSql.MigrationCase

  import Ecto.Query, except: [update: 3]
  import EctoLibSql.Migration

  alias Ecto.Changeset
  alias EctoLibSql.UUID

  defmodule User do
    use Ecto.Schema

    @primary_key {:id, EctoLibSql.UUID, autogenerate: true, version: 7}
    @foreign_key_type EctoLibSql.UUID
    schema "users" do
      field(:name, :string)
      field(:text, EctoLibSql.UUID, storage: :text)
      field(:binary, EctoLibSql.UUID, storage: :binary, version: 4, autogenerate: true)
      field(:friends, {:array, EctoLibSql.UUID})
      field(:tokens, {:array, EctoLibSql.UUID}, storage: :binary)
      belongs_to(:leader, __MODULE__)
      has_many(:posts, Ecto.Adapters.LibSql.UUID.TypeTest.Post)
      has_many(:followers, __MODULE__, foreign_key: :leader_id)

      embeds_one :badge, Badge, primary_key: {:id, EctoLibSql.UUID, autogenerate: [version: 7]} do
        field(:number, EctoLibSql.UUID, storage: :binary)
      end
    end
  end

  defmodule Post do
    use Ecto.Schema

    @primary_key {:id, EctoLibSql.UUID, autogenerate: true, version: 7, storage: :binary}
    schema "posts" do
      belongs_to(:user, Ecto.Adapters.LibSql.UUID.TypeTest.User, type: EctoLibSql.UUID)
      belongs_to(:parent, __MODULE__, type: EctoLibSql.UUID, storage: :binary)
    end
  end

  # The same tables, as other types see them.
  defmodule PlainUser do
    use Ecto.Schema

    @primary_key {:id, Ecto.UUID, autogenerate: true}
    schema "users" do
      field(:name, :string)
    end
  end

  defmodule BinaryIdUser do
    use Ecto.Schema

    @primary_key {:id, :binary_id, autogenerate: true}
    schema "users" do
      field(:name, :string)
    end
  end

  # The database makes its ids.
  defmodule Counted do
    use Ecto.Schema

    @primary_key {:id, EctoLibSql.UUID, read_after_writes: true}
    schema "counted" do
      field(:n, :integer)
    end
  end

  @uuid "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
  @upper String.upcase(@uuid)
  @other "919108f7-52d1-4320-9bac-f847db4148a8"

  setup do
    migrate(fn ->
      create table(:users, primary_key: false) do
        add(:id, :uuid, primary_key: true)
        add(:name, :string)
        add(:text, :string)
        add(:binary, :binary)
        add(:friends, {:array, :uuid})
        add(:tokens, {:array, :binary})
        add(:leader_id, references(:users, type: :uuid))
        add(:badge, :map)
      end

      create table(:posts, primary_key: false) do
        add(:id, :binary, primary_key: true)
        add(:user_id, references(:users, type: :uuid, on_delete: :delete_all))
        add(:parent_id, references(:posts, type: :binary))
      end

      create table(:counted, primary_key: false) do
        add(:id, :uuid, primary_key: true, default: uuid_default(version: 7))
        add(:n, :integer)
      end
    end)
  end

  defp raw(text), do: UUID.parse!(text)

  describe "the type" do
    test "says what it is stored as" do
      assert Ecto.Type.type(User.__schema__(:type, :id)) == :uuid
      assert Ecto.Type.type(User.__schema__(:type, :leader_id)) == :uuid
      assert Ecto.Type.type(User.__schema__(:type, :text)) == :string
      assert Ecto.Type.type(User.__schema__(:type, :binary)) == :binary
      assert Ecto.Type.type(Post.__schema__(:type, :parent_id)) == :binary

      assert Ecto.Type.format(Post.__schema__(:type, :id)) ==
               "#EctoLibSql.UUID<version: 7, storage: :binary>"

      assert Ecto.Type.format(User.__schema__(:type, :leader_id)) ==
               "#EctoLibSql.UUID<version: 4, storage: :uuid_type>"
    end

    test "refuses other options" do
      assert_raise ArgumentError, "version: takes 4 or 7, got: 6", fn ->
        Ecto.ParameterizedType.init(UUID, version: 6)
      end

      assert_raise ArgumentError, "storage: takes :text or :binary, got: :string", fn ->
        Ecto.ParameterizedType.init(UUID, storage: :string)
      end
    end

    test "casts text of either case and bytes, dumps and loads both forms" do
      for storage <- [nil, :text, :binary] do
        type = Ecto.ParameterizedType.init(UUID, storage: storage)

        for given <- [@uuid, @upper, raw(@uuid)] do
          assert Ecto.Type.cast(type, given) == {:ok, @uuid}
          dumped = if storage == :text, do: @uuid, else: raw(@uuid)
          assert Ecto.Type.dump(type, given) == {:ok, dumped}
          assert Ecto.Type.load(type, given) == {:ok, @uuid}
          assert Ecto.Type.equal?(type, given, @uuid)
          refute Ecto.Type.equal?(type, given, @other)
          refute Ecto.Type.equal?(type, given, nil)
        end

        assert Ecto.Type.cast(type, nil) == {:ok, nil}
        assert Ecto.Type.dump(type, nil) == {:ok, nil}
        assert Ecto.Type.load(type, nil) == {:ok, nil}

        for malformed <- ["abc", "{#{@uuid}}", String.replace(@uuid, "-", ""), 17, %{}, ""] do
          assert {:error, message: "is no UUID: " <> _} = Ecto.Type.cast(type, malformed)
          assert Ecto.Type.dump(type, malformed) == :error
          assert Ecto.Type.load(type, malformed) == :error
        end
      end
    end

    test "changesets say what is wrong, and see no change of case" do
      changeset =
        Changeset.cast(%User{text: @uuid}, %{text: @upper, binary: "abc"}, [:text, :binary])

      assert changeset.changes == %{}
      assert [binary: {message, meta}] = changeset.errors
      assert message == "is no UUID: it has 3 characters instead of 36"
      assert meta[:validation] == :cast
      assert {:error, _} = Repo.insert(changeset)
      assert rows("SELECT count(*) FROM users") == [[0]]
    end
  end

  describe "a schema" do
    for {name, repo, type} <- [
          {"text", [], "text"},
          {"16 bytes", [uuid_type: :binary], "blob"}
        ] do
      @tag repo: repo, type: type
      test "without :storage stores #{name}, as the repo's option says", %{type: type} do
        assert %User{id: id} =
                 user = Repo.insert!(%User{name: "a", text: @upper, friends: [@upper]})

        assert UUID.version(id) == {:ok, 7}
        assert UUID.version(user.binary) == {:ok, 4}

        assert rows("SELECT typeof(id), typeof(text), typeof(binary) FROM users") == [
                 [type, "text", "blob"]
               ]

        stored = if type == "text", do: id, else: raw(id)
        assert rows("SELECT id, text, binary FROM users") == [[stored, @uuid, raw(user.binary)]]
        assert %{text: @uuid, friends: [@uuid]} = read = Repo.get!(User, id)
        assert read.binary == user.binary
        assert Repo.get(User, String.upcase(id)).id == id
        assert Repo.get(User, raw(id)).id == id
        assert Repo.get(User, @other) == nil
      end

      @tag repo: repo
      test "takes the place of Ecto.UUID and :binary_id, with #{name}" do
        user = Repo.insert!(%User{name: "ours"})
        plain = Repo.insert!(%PlainUser{name: "theirs"})
        binary_id = Repo.insert!(%BinaryIdUser{name: "ids"})

        for schema <- [User, PlainUser, BinaryIdUser],
            %{id: id, name: name} <- [user, plain, binary_id] do
          assert Repo.get!(schema, id).name == name
        end

        assert rows("SELECT count(DISTINCT typeof(id)) FROM users") == [[1]]
      end

      @tag repo: repo
      test "has associations, preloads and joins, with #{name}" do
        leader = Repo.insert!(%User{name: "leader"})
        user = Repo.insert!(%User{name: "user", leader_id: leader.id})
        first = Repo.insert!(%Post{user_id: user.id})
        second = Repo.insert!(%Post{user_id: user.id, parent_id: first.id})
        assert first.id < second.id

        assert %{posts: posts, leader: %{name: "leader"}} =
                 Repo.preload(Repo.get!(User, user.id), [:posts, :leader])

        assert posts |> Enum.map(& &1.id) |> Enum.sort() == [first.id, second.id]
        assert [%{id: id}] = Repo.all(Ecto.assoc(leader, :followers))
        assert id == user.id

        query =
          from(p in Post,
            join: u in assoc(p, :user),
            join: q in assoc(p, :parent),
            where: u.leader_id == ^leader.id and p.id in ^[first.id, second.id],
            select: {p.id, q.id, u.id}
          )

        assert Repo.all(query) == [{second.id, first.id, user.id}]
        Repo.delete!(user)
        assert Repo.aggregate(Post, :count) == 0
        assert {:error, changeset} = insert_with_missing_leader()
        assert [leader_id: {"does not exist", _}] = changeset.errors
      end

      @tag repo: repo
      test "ids of version 7 are in the order of their making, with #{name}" do
        made = for n <- 1..50, do: Repo.insert!(%User{name: "#{n}"}).id
        assert Repo.all(from(u in User, order_by: u.id, select: u.id)) == made
        middle = Enum.at(made, 25)
        assert Repo.aggregate(from(u in User, where: u.id < ^middle), :count) == 25

        assert Repo.one(from(u in User, select: {min(u.id), max(u.id)})) ==
                 {hd(made), List.last(made)}

        assert Repo.one(from(u in User, select: max(u.binary))) |> UUID.valid?()
      end

      @tag repo: repo
      test "has ids made by the database, with #{name}" do
        assert %Counted{id: id} = Repo.insert!(%Counted{n: 1})
        assert UUID.version(id) == {:ok, 7}
        assert {3, counted} = Repo.insert_all(Counted, [[n: 2], [n: 3], [n: 4]], returning: true)
        for %{id: id, n: n} <- counted, do: assert(Repo.get!(Counted, id).n == n)

        # One of them brings its id along.
        assert {2, [%{id: @uuid}, %{id: made}]} =
                 Repo.insert_all(Counted, [%{id: @upper, n: 5}, %{n: 6}], returning: [:id])

        assert UUID.version(made) == {:ok, 7}
        assert Repo.aggregate(Counted, :count) == 6
      end

      @tag repo: repo
      test "insert_all stores ids that are made in Elixir, with #{name}" do
        rows =
          for n <- 1..10,
              do: %{id: UUID.generate(version: 7), name: "#{n}", binary: UUID.generate()}

        assert {10, returned} = Repo.insert_all(User, rows, returning: [:id, :name])
        assert Enum.map(returned, &{&1.id, &1.name}) == Enum.map(rows, &{&1.id, &1.name})
        ids = Enum.map(rows, & &1.id)
        assert Repo.all(from(u in User, where: u.id in ^ids, order_by: u.id, select: u.id)) == ids

        # An upsert finds the row again.
        assert {1, _} =
                 Repo.insert_all(User, [%{hd(rows) | name: "again"}],
                   on_conflict: {:replace, [:name]},
                   conflict_target: :id
                 )

        assert Repo.get!(User, hd(ids)).name == "again"
        assert Repo.aggregate(User, :count) == 10
      end

      @tag repo: repo
      test "embeds have text, with #{name}" do
        user = Repo.insert!(%User{badge: %User.Badge{number: @upper}})
        assert {:ok, 7} = UUID.version(user.badge.id)
        assert [[id, number]] = rows("SELECT badge ->> 'id', badge ->> 'number' FROM users")
        assert {id, String.downcase(number)} == {user.badge.id, @uuid}
        assert %{badge: %{id: ^id, number: read}} = Repo.get!(User, user.id)
        assert String.downcase(read) == @uuid
      end

      @tag repo: repo
      test "is updated and deleted by its fields, with #{name}" do
        user = Repo.insert!(%User{name: "a", text: @uuid, binary: @uuid})

        assert Repo.update_all(from(u in User, where: u.binary == ^@upper), set: [text: @other]) ==
                 {1, nil}

        assert %{text: @other} = Repo.get_by!(User, binary: @uuid, text: @other)
        changed = user |> Changeset.change(binary: @other) |> Repo.update!()
        assert Repo.reload!(changed).binary == @other
        assert Repo.update_all(User, set: [binary: nil, text: nil]) == {1, nil}
        assert %{binary: nil, text: nil} = Repo.get!(User, user.id)
        assert {1, nil} = Repo.delete_all(from(u in User, where: u.id == ^user.id))
      end
    end

    test "reads what is stored in the other form" do
      Repo.query!("INSERT INTO users (id, text, binary) VALUES (?, ?, ?)", [
        @uuid,
        {:blob, raw(@uuid)},
        @upper
      ])

      assert %{id: @uuid, text: @uuid, binary: @uuid} = Repo.one!(User)
    end

    test "what is stored and is no UUID is an error" do
      for {column, value} <- [text: "abc", binary: {:blob, <<1, 2>>}, text: {:blob, @uuid <> "0"}] do
        Repo.query!("DELETE FROM users")
        Repo.query!("INSERT INTO users (id, #{column}) VALUES (?, ?)", [@uuid, value])
        assert_raise ArgumentError, ~r/cannot load/, fn -> Repo.one!(User) end
      end
    end

    test "what is no UUID is not stored" do
      assert_raise Ecto.ChangeError, fn -> Repo.insert!(%User{text: "abc"}) end

      assert_raise Ecto.ChangeError, fn ->
        Repo.insert_all(User, [%{id: @uuid, binary: "abc"}])
      end

      assert_raise Ecto.Query.CastError, fn ->
        malformed = "abc"
        Repo.update_all(from(u in User, where: u.id == ^malformed), set: [name: "b"])
      end

      assert rows("SELECT count(*) FROM users") == [[0]]
    end

    test "arrays have elements of either storage" do
      user = Repo.insert!(%User{friends: [@uuid], tokens: [@upper, @other]})
      assert %{friends: [@uuid], tokens: [@uuid, @other]} = Repo.get!(User, user.id)

      for value <- [@uuid, @upper] do
        query = from(u in User, where: ^value in u.friends and ^value in u.tokens, select: u.id)
        assert Repo.all(query) == [user.id]
      end

      Repo.update_all(User, push: [friends: @other, tokens: @uuid])

      assert %{friends: [@uuid, @other], tokens: [@uuid, @other, @uuid]} =
               Repo.get!(User, user.id)
    end

    test "literals are compared where the storage is the field's own" do
      user = Repo.insert!(%User{text: @uuid, binary: @uuid})

      literal =
        from(u in User, where: u.text == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", select: u.id)

      assert Repo.all(literal) == [user.id]

      literal =
        from(u in User, where: u.binary == "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", select: u.id)

      assert Repo.all(literal) == [user.id]

      assert_raise Ecto.QueryError, ~r/a literal UUID cannot stand in a query/, fn ->
        Repo.all(from(u in User, where: u.id == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))
      end
    end

    test "parameters take type/2, and nil" do
      user = Repo.insert!(%User{text: @uuid})
      sixteen = raw(@uuid)

      assert Repo.all(from(u in User, where: u.text == type(^sixteen, u.text), select: u.text)) ==
               [@uuid]

      assert Repo.all(from(u in User, select: type(^@upper, u.binary))) == [@uuid]
      assert Repo.all(from(u in User, select: type(^nil, u.binary))) == [nil]

      type = Ecto.ParameterizedType.init(UUID, storage: :text)

      assert Repo.all(from(u in "users", where: u.text == type(^sixteen, ^type), select: u.text)) ==
               [@uuid]

      assert Repo.all(from(u in User, where: is_nil(u.leader_id), select: u.id)) == [user.id]
    end
  end

  defp insert_with_missing_leader do
    %User{}
    |> Changeset.cast(%{leader_id: @other}, [:leader_id])
    |> Changeset.foreign_key_constraint(:leader_id)
    |> Repo.insert()
  end
end

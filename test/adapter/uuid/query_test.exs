defmodule Ecto.Adapters.LibSql.UUID.QueryTest do
  use EctoLibSql.MigrationCase

  import Ecto.Query, except: [update: 3]
  import EctoLibSql.UUID, only: :macros

  alias EctoLibSql.UUID

  defmodule Movie do
    use Ecto.Schema

    @primary_key {:id, EctoLibSql.UUID, autogenerate: true, version: 7}
    schema "movies" do
      field(:title, :string)
      field(:token, EctoLibSql.UUID, storage: :binary)
    end
  end

  @uuid "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  setup do
    migrate(fn ->
      create table(:movies, primary_key: false) do
        add(:id, :uuid, primary_key: true)
        add(:title, :string)
        add(:token, :binary)
      end

      create table(:staged) do
        add(:title, :string)
      end
    end)

    Repo.insert_all("staged", for(n <- 1..20, do: %{title: "#{n}"}))
    :ok
  end

  test "a query makes ids, another one for each row" do
    before = System.os_time(:millisecond)

    for {query, version} <- [
          {from(s in "staged", select: {uuid4(), uuid4(:binary)}), 4},
          {from(s in "staged", select: {uuid7(), uuid7(:binary)}), 7}
        ] do
      made = Repo.all(query)
      assert length(made) == 20
      uuids = Enum.flat_map(made, &Tuple.to_list/1)
      assert uuids |> Enum.map(&UUID.to_text/1) |> Enum.uniq() |> length() == 40
      for uuid <- uuids, do: assert(UUID.version(uuid) == {:ok, version})
      for {text, bytes} <- made, do: assert({byte_size(text), byte_size(bytes)} == {36, 16})
    end

    # The server of a test has this machine's clock.
    [time] = Repo.all(from(s in "staged", limit: 1, select: uuid7_timestamp(uuid7())))
    assert DateTime.to_unix(time, :millisecond) in before..System.os_time(:millisecond)
  end

  test "insert_all stores what a query makes" do
    query = from(s in "staged", select: %{id: uuid7(), title: s.title, token: uuid4(:binary)})
    assert {20, nil} = Repo.insert_all(Movie, query)
    movies = Repo.all(Movie)
    assert movies |> Enum.map(& &1.title) |> Enum.sort() == Enum.sort(Enum.map(1..20, &"#{&1}"))

    for movie <- movies do
      assert {UUID.version(movie.id), UUID.version(movie.token)} == {{:ok, 7}, {:ok, 4}}
      assert Repo.get_by!(Movie, token: movie.token).id == movie.id
    end

    assert {20, nil} =
             Repo.update_all(from(m in Movie, update: [set: [token: uuid_binary(^@uuid)]]), [])

    assert Repo.all(from(m in Movie, distinct: true, select: m.token)) == [@uuid]

    assert {20, nil} =
             Repo.update_all(from(m in Movie, update: [set: [token: uuid4(:binary)]]), [])

    assert Repo.aggregate(from(m in Movie, distinct: m.token), :count) == 20
  end

  test "turns one form into the other" do
    movie = Repo.insert!(%Movie{title: "a", token: @uuid})
    query = from(m in Movie, where: uuid_text(m.token) == ^@uuid)
    assert Repo.one!(query).id == movie.id

    assert Repo.one(
             from(m in Movie, select: {uuid_text(m.id), uuid_text(m.token), uuid_text(m.title)})
           ) ==
             {movie.id, @uuid, nil}

    assert Repo.one(
             from(m in Movie,
               select: {uuid_binary(m.id), uuid_binary(m.token), uuid_binary(m.title)}
             )
           ) ==
             {UUID.parse!(movie.id), UUID.parse!(@uuid), nil}

    upper = String.upcase(@uuid)

    assert Repo.one(
             from(m in Movie, where: uuid_text(^upper) == uuid_text(m.token), select: m.title)
           ) == "a"

    assert Repo.one(from(m in Movie, where: m.token == uuid_binary(^upper), select: m.title)) ==
             "a"
  end

  test "reads the time of version 7" do
    movie = Repo.insert!(%Movie{title: "a", token: UUID.generate()})
    {:ok, time} = UUID.timestamp(movie.id)

    query =
      from(m in Movie,
        select: {uuid7_timestamp(m.id), uuid7_timestamp(m.token), uuid7_timestamp(m.title)}
      )

    assert [{read, nil, nil}] = Repo.all(query)
    assert DateTime.compare(read, time) == :eq

    Repo.insert!(%Movie{id: @uuid, title: "old"})
    day = ~U[2022-02-22 00:00:00.000000Z]

    within =
      from(m in Movie,
        where: uuid7_timestamp(m.id) < datetime_add(^day, 1, "day"),
        select: m.title
      )

    assert Repo.all(within) == ["old"]

    assert Repo.all(
             from(m in Movie, where: uuid7_timestamp(m.id) > ago(1, "day"), select: m.title)
           ) == ["a"]

    # The same by the order of the keys.
    {first, last} = {UUID.first_at(day), UUID.last_at(DateTime.add(day, 1, :day))}

    assert Repo.all(from(m in Movie, where: m.id >= ^first and m.id <= ^last, select: m.title)) ==
             ["old"]
  end

  test "a storage that is no literal, or none, does not compile" do
    for storage <- ["storage", ":string"] do
      code =
        "import Ecto.Query; import EctoLibSql.UUID, only: :macros; from(s in \"t\", select: uuid7(#{storage}))"

      assert_raise ArgumentError, ~r/uuid7\/1 takes :text or :binary/, fn ->
        Code.eval_string(code)
      end
    end
  end
end

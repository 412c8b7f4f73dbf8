defmodule Ecto.Adapters.LibSql.UUID.MigrationTest do
  use EctoLibSql.MigrationCase

  import EctoLibSql.Migration

  alias EctoLibSql.{Error, UUID}

  @uuid "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

  defp raw(text), do: UUID.parse!(text)

  describe "uuid_default" do
    test "gives each row another UUID, in either form" do
      migrate(fn ->
        create table(:t) do
          add(:n, :integer)
          add(:a, :string, default: uuid_default(storage: :text))
          add(:b, :binary, default: uuid_default(storage: :binary))
          add(:c, :string, default: uuid_default(version: 7, storage: :text))
          add(:d, :binary, default: uuid_default(version: 7, storage: :binary))
        end
      end)

      Repo.query!("INSERT INTO t (n) VALUES (1), (2), (3)")

      for {column, type, version} <- [
            {"a", "text", 4},
            {"b", "blob", 4},
            {"c", "text", 7},
            {"d", "blob", 7}
          ] do
        values = rows("SELECT #{column}, typeof(#{column}) FROM t")
        assert [[^type]] = values |> Enum.map(&tl/1) |> Enum.uniq()
        assert values |> Enum.uniq() |> length() == 3
        for [value, _] <- values, do: assert(UUID.version(value) == {:ok, version})
      end
    end

    for {type, repo} <- [{"text", []}, {"blob", [uuid_type: :binary]}] do
      @tag repo: repo
      test "is of the form that the repo stores, which is #{type}" do
        migrate(fn ->
          create table(:t, primary_key: false, options: "STRICT") do
            add(:id, :uuid, primary_key: true, default: uuid_default(), check: uuid_check(:id))
            add(:n, :integer)
          end
        end)

        assert {1, [%{id: id}]} = Repo.insert_all("t", [%{n: 1}], returning: [:id])
        assert UUID.version(id) == {:ok, 4}
        assert rows("SELECT typeof(id) FROM t") == [[unquote(type)]]
      end
    end

    test "comes to a table with rows, and goes from it" do
      migrate(fn -> create table(:t), do: add(:n, :integer) end)
      Repo.query!("INSERT INTO t (n) VALUES (1), (2), (3)")

      steps = fn ->
        alter table(:t) do
          add(:token, :uuid, null: false, default: uuid_default(version: 7))
        end
      end

      migrate(steps)
      tokens = rows("SELECT token FROM t")
      assert tokens |> Enum.uniq() |> length() == 3
      for [token] <- tokens, do: assert(UUID.valid?(token))
      migrate(steps, direction: :backward)
      assert rows("SELECT id, n FROM t ORDER BY id") == [[1, 1], [2, 2], [3, 3]]
    end

    test "says what is wrong with its options" do
      for {opts, message} <- [
            {[version: 1], "version: takes 4 or 7, got: 1"},
            {[storage: :blob], "storage: takes :text or :binary, got: :blob"},
            {[version: 7, monotonic: 1], "monotonic: takes true or false, got: 1"},
            {[monotonic: true], "monotonic: true is of version: 7"},
            {[unique: true], "unknown keys [:unique] in [unique: true]"}
          ] do
        assert %ArgumentError{message: got} = migration_error(fn -> uuid_default(opts) end)
        assert got =~ message
      end
    end

    test "monotonic: true is refused where the repo has no function for it" do
      assert %ArgumentError{message: message} =
               migration_error(fn -> uuid_default(version: 7, monotonic: true) end)

      assert message =~ "monotonic: true needs the function uuid7()" or
               message =~ "monotonic: true is for local databases"
    end
  end

  describe "uuid_check" do
    test "lets UUIDs of one form in, and NULL" do
      migrate(fn ->
        create table(:t) do
          add(:text, :string, check: uuid_check(:text))

          add(:binary, :binary,
            check: uuid_check(:binary, storage: :binary, name: :sixteen_bytes)
          )
        end
      end)

      Repo.query!("INSERT INTO t (text, binary) VALUES (?, ?), (NULL, NULL)", [
        @uuid,
        {:blob, raw(@uuid)}
      ])

      for {column, value, name} <- [
            {"text", "abc", "text_is_uuid"},
            {"text", String.upcase(@uuid), "text_is_uuid"},
            {"text", @uuid <> "0", "text_is_uuid"},
            {"text", {:blob, raw(@uuid)}, "text_is_uuid"},
            {"binary", @uuid, "sixteen_bytes"},
            {"binary", {:blob, <<0::120>>}, "sixteen_bytes"}
          ] do
        assert {:error, %Error{code: code, constraint: constraint}} =
                 Repo.query("INSERT INTO t (#{column}) VALUES (?)", [value])

        assert code in [:constraint_check, :constraint]
        assert constraint.name == name
      end

      assert rows("SELECT count(*) FROM t") == [[2]]
    end

    test "comes to a table that is there, and a changeset knows its name" do
      migrate(fn -> create table(:t), do: add(:"the id", :uuid) end)
      %{name: name, expr: expr} = check = in_migration(fn -> uuid_check(:"the id") end)
      assert check == in_migration(fn -> uuid_check("the id", storage: :text) end)
      steps = fn -> create(constraint(:t, name, check: expr)) end
      Repo.query!(~s|INSERT INTO t ("the id") VALUES ('abc')|)
      assert %Error{} = migration_error(steps)
      Repo.query!("DELETE FROM t")
      migrate(steps)

      changeset =
        {%{}, %{"the id": :string}}
        |> Ecto.Changeset.change()
        |> Ecto.Changeset.check_constraint(:"the id", name: name)

      assert changeset.constraints |> hd() |> Map.fetch!(:constraint) == "the id_is_uuid"

      assert {:error, %Error{constraint: %{name: ^name}}} =
               Repo.query(~s|INSERT INTO t ("the id") VALUES ('abc')|)

      migrate(steps, direction: :backward)
      Repo.query!(~s|INSERT INTO t ("the id") VALUES ('abc')|)
    end
  end

  # What a helper answers within a migration.
  defp in_migration(fun) do
    migrate(fn -> send(self(), {:answer, fun.()}) end)
    assert_received {:answer, answer}
    answer
  end
end

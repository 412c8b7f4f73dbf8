defmodule EctoLibSql.Server.TokenTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.Error
  alias EctoLibSql.Test.{JWT, Sqld}

  @moduletag :sqld
  @moduletag :capture_log

  setup_all do
    key = JWT.generate_key()
    %{server: Sqld.start!(jwt_key: key), key: key}
  end

  defp connect!(server, token) do
    {:ok, s} =
      EctoLibSql.connect([uri: Sqld.url(server)] ++ if(token, do: [auth_token: token], else: []))

    on_exit(fn -> EctoLibSql.disconnect(s) end)
    s
  end

  test "a good one writes, a read-only one reads", %{server: server, key: key} do
    s = connect!(server, JWT.token(key, a: "rw"))
    assert EctoLibSql.run(s, "CREATE TABLE good (a)") == :ok
    s = connect!(server, JWT.token(key, a: "ro"))
    assert {:ok, %{rows: []}} = EctoLibSql.query(s, "SELECT * FROM good")
    assert {:error, %Error{code: :forbidden}} = EctoLibSql.query(s, "INSERT INTO good VALUES (1)")
    assert {:ok, %{rows: []}} = EctoLibSql.query(s, "SELECT * FROM good")
  end

  test "a wrong one, an expired one and none are told", %{server: server, key: key} do
    for token <- [JWT.token(JWT.generate_key(), a: "rw"), JWT.token(key, exp: 1), "x", nil] do
      s = connect!(server, token)
      assert {:error, %Error{code: :unauthorized}} = EctoLibSql.query(s, "SELECT 1")
    end
  end

  test "a function is asked again, once, where its token is not good any more", context do
    test = self()
    tokens = :counters.new(1, [])

    s =
      connect!(context.server, fn ->
        send(test, :asked)
        :counters.add(tokens, 1, 1)
        claims = if :counters.get(tokens, 1) == 1, do: [exp: 1], else: [a: "rw"]
        JWT.token(context.key, claims)
      end)

    assert_received :asked
    assert {:ok, %{rows: [[1]]}} = EctoLibSql.query(s, "SELECT 1")
    assert_received :asked
    assert {:ok, %{rows: [[1]]}} = EctoLibSql.query(s, "SELECT 1")
    refute_received :asked
  end

  test "a function that has no good one is asked once a call", %{server: server} do
    test = self()

    s =
      connect!(server, fn ->
        send(test, :asked)
        "x"
      end)

    assert_received :asked
    assert {:error, %Error{code: :unauthorized}} = EctoLibSql.query(s, "SELECT 1")
    assert_received :asked
    refute_received :asked
  end
end

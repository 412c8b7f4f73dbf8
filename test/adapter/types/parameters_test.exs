defmodule Ecto.Adapters.LibSql.Types.ParametersTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.Test.Mode

  # What the dumpers hand over, and how a connection stores it.

  @uuid "601d74e4-a8d3-4b6e-8365-eddb4c893327"

  defp connect(opts \\ []) do
    {:ok, s} = EctoLibSql.connect(Mode.repo([database: ":memory:"] ++ opts))
    s
  end

  defp bound(s, param) do
    {:ok, [type, value]} = EctoLibSql.query_one(s, "SELECT typeof(?1), ?1", [param])
    {type, value}
  end

  test "text is bound as it is" do
    s = connect()
    assert bound(s, {:uuid, @uuid}) == {"text", @uuid}
    assert bound(s, {:json, "[1]"}) == {"text", "[1]"}
    assert bound(s, {:blob, "x"}) == {"blob", "x"}
  end

  test "binary forms are those of the options, also by name and in batches" do
    s = connect(uuid_type: :binary, map_type: :binary, array_type: :binary)
    {:ok, raw} = Ecto.UUID.dump(@uuid)
    assert bound(s, {:uuid, @uuid}) == {"blob", raw}
    assert {"blob", _} = bound(s, {:json, "{}"})
    assert {"blob", _} = bound(s, {:json, " [1]"})

    assert {:ok, [^raw]} = EctoLibSql.query_one(s, "SELECT :id", %{id: {:uuid, @uuid}})
    assert {:ok, [%{rows: [[^raw]]}]} = EctoLibSql.batch(s, [{"SELECT ?", [{:uuid, @uuid}]}])
  end

  test "what is none is an error that names the parameter" do
    for {opts, param, message} <- [
          {[], {:uuid, "x"}, "parameter 1: {:uuid, _} takes a UUID of 36 characters"},
          {[], {:uuid, 1}, "parameter 1: {:uuid, _} takes a binary"},
          {[map_type: :binary], {:json, "{"},
           "parameter 1: {:json, _} takes JSON: wrong at byte 1"}
        ] do
      assert {:error, %EctoLibSql.Error{code: :unsupported_parameter, message: ^message}} =
               EctoLibSql.query(connect(opts), "SELECT ?", [param])
    end
  end

  test "options that are none are errors that say what they take" do
    for {opts, message} <- [
          {[uuid_type: :text], ~r/uuid_type takes one of :string, :binary/},
          {[map_type: nil], ~r/map_type takes one of :string, :binary/},
          {[uuid_type: :binary, binary_id_type: :string], ~r/both kinds of id are stored alike/}
        ] do
      assert {:error, %EctoLibSql.Error{code: :invalid_option, message: text}} =
               EctoLibSql.connect(Mode.repo([database: ":memory:"] ++ opts))

      assert text =~ message
    end
  end

  test "the forms outlive a reset" do
    s = connect(uuid_type: :binary)
    assert :ok = EctoLibSql.reset_connection(s)
    assert {"blob", _} = bound(s, {:uuid, @uuid})
  end
end

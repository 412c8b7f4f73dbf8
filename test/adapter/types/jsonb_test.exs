defmodule Ecto.Adapters.LibSql.Types.JsonbTest do
  use ExUnit.Case, async: true
  use ExUnitProperties

  alias Ecto.Adapters.LibSql.Types.Json
  alias EctoLibSql.JSON.{Jsonb, Term}
  alias EctoLibSql.Test.Mode

  setup_all do
    {:ok, s} = EctoLibSql.connect(Mode.repo(database: ":memory:"))
    %{s: s}
  end

  defp sqlites_jsonb(s, json) do
    {:ok, [jsonb]} = EctoLibSql.query_one(s, "SELECT jsonb(?)", [json])
    jsonb
  end

  property "SQLite's JSONB reads as the JSON that it was made of", %{s: s} do
    check all(term <- EctoLibSql.TypeGenerators.json()) do
      json = Term.library().encode!(term)
      assert {:ok, read} = s |> sqlites_jsonb(json) |> Jsonb.to_json()
      assert Term.library().decode!(read) == Term.library().decode!(json)
    end
  end

  property "a map or list is told from JSON text, whatever is in it", %{s: s} do
    check all(term <- EctoLibSql.TypeGenerators.json(), wrap <- member_of([:list, :map])) do
      term = if wrap == :list, do: [term], else: %{"k" => term}
      json = Term.library().encode!(term)
      assert Json.decode(json) == Json.decode(sqlites_jsonb(s, json))
    end
  end

  test "JSON5's spellings are read as JSON", %{s: s} do
    for {json5, term} <- [
          {"[0x1F, -0xff]", [31, -255]},
          {"[.5, -.5, 5., +1, 5.e2]", [0.5, -0.5, 5.0, 1, 500.0]},
          {"{a:'it\\'s', b:\"x\\x41\\v\\0\"}", %{"a" => "it's", "b" => "xA\v\0"}},
          {"'a \"quoted\" one'", "a \"quoted\" one"},
          {"\"one \\\nline\"", "one line"}
        ] do
      assert {:ok, json} = s |> sqlites_jsonb(json5) |> Jsonb.to_json()
      assert Term.library().decode!(json) == term
    end
  end

  test "strings that SQL put in are escaped", %{s: s} do
    {:ok, [jsonb]} = EctoLibSql.query_one(s, "SELECT jsonb_array(?)", ["\"\\\n\u0001é"])
    assert Json.decode(jsonb) == {:ok, ["\"\\\n\u0001é"]}
  end

  test "payloads of every size", %{s: s} do
    for size <- [0, 11, 12, 255, 256, 65_535, 65_536] do
      text = String.duplicate("x", size)
      assert Json.decode(sqlites_jsonb(s, ~s(["#{text}"]))) == {:ok, [text]}
    end
  end

  property "bytes that are neither are an error" do
    check all(bytes <- binary()) do
      case Json.decode(bytes) do
        {:ok, _} ->
          assert match?({:ok, _}, Term.library().decode(bytes)) or Jsonb.to_json(bytes) != :error

        :error ->
          :ok
      end
    end
  end
end

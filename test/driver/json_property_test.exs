# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.JsonPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database, only: [connect!: 0]
    import EctoLibSql.Test.JsonGenerators

    alias EctoLibSql.JSON
    alias EctoLibSql.Test.JsonProperties

    setup do
      %{s: connect!()}
    end

    property "what is read is what a naive implementation finds", %{s: s} do
      JsonProperties.reading(s, 300)
    end

    property "what is listed is there, with paths that lead to it", %{s: s} do
      JsonProperties.nodes(s, 200)
    end

    property "what is changed is what a naive implementation makes, in the form that it had", %{
      s: s
    } do
      JsonProperties.changing(s, 300)
    end

    property "what is made is read again", %{s: s} do
      JsonProperties.making(s, 200)
    end

    property "any string is a key, and no string is more", %{s: s} do
      check all(
              key <- string(:printable, max_length: 20),
              not String.contains?(key, ["\0", "\uFFFE", "\uFFFF"]),
              value <- integer()
            ) do
        json = %{key => value, "other" => "secret"}
        assert JSON.extract(s, json, [key]) == {:ok, Map.get(json, key)}
        assert JSON.set(s, json, [key], -1) == {:ok, Map.put(json, key, -1)}
        assert JSON.remove(s, json, [key]) == {:ok, Map.delete(json, key)}
        assert JSON.set(s, %{}, [key, key], value) == {:ok, %{key => %{key => value}}}
      end
    end

    property "any term is a path, or an error that says why not", %{s: s} do
      parts = one_of([key(), integer(), constant(:append), term()])

      check all(path <- one_of([term(), list_of(parts), maybe_improper_list_of(key(), key())])) do
        case JSON.set(s, "{}", path, 1) do
          {:ok, text} -> assert JSON.valid?(s, text)
          {:error, error} -> assert error.code == :invalid_argument and error.message =~ "path"
        end
      end
    end

    property "bytes that are no JSONB are an error, and no crash", %{s: s} do
      check all(bytes <- binary(min_length: 1, max_length: 40)) do
        case JSON.json(s, {:blob, bytes}) do
          {:ok, text} -> assert JSON.valid?(s, {:blob, bytes}) and is_binary(text)
          {:error, error} -> assert error.message == "json: malformed JSONB"
        end
      end
    end

    property "JSONB is read without a connection as SQLite reads it", %{s: s} do
      check all(term <- json()) do
        {:ok, jsonb} = JSON.jsonb(s, [term])
        assert JSON.decode(jsonb) == {:ok, [term]}

        assert EctoLibSql.query_one(s, "SELECT ?", [{:jsonb, JSON.encode!([term])}]) ==
                 {:ok, [elem(jsonb, 1)]}
      end
    end
  end
end

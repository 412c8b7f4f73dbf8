defmodule EctoLibSql.JsonTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database, only: [connect!: 0]

  alias EctoLibSql.{Error, JSON}

  setup do
    %{s: connect!()}
  end

  defp nested(depth), do: String.duplicate("[", depth) <> String.duplicate("]", depth)

  defp wrong(answer) do
    assert {:error, %Error{code: :invalid_argument, message: message}} = answer
    message
  end

  describe "values" do
    test "null is not nothing", %{s: s} do
      assert JSON.extract(s, ~s({"a":null}), ["a"]) == {:ok, nil}
      assert JSON.type(s, ~s({"a":null}), ["a"]) == {:ok, "null"}
      assert JSON.type(s, ~s({"a":null}), ["b"]) == {:ok, nil}
      assert JSON.depth(s, ~s({"a":null}), ["a"]) == {:ok, 1}
      assert JSON.depth(s, ~s({"a":null}), ["b"]) == {:ok, nil}
      assert JSON.each(s, ~s({"a":null}), ["b"]) == {:ok, []}
    end

    test "integers of any length stay", %{s: s} do
      long = 123_456_789_012_345_678_901_234_567_890

      for json <- ["[#{long}]", [long]] do
        assert JSON.extract(s, json, [0]) == {:ok, long}
        assert {:ok, changed} = JSON.set(s, json, [:append], -long)
        assert JSON.extract(s, changed, [1]) == {:ok, -long}
      end

      assert {:ok, jsonb} = JSON.jsonb(s, [long])
      assert JSON.decode(jsonb) == {:ok, [long]}
      assert JSON.json(s, jsonb) == {:ok, "[#{long}]"}
      # SQL has none of them.
      assert {:ok, [%{type: "integer", value: value}]} = JSON.each(s, [long])
      assert value == long * 1.0
    end

    test "floats stay to the last bit", %{s: s} do
      for float <- [
            0.1 + 0.2,
            5.0e-324,
            1.7976931348623157e308,
            -0.0,
            1.0e22,
            123_456_789.12345679
          ] do
        assert JSON.set(s, %{}, ["a"], float) == {:ok, %{"a" => float}}
        assert {:ok, jsonb} = JSON.jsonb(s, [float])
        assert JSON.extract(s, jsonb, [0]) == {:ok, float}
        assert JSON.array(s, [float]) == {:ok, JSON.encode!([float])}
      end
    end

    test "a number beyond the range of floats is told", %{s: s} do
      assert {:error, %Error{code: :unsupported, message: message}} =
               JSON.extract(s, "[1e400]", [0])

      assert message =~ "1e400"
      assert JSON.type(s, "[1e400]", [0]) == {:ok, "real"}
    end

    test "of a key that is there twice, a path finds the first, a term has one", %{s: s} do
      twice = ~s({"a":1,"a":2})
      assert JSON.extract(s, twice, ["a"]) == {:ok, 1}
      assert {:ok, %{"a" => one}} = JSON.extract(s, twice)
      assert one in [1, 2]
      assert JSON.keys(s, twice) == {:ok, ["a", "a"]}
      assert JSON.length(s, twice) == {:ok, 2}
      assert JSON.set(s, twice, ["a"], 3) == {:ok, ~s({"a":3,"a":2})}
      assert JSON.remove(s, twice, ["a"]) == {:ok, ~s({"a":2})}
      assert {:ok, jsonb} = JSON.jsonb(s, twice)
      assert JSON.decode(jsonb) == {:ok, %{"a" => one}}
    end

    test "NUL within text, and at the end of a key", %{s: s} do
      assert JSON.set(s, %{}, ["a"], "x\0y") == {:ok, %{"a" => "x\0y"}}
      assert JSON.json_quote(s, "x\0y") == {:ok, ~S("x\u0000y")}
      assert JSON.object(s, %{"a\0b" => 1}) == {:ok, ~S({"a\u0000b":1})}
      assert JSON.extract(s, %{"a\0b" => 1}, ["a"]) == {:ok, 1}
    end

    test "text, JSONB and terms come out as they went in", %{s: s} do
      assert {:ok, {:blob, _} = jsonb} = JSON.jsonb(s, %{"a" => [1]})
      assert {:ok, {:blob, _} = jsonb} = JSON.set(s, jsonb, ["a", :append], %{"b" => true})
      assert {:ok, {:blob, _} = jsonb} = JSON.remove(s, jsonb, ["a", 0])
      assert {:ok, {:blob, _} = jsonb} = JSON.patch(s, jsonb, %{"c" => "d"})
      assert JSON.json(s, jsonb) == {:ok, ~s({"a":[{"b":true}],"c":"d"})}
      assert JSON.remove(s, jsonb, []) == {:ok, nil}
    end

    test "JSON as it is may be put in", %{s: s} do
      {:ok, jsonb} = JSON.jsonb(s, "[true]")
      assert JSON.set(s, "{}", ["a"], {:json, "[1, 2]"}) == {:ok, ~s({"a":[1,2]})}
      assert JSON.set(s, "{}", ["a"], jsonb) == {:ok, ~s({"a":[true]})}
      assert JSON.array(s, [{:json, "[1, 2]"}, jsonb, "[]"]) == {:ok, ~S([[1,2],[true],"[]"])}
      assert JSON.json_quote(s, jsonb) == {:ok, "[true]"}
    end

    test "JSON5 is read", %{s: s} do
      assert JSON.extract(s, "{a: 0x1F, /* why */ b: 'it\\'s', c: [.5, +1,],}") ==
               {:ok, %{"a" => 31, "b" => "it's", "c" => [0.5, 1]}}
    end

    test "large documents", %{s: s} do
      list = Enum.to_list(1..50_000)
      assert JSON.extract(s, list, [-1]) == {:ok, 50_000}
      assert JSON.length(s, list) == {:ok, 50_000}
      assert {:ok, nodes} = JSON.each(s, list)
      assert Enum.map(nodes, & &1.value) == list
      assert {:ok, text} = JSON.array(s, list)
      assert JSON.decode(text) == {:ok, list}

      text = String.duplicate("é\"", 500_000)
      assert {:ok, jsonb} = JSON.jsonb(s, [text])
      assert JSON.extract(s, jsonb, [0]) == {:ok, text}
    end

    test "several changes are made one after the other", %{s: s} do
      changes = [{["a"], 1}, {["b", "c"], [true]}, {["b", "c", :append], nil}]
      assert JSON.set(s, "{}", changes) == {:ok, ~s({"a":1,"b":{"c":[true,null]}})}
      assert JSON.insert(s, ~s({"a":0}), changes) == {:ok, ~s({"a":0,"b":{"c":[true,null]}})}
      assert JSON.replace(s, ~s({"a":0}), changes) == {:ok, ~s({"a":1})}
      assert JSON.set(s, "{}", []) == {:ok, "{}"}
    end

    test "a path that cannot be there changes nothing", %{s: s} do
      for path <- [["a", "b"], ["a", 0], [0], ["list", 2], ["list", "x"], ["list", -2]] do
        assert JSON.set(s, ~s({"a":1,"list":[0]}), path, true) == {:ok, ~s({"a":1,"list":[0]})}
      end
    end

    test "valid?", %{s: s} do
      {:ok, jsonb} = JSON.jsonb(s, "[1]")
      assert JSON.valid?(s, "[1]")
      assert JSON.valid?(s, jsonb)
      refute JSON.valid?(s, "[1")
      refute JSON.valid?(s, "")
      refute JSON.valid?(s, "[1,]")
      refute JSON.valid?(s, "\"\xFF\"")
      refute JSON.valid?(s, {:blob, ""})
      refute JSON.valid?(s, {:blob, <<0x2B, 0x23, ?1>>})
      # Text that stands in a blob is text, not JSONB.
      refute JSON.valid?(s, {:blob, "{\"a\":1}"})

      assert_raise ArgumentError, ~r/:json5 takes true or false/, fn ->
        JSON.valid?(s, "1", json5: 1)
      end
    end
  end

  describe "what is wrong is named" do
    test "malformed JSON, and where", %{s: s} do
      assert wrong(JSON.extract(s, ~s({"a":}), ["a"])) == "json: malformed JSON at character 6"
      assert wrong(JSON.type(s, "")) =~ "json: malformed JSON"
      assert wrong(JSON.each(s, "[1")) =~ "json: malformed JSON"
      assert wrong(JSON.tree(s, "nope")) =~ "json: malformed JSON"
      assert wrong(JSON.length(s, "[1")) =~ "json: malformed JSON"
      assert wrong(JSON.keys(s, "{")) =~ "json: malformed JSON"
      assert wrong(JSON.depth(s, "{")) =~ "json: malformed JSON"
      assert wrong(JSON.jsonb(s, "{")) =~ "json: malformed JSON"
      assert wrong(JSON.remove(s, "{", ["a"])) =~ "json: malformed JSON"

      assert wrong(JSON.set(s, "{}", ["a"], {:json, "[1 2]"})) ==
               ~s(the value for ["a"]: malformed JSON at character 4)

      assert wrong(JSON.patch(s, "{}", "{a")) =~ "patch: malformed JSON"
      assert wrong(JSON.array(s, [1, {:json, "[1"}])) =~ "element 1: malformed JSON at"
      assert wrong(JSON.object(s, a: {:json, "x"})) =~ ":a: malformed JSON at"
      assert wrong(JSON.json_quote(s, {:json, "x"})) =~ "the value: malformed JSON"
      assert wrong(JSON.extract(s, "[\"\xFF\"]", [0])) == "json: malformed JSON: it is no UTF-8"
    end

    test "malformed JSONB", %{s: s} do
      for bytes <- ["", <<0x2B, 0x23, ?1>>, <<0xFF>>, <<0xCC, 200>>, ~s({"a":1})] do
        assert wrong(JSON.extract(s, {:blob, bytes}, [0])) == "json: malformed JSONB"
        assert wrong(JSON.set(s, {:blob, bytes}, [0], 1)) == "json: malformed JSONB"

        assert wrong(JSON.set(s, "[]", [0], {:blob, bytes})) ==
                 "the value for [0]: malformed JSONB"

        assert wrong(JSON.array(s, [{:blob, bytes}])) == "element 0: malformed JSONB"
        assert wrong(JSON.decode({:blob, bytes})) == "json: malformed JSONB"
      end

      # Strings whose quotation marks would end them.
      for bytes <- [<<0x37, ~s(a"b)>>, <<0x37, "a\\b">>, <<0x38, ~s(a"b)>>, <<0x38, "ab\\">>] do
        assert {:error, _} = JSON.decode({:blob, bytes})
      end
    end

    test "what is nested too deeply", %{s: s} do
      assert JSON.depth(s, nested(1000)) == {:ok, 1000}
      assert {:ok, jsonb} = JSON.jsonb(s, nested(1000))
      assert JSON.depth(s, jsonb) == {:ok, 1000}
      assert wrong(JSON.json(s, nested(1001))) == "json: malformed JSON at character 1001"

      deep =
        Enum.reduce(1..100_000, <<0x0B>>, fn _, inner ->
          <<0xEB, byte_size(inner)::32, inner::binary>>
        end)

      assert wrong(JSON.json(s, {:blob, deep})) == "json: malformed JSONB"
      assert wrong(JSON.set(s, {:blob, deep}, [0], 1)) == "json: malformed JSONB"
    end

    test "paths", %{s: s} do
      assert wrong(JSON.extract(s, "{}", "$.a")) =~ "a path is a list of keys and indexes"

      assert wrong(JSON.extract(s, "{}", [:a])) ==
               "the path [:a]: :a is no part of it: there are keys, which are strings, indexes, and :append"

      assert wrong(JSON.extract(s, "{}", ["a" | "b"])) =~ "a path is a list of keys and indexes"
      assert wrong(JSON.extract(s, "{}", [1.5])) =~ "1.5 is no part of it"
      assert wrong(JSON.extract(s, "{}", ["a\0b"])) =~ "has a NUL in it"
      assert wrong(JSON.extract(s, "{}", ["\xFF"])) =~ "is no UTF-8"
      assert wrong(JSON.extract(s, "[1]", [4_294_967_296])) =~ "beyond 4294967295"
      assert wrong(JSON.extract(s, "[1]", [-4_294_967_296])) =~ "beyond 4294967295"
      assert JSON.extract(s, "[1]", [4_294_967_295]) == {:ok, nil}

      assert wrong(JSON.set(s, "{}", List.duplicate("a", 1001), 1)) =~
               "at most 1000 parts, got: 1001"

      assert {:ok, deep} = JSON.set(s, "{}", List.duplicate("a", 999), 1)
      assert JSON.depth(s, deep) == {:ok, 1000}
      assert wrong(JSON.set(s, "{}", [{["a"], 1}, :b])) =~ "a change is {path, value}, got: :b"
      assert_raise ArgumentError, ~r/:a is no part/, fn -> JSON.path!([:a]) end
    end

    test "terms that are no JSON", %{s: s} do
      assert wrong(JSON.set(s, "{}", ["a"], {1, 2})) =~
               ~s(the value for ["a"]: it is no JSON: there is none of {1, 2})

      assert wrong(JSON.set(s, "{}", ["a"], self())) =~ "it is no JSON"
      assert wrong(JSON.array(s, ["\xFF"])) =~ "element 0: it is no JSON"
      assert wrong(JSON.extract(s, %{"a" => {1, 2}}, ["a"])) =~ "json: it is no JSON"

      assert wrong(JSON.extract(s, nil, ["a"])) =~
               "takes JSON text, {:blob, jsonb}, a map or a list, got: nil"

      assert wrong(JSON.extract(s, ~D[2026-01-01], [])) =~ "got: ~D[2026-01-01]"
    end

    test "a connection that is closed", %{s: s} do
      :ok = EctoLibSql.disconnect(s)
      assert {:error, %Error{code: :connection_closed}} = JSON.extract(s, "[]")
      assert_raise Error, fn -> JSON.valid?(s, "[]") end
    end
  end

  test "JSON is bound as JSONB, whatever the connection stores", %{s: s} do
    :ok = EctoLibSql.run(s, "CREATE TABLE t (j)")

    :ok =
      EctoLibSql.run(s, "INSERT INTO t VALUES (?), (?)", [{:jsonb, ~s({"a": [1]})}, {:json, "{}"}])

    assert EctoLibSql.query!(s, "SELECT typeof(j), json(j) FROM t").rows ==
             [["blob", ~s({"a":[1]})], ["text", "{}"]]

    assert {:error, %Error{code: :unsupported_parameter, message: message}} =
             EctoLibSql.run(s, "INSERT INTO t VALUES (?)", [{:jsonb, "{"}])

    assert message =~ "{:jsonb, _} takes JSON: wrong at byte 1"
    assert EctoLibSql.query!(s, "SELECT count(*) FROM t").rows == [[2]]
  end

  test "each call is one statement", %{s: s} do
    {:ok, jsonb} = JSON.jsonb(s, "[1]")
    :ok = EctoLibSql.Trace.start(s)
    {:ok, _} = JSON.set(s, jsonb, [{[0], %{"a" => 1}}, {[:append], {:json, "[2]"}}])
    {:ok, _} = JSON.array(s, [1, jsonb, {:json, "2"}])
    {:ok, _} = JSON.object(s, a: 1, b: jsonb)
    {:ok, _} = JSON.depth(s, jsonb, [0])
    {:ok, _} = EctoLibSql.query(s, "SELECT 'the end'")
    assert length(statements([])) == 4
    :ok = EctoLibSql.Trace.stop(s)
  end

  # The runs that were traced before the end.
  defp statements(runs) do
    receive do
      {EctoLibSql.Trace, _conn_id, :stmt, %{sql: "SELECT 'the end'"}} -> Enum.uniq(runs)
      {EctoLibSql.Trace, _conn_id, :stmt, %{run: run}} -> statements([run | runs])
    after
      5_000 -> flunk("the end did not come")
    end
  end
end

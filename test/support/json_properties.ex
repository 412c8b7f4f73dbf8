if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.Test.JsonProperties do
    @moduledoc false
    # What holds of JSON's functions on any connection: they do what a naive implementation does, in
    # all of the forms that JSON can have.

    import EctoLibSql.Test.JsonGenerators
    import ExUnit.Assertions
    import ExUnitProperties

    alias EctoLibSql.JSON
    alias EctoLibSql.Test.NaiveJson

    def reading(s, runs) do
      check all({term, path} <- json_and_path(), form <- form(), max_runs: runs) do
        json = in_form(s, term, form)
        found = NaiveJson.get(term, path)
        assert JSON.extract(s, json, path) == {:ok, value(found)}
        assert JSON.type(s, json, path) == {:ok, NaiveJson.type(found)}
        assert JSON.length(s, json, path) == {:ok, NaiveJson.count(found)}
        assert {:ok, keys} = JSON.keys(s, json, path)
        assert (keys && Enum.sort(keys)) == NaiveJson.keys(found)
        assert JSON.depth(s, json, path) == {:ok, NaiveJson.depth(found)}
      end
    end

    def nodes(s, runs) do
      check all({term, path} <- json_and_path(), form <- form(), max_runs: runs) do
        json = in_form(s, term, form)
        found = NaiveJson.get(term, path)
        expected = fn nodes -> for {at, value} <- nodes, do: {path ++ at, value} end

        {each, tree} =
          if found == :none, do: {[], []}, else: {NaiveJson.each(found), NaiveJson.tree(found)}

        assert {:ok, nodes} = JSON.each(s, json, path)
        assert_nodes(nodes, expected.(each))
        assert {:ok, nodes} = JSON.tree(s, json, path)
        assert_nodes(nodes, expected.(tree))
      end
    end

    defp assert_nodes(nodes, expected) do
      assert for(node <- nodes, do: {node.path, node.value}) == expected

      for node <- nodes, do: assert(node.type == NaiveJson.type(node.value))
    end

    def changing(s, runs) do
      check all(
              {term, path} <-
                json_and_path([key(), StreamData.integer(-4..4), StreamData.constant(:append)]),
              value <- json(),
              form <- form(),
              max_runs: runs
            ) do
        json = in_form(s, term, form)

        for {changed, expected} <- [
              {JSON.set(s, json, path, value), NaiveJson.set(term, path, value)},
              {JSON.insert(s, json, path, value), NaiveJson.insert(term, path, value)},
              {JSON.replace(s, json, path, value), NaiveJson.replace(term, path, value)},
              {JSON.remove(s, json, path), NaiveJson.remove(term, path)},
              {JSON.patch(s, json, [value]), NaiveJson.patch(term, [value])},
              {JSON.patch(s, json, %{"a" => value}), NaiveJson.patch(term, %{"a" => value})}
            ] do
          assert {:ok, changed} = changed
          assert term_of(changed, form) == expected
        end
      end
    end

    def making(s, runs) do
      check all(
              values <- StreamData.list_of(json(), max_length: 5),
              keys <- StreamData.list_of(key(), length: length(values)),
              max_runs: runs
            ) do
        assert {:ok, text} = JSON.array(s, values)
        assert JSON.decode(text) == {:ok, values}

        pairs = Enum.zip(keys, values)
        assert {:ok, text} = JSON.object(s, pairs)
        assert {:ok, nodes} = JSON.each(s, text)
        assert Enum.map(nodes, &{&1.key, &1.value}) == pairs

        assert {:ok, {:blob, _} = jsonb} = JSON.jsonb(s, values)
        assert JSON.decode(jsonb) == {:ok, values}
        assert JSON.json(s, jsonb) == {:ok, JSON.encode!(values)}
      end
    end

    defp form, do: StreamData.member_of([:text, :jsonb, :term])
    defp in_form(_s, term, :term), do: term
    defp in_form(_s, term, :text), do: JSON.encode!(term)

    defp in_form(s, term, :jsonb) do
      {:ok, jsonb} = JSON.jsonb(s, term)
      jsonb
    end

    # What was changed is in the form that it had.
    defp term_of(nil, _form), do: nil
    defp term_of(term, :term), do: term
    defp term_of(text, :text) when is_binary(text), do: decoded(text)
    defp term_of({:blob, _} = jsonb, :jsonb), do: decoded(jsonb)

    defp decoded(json) do
      {:ok, term} = JSON.decode(json)
      term
    end

    defp value(:none), do: nil
    defp value(term), do: term
  end
end

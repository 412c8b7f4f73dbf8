if Code.ensure_loaded?(StreamData) do
  defmodule EctoLibSql.Test.JsonGenerators do
    @moduledoc false
    # JSON terms with keys of every kind, and paths of which many lead somewhere in them.

    import ExUnitProperties, only: [gen: 2]
    import StreamData

    @keys [
            "",
            " ",
            ".",
            "a.b",
            "[0]",
            "0",
            "#",
            "$",
            "$.a",
            "\"",
            "\\",
            "\\\"",
            "a\"b",
            "a\\",
            "'"
          ] ++
            ["\n", "\t", "\u0001", "\u007F", "\\u0041", "é", "日本", "😀", "?", "--", "a]", "\"]"]

    def key do
      frequency([
        {3, member_of(~w(a b c))},
        {3, member_of(@keys)},
        {1, map(string(:printable, max_length: 6), &without_special/1)}
      ])
    end

    # A key that ends at a NUL to SQLite, and two that it takes for others, are refused or documented.
    defp without_special(text), do: String.replace(text, ["\0", "\uFFFE", "\uFFFF"], "")

    def json do
      leaf =
        frequency([
          {1, constant(nil)},
          {1, boolean()},
          {2, integer()},
          {1, integer(-0x8000000000000000..0x7FFFFFFFFFFFFFFF)},
          {2, float()},
          {2, map(string(:printable, max_length: 12), &without_special/1)}
        ])

      tree(leaf, fn inner ->
        one_of([list_of(inner, max_length: 4), map_of(key(), inner, max_length: 4)])
      end)
    end

    def object_or_array,
      do: one_of([list_of(json(), max_length: 4), map_of(key(), json(), max_length: 4)])

    @doc "A term, and a path that goes some way into it, and perhaps astray."
    def json_and_path(parts \\ [key(), integer(-4..4)]) do
      gen all(
            term <- object_or_array(),
            steps <- list_of(integer(0..3), max_length: 4),
            end_of_it <-
              frequency([
                {3, constant([])},
                {2, list_of(one_of(parts), length: 1)},
                {1, list_of(one_of(parts), length: 2)}
              ])
          ) do
        {term, walk(term, steps) ++ end_of_it}
      end
    end

    defp walk(map, [step | steps]) when is_map(map) and map_size(map) > 0 do
      {key, value} = Enum.at(map, rem(step, map_size(map)))
      [key | walk(value, steps)]
    end

    # From either end.
    defp walk([_ | _] = list, [step | steps]) do
      index = rem(step, length(list))
      shown = if step > 1, do: index - length(list), else: index
      [shown | walk(Enum.at(list, index), steps)]
    end

    defp walk(_term, _steps), do: []
  end
end

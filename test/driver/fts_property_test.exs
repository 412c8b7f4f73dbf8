# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.FTSPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database, only: [rows: 2]

    alias EctoLibSql.{Error, FTS}
    alias EctoLibSql.Test.NaiveSearch

    @moduletag timeout: 180_000

    @words ~w(a b ab abc ba c)

    setup do
      {:ok, s} = EctoLibSql.connect(database: ":memory:")
      on_exit(fn -> EctoLibSql.disconnect(s) end)
      %{s: s}
    end

    defp word, do: member_of(@words)

    defp text do
      word = frequency([{8, word()}, {1, member_of(["!", "A.b", "-", ~S("), "NEAR", "OR"])}])
      word |> list_of(max_length: 7) |> map(&Enum.join(&1, " "))
    end

    defp found(s, searched) do
      {:ok, %{rows: rows}} = FTS.query(s, "f", searched, select: [:rowid])
      rows |> List.flatten() |> Enum.sort()
    end

    defp fill(s, documents) do
      :ok = EctoLibSql.run(s, "DELETE FROM f")
      insert = "INSERT INTO f (rowid, title, body) VALUES (?, ?, ?)"

      rows =
        for {id, %{"title" => title, "body" => body}} <- documents,
            do: {insert, [id, title, body]}

      {:ok, _} = EctoLibSql.batch_transactional(s, rows)
    end

    defp documents do
      %{"title" => text(), "body" => one_of([text(), nil])}
      |> fixed_map()
      |> list_of(length: 12)
      |> map(&Enum.with_index(&1, fn document, ix -> {ix + 1, document} end))
    end

    ## Expressions

    defp phrase(marks) do
      texts = list_of(one_of([word(), text()]), min_length: 1, max_length: 2)

      tuple(
        {constant(:phrase), texts, map(list_of(member_of(marks), max_length: 2), &Enum.uniq/1)}
      )
    end

    defp query do
      near =
        tuple(
          {constant(:near), list_of(phrase([:prefix]), min_length: 1, max_length: 3),
           integer(0..4)}
        )

      columns = nonempty(uniq_list_of(member_of(~w(title body)), max_length: 2, max_tries: 50))

      tree(frequency([{3, phrase([:prefix, :first])}, {1, near}]), fn query ->
        one_of([
          tuple({member_of([:all, :any]), list_of(query, min_length: 1, max_length: 3)}),
          tuple({constant(:but_not), query, query}),
          tuple({member_of([:columns, :except_columns]), query, columns})
        ])
      end)
    end

    property "an expression finds what a look through all documents finds", %{s: s} do
      :ok = FTS.create(s, "f", columns: ["title", "body"])

      check all(documents <- documents(), queries <- list_of(query(), length: 8), max_runs: 150) do
        fill(s, documents)

        for query <- queries do
          expected = for {id, document} <- documents, NaiveSearch.match?(document, query), do: id
          assert {query, found(s, NaiveSearch.expression(query))} == {query, expected}
        end
      end
    end

    ## Web searches

    defp item do
      term = one_of([word(), map(text(), &~s("#{String.replace(&1, ~S("), " ")}"))])

      gen all(
            term <- term,
            sign <- frequency([{4, constant("")}, {1, constant("-")}]),
            column <- frequency([{4, constant("")}, {1, member_of(["title:", "BODY:"])}]),
            star <- frequency([{4, constant("")}, {1, constant("*")}])
          ) do
        {sign, column, term, star}
      end
    end

    defp written(items),
      do:
        Enum.map_join(items, " ", fn
          :or -> "OR"
          item -> item |> Tuple.to_list() |> Enum.join()
        end)

    # What such a search means, without FTS5 in between.
    defp wanted?(items, document) do
      items
      |> Enum.chunk_by(&(&1 == :or))
      |> Enum.reject(&match?([:or | _], &1))
      |> Enum.any?(fn items ->
        {excluded, wanted} = Enum.split_with(items, &(elem(&1, 0) == "-"))
        # Words without a token are passed over.
        wanted = Enum.filter(wanted, fn {_, _, term, _} -> NaiveSearch.tokens(term) != [] end)

        wanted != [] and Enum.all?(wanted, &NaiveSearch.match?(document, of_item(&1))) and
          not Enum.any?(excluded, &NaiveSearch.match?(document, of_item(&1)))
      end)
    end

    defp of_item({_sign, column, term, star}) do
      phrase = {:phrase, [term], if(star == "*", do: [:prefix], else: [])}
      columns = column |> String.downcase() |> String.split(":", trim: true)
      if columns == [], do: phrase, else: {:columns, phrase, columns}
    end

    property "a web search finds what it says", %{s: s} do
      :ok = FTS.create(s, "f", columns: ["title", "body"])
      items = frequency([{6, item()}, {1, constant(:or)}]) |> list_of(max_length: 5)

      check all(documents <- documents(), searches <- list_of(items, length: 8), max_runs: 150) do
        fill(s, documents)

        for items <- searches do
          expected = for {id, document} <- documents, wanted?(items, document), do: id
          search = FTS.websearch(written(items), columns: ["title", "body"])
          assert {items, found(s, search)} == {items, expected}
        end
      end
    end

    defp typed do
      pieces =
        ~w[" “ ” „ ( ) { } : * ^ + - , . ! ' \\ AND OR NOT NEAR NEAR( title: -title: "" -- ;] ++
          [
            " ",
            "\0",
            "\n",
            "é",
            "日本",
            "👩‍👩‍👧",
            "e\u0301",
            "\u00A0",
            "\u200B",
            <<255>>,
            <<0xC3>>,
            "a",
            "foo"
          ]

      one_of([
        map(list_of(member_of(pieces), max_length: 12), &Enum.join/1),
        string(:printable),
        string(:ascii),
        string(0..0x20),
        binary()
      ])
    end

    property "whatever is typed is a search", %{s: s} do
      tokenizers = [:unicode61, :ascii, {:porter, {:unicode61, tokenchars: "-\"*:"}}, :trigram]

      for {tokenizer, n} <- Enum.with_index(tokenizers),
          do: :ok = FTS.create(s, "f#{n}", columns: ["title", "body"], tokenize: tokenizer)

      for n <- 0..3,
          do: :ok = EctoLibSql.run(s, "INSERT INTO f#{n} VALUES ('foo', 'a-b and more')")

      check all(
              text <- typed(),
              prefix <- member_of([:marked, :last, :all]),
              columns <- member_of([[], ["title"], [:title, :body]]),
              max_runs: 500
            ) do
        search = FTS.websearch(text, columns: columns, prefix: prefix)
        for n <- 0..3, do: assert({:ok, _} = FTS.query(s, "f#{n}", search), inspect(text))

        if FTS.Expression.nothing?(search),
          do: assert({:ok, %{rows: []}} = FTS.query(s, "f0", search))
      end
    end

    property "texts in expressions are texts", %{s: s} do
      :ok = FTS.create(s, "f", columns: ["title", "body"])
      :ok = EctoLibSql.run(s, "INSERT INTO f VALUES ('foo', 'bar')")
      texts = filter(typed(), &String.valid?/1)

      check all([a, b, c] <- list_of(texts, length: 3), max_runs: 300) do
        alias FTS.Expression, as: E

        for expression <- [
              E.all([a, E.any([b, E.prefix(c)])]),
              E.but_not(E.first(a), E.near([b, E.phrase([c, a])], 3)),
              E.columns(E.but_not(a, E.prefix(b)), [:title])
            ],
            do: assert({:ok, _} = FTS.query(s, "f", expression))
      end
    end

    ## Triggers

    defp value, do: one_of([nil, text()])
    defp slug, do: member_of([nil, "p", "q", "r", "s"])
    defp mode, do: member_of(["", "OR REPLACE", "OR IGNORE", "OR FAIL", "OR ROLLBACK"])

    defp change do
      upsert =
        "ON CONFLICT DO UPDATE SET title = excluded.title, body = excluded.body, id = excluded.id"

      id = integer(1..9)

      frequency([
        {4,
         tuple(
           {map(mode(), &"INSERT #{&1} INTO posts VALUES (?, ?, ?, ?)"),
            fixed_list([id, slug(), value(), value()])}
         )},
        {2,
         tuple(
           {map(mode(), &"INSERT #{&1} INTO posts (slug, title) VALUES (?, ?), (?, ?)"),
            fixed_list([slug(), value(), slug(), value()])}
         )},
        {3,
         tuple(
           {map(mode(), &"UPDATE #{&1} posts SET id = ?, slug = ?, title = ? WHERE id = ?"),
            fixed_list([id, slug(), value(), id])}
         )},
        {2,
         tuple(
           {map(mode(), &"UPDATE #{&1} posts SET id = id + 1, slug = ? WHERE id < ?"),
            fixed_list([slug(), id])}
         )},
        {2,
         tuple(
           {constant("INSERT INTO posts VALUES (?, ?, ?, ?) #{upsert}"),
            fixed_list([id, slug(), value(), value()])}
         )},
        {2, tuple({constant("DELETE FROM posts WHERE id = ?"), fixed_list([id])})},
        {1, constant({"DELETE FROM posts", []})}
      ])
    end

    for recursive <- ["OFF", "ON"] do
      property "an index follows its rows, recursive_triggers #{recursive}", %{s: s} do
        {:ok, _} = EctoLibSql.query(s, "PRAGMA recursive_triggers = #{unquote(recursive)}")
        definition = "(id INTEGER PRIMARY KEY, slug TEXT UNIQUE, title TEXT, body TEXT)"

        check all(changes <- list_of(change(), length: 20), max_runs: 60) do
          :ok = EctoLibSql.run(s, "CREATE TABLE posts #{definition}")
          :ok = FTS.create(s, "f", content: "posts", columns: ["title", "body"])

          for {sql, params} <- changes do
            with {:error, error} <- EctoLibSql.run(s, sql, params),
                 do:
                   assert(%Error{code: code} = error) &&
                     assert(code in [:constraint_unique, :constraint_primarykey])

            assert FTS.integrity_check(s, "f") == :ok
            documents = rows(s, "SELECT id, title, body FROM posts ORDER BY id")

            for word <- @words do
              expected =
                for [id, title, body] <- documents,
                    NaiveSearch.match?(
                      %{"title" => title, "body" => body},
                      {:phrase, [word], []}
                    ),
                    do: id

              assert {sql, params, word, found(s, FTS.Expression.term(word))} ==
                       {sql, params, word, expected}
            end
          end

          :ok = FTS.drop(s, "f")
          :ok = EctoLibSql.run(s, "DROP TABLE posts")
        end
      end
    end
  end
end

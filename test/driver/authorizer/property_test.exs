# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.Authorizer.PropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.{Authorizer, Error}

    @tables ["a", "b"]
    @columns ["x", "y"]

    setup do
      s = connect!()

      for table <- @tables do
        {:ok, _} =
          EctoLibSql.execute_batch(
            s,
            "CREATE TABLE #{table} (x, y); INSERT INTO #{table} VALUES (1, 2)"
          )
      end

      %{s: s}
    end

    ## A naive model: what a policy says of a list of questions

    defp asked({:select, table, column}),
      do: [{:select, %{}}, {:read, %{table: table, column: column}}]

    defp asked({:insert, table}), do: [{:insert, %{table: table}}]
    defp asked({:update, table, column}), do: [{:update, %{table: table, column: column}}]
    defp asked({:delete, table}), do: [{:delete, %{table: table}}]

    defp sql({:select, table, column}), do: "SELECT #{column} FROM #{table}"
    defp sql({:insert, table}), do: "INSERT INTO #{table} VALUES (1, 2)"
    defp sql({:update, table, column}), do: "UPDATE #{table} SET #{column} = 7"
    defp sql({:delete, table}), do: "DELETE FROM #{table}"

    defp decide(policy, {action, object}) do
      default = Enum.find_value(policy, :allow, &default/1)

      Enum.find_value(policy, default, fn
        {:default, _} ->
          nil

        {verdict, actions} ->
          if action in List.wrap(actions), do: verdict

        {verdict, actions, conditions} ->
          if about?(actions, conditions, action, object), do: verdict
      end)
    end

    defp default({:default, verdict}), do: verdict
    defp default(_rule), do: nil

    defp about?(actions, conditions, action, object) do
      action in List.wrap(actions) and
        Enum.all?(conditions, fn
          {field, {:except, names}} -> object[field] not in folded(names)
          {field, names} -> object[field] in folded(names)
        end)
    end

    defp folded(names),
      do: for(name <- List.wrap(names), do: name |> to_string() |> String.downcase(:ascii))

    defp expected(policy, statement) do
      Enum.reduce_while(asked(statement), :allow, fn {action, object} = question, _verdict ->
        case decide(policy, question) do
          :deny -> {:halt, {:deny, action, object[:table]}}
          verdict -> {:cont, verdict}
        end
      end)
    end

    ## Policies and statements

    defp names(among),
      do:
        one_of([
          member_of(among),
          map(member_of(among), &String.upcase/1),
          list_of(member_of(among), min_length: 1, max_length: 2)
        ])

    defp condition(field, among) do
      map({names(among), boolean()}, fn {names, except?} ->
        if except?, do: {field, {:except, names}}, else: {field, names}
      end)
    end

    defp rule do
      bind(member_of([:allow, :deny, :ignore]), fn verdict ->
        allowed =
          if verdict == :ignore,
            do: [:read, :update, :insert],
            else: [:read, :update, :insert, :delete]

        bind(list_of(member_of(allowed), min_length: 1, max_length: 2), fn actions ->
          conditions =
            if Enum.all?(actions, &(&1 in [:read, :update])),
              do:
                list_of(one_of([condition(:table, @tables), condition(:column, @columns)]),
                  max_length: 2
                ),
              else: list_of(condition(:table, @tables), max_length: 1)

          map(conditions, &{verdict, actions, &1})
        end)
      end)
    end

    defp policy do
      default =
        one_of([
          constant([]),
          constant(default: :allow),
          constant([{:default, :deny}, {:allow, :select}])
        ])

      map({list_of(rule(), max_length: 6), default}, fn {rules, default} -> rules ++ default end)
    end

    defp statement do
      table = member_of(@tables)
      column = member_of(@columns)

      one_of([
        tuple({constant(:select), table, column}),
        tuple({constant(:insert), table}),
        tuple({constant(:update), table, column}),
        tuple({constant(:delete), table})
      ])
    end

    property "decides as the naive model does, of statements that are cached or not", %{s: s} do
      check all(
              policies <- list_of(policy(), min_length: 1, max_length: 3),
              statements <- list_of(statement(), min_length: 1, max_length: 6),
              max_runs: 150
            ) do
        for policy <- policies do
          assert :ok = EctoLibSql.set_authorizer(s, policy)
          for statement <- statements, do: check_one(s, policy, statement)
        end

        :ok = EctoLibSql.reset_connection(s)
      end
    end

    defp check_one(s, policy, statement) do
      {:ok, _} = EctoLibSql.begin(s)
      before = EctoLibSql.total_changes(s)
      answer = EctoLibSql.query(s, sql(statement))
      changed = EctoLibSql.total_changes(s) > before

      case {expected(policy, statement), elem(statement, 0)} do
        {{:deny, action, table}, _kind} ->
          assert {:error, %Error{code: :auth, denied: %{action: ^action, table: ^table}}} = answer
          refute changed

        {:ignore, :select} ->
          assert {:ok, %{rows: rows}} = answer
          assert Enum.all?(rows, &(&1 == [nil]))

        {:ignore, :insert} ->
          assert {:ok, _} = answer
          refute changed

        {_allow_or_ignore, _kind} ->
          assert {:ok, _} = answer
      end

      {:ok, _} = EctoLibSql.rollback(s)
    end

    property "any term is a policy or an error, and the connection goes on", %{s: s} do
      word =
        member_of([
          :allow,
          :deny,
          :ignore,
          :read,
          :insert,
          :update,
          :pragma,
          :table,
          :column,
          :name,
          :within,
          :database,
          :argument,
          :any,
          :except,
          :null,
          :columns,
          :default,
          :read_only,
          :no_ddl,
          nil,
          true
        ])

      term = one_of([word, word, word, term(), binary(), constant([1 | 2])])
      list = list_of(term, max_length: 3)
      pair = map({word, one_of([term, list])}, & &1)

      loose =
        one_of([
          term,
          list,
          pair,
          tuple({word, list, list_of(pair, max_length: 2)}),
          tuple({word, word, list})
        ])

      check all(policy <- one_of([loose, list_of(loose, max_length: 4)]), max_runs: 400) do
        set = EctoLibSql.set_authorizer(s, policy)
        assert set == Authorizer.validate(policy)

        case set do
          :ok -> :ok
          {:error, %Error{code: :invalid_argument, message: message}} -> assert is_binary(message)
        end

        assert :ok = EctoLibSql.set_authorizer(s, nil)
        assert EctoLibSql.query!(s, "SELECT 1").rows == [[1]]
      end
    end
  end
end

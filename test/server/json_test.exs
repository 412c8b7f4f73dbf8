# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.Server.JsonTest do
    # JSON's functions at sqld, whose SQLite is 3.45, and on a replica.
    use ExUnit.Case, async: true
    use ExUnitProperties

    alias EctoLibSql.{Error, JSON}
    alias EctoLibSql.Test.{JsonProperties, Replicas, Sqld}

    @moduletag :sqld
    @moduletag :capture_log
    @moduletag :tmp_dir

    setup_all do
      %{server: Sqld.start!()}
    end

    setup context do
      connect! = if context.replica, do: &Replicas.connect!/1, else: &Replicas.primary!/1
      %{s: connect!.(context)}
    end

    for {place, tags} <- ["at a server": [replica: false], "on a replica": [replica: true]] do
      describe "#{place}," do
        @describetag tags

        property "what is read is what a naive implementation finds", %{s: s} do
          JsonProperties.reading(s, 60)
        end

        property "what is listed is there, with paths that lead to it", %{s: s} do
          JsonProperties.nodes(s, 40)
        end

        property "what is changed is what a naive implementation makes", %{s: s} do
          JsonProperties.changing(s, 60)
        end

        property "what is made is read again", %{s: s} do
          JsonProperties.making(s, 40)
        end

        test "what is wrong is named", %{s: s} do
          for {answer, message} <- [
                {JSON.extract(s, ~s({"a":}), ["a"]), "json: malformed JSON at character 6"},
                {JSON.set(s, "{}", ["a"], {:json, "[1"}),
                 ~s(the value for ["a"]: malformed JSON at character 3)},
                {JSON.keys(s, {:blob, <<0x2B, 0x23, ?1>>}), "json: malformed JSONB"},
                {JSON.extract(s, "[\"\xFF\"]"), "json: malformed JSON: it is no UTF-8"}
              ] do
            assert {:error, %Error{code: :invalid_argument, message: ^message}} = answer
          end

          assert JSON.valid?(s, "{}")
          refute JSON.valid?(s, "{")
          refute JSON.valid?(s, "\"\xFF\"")
          assert {:ok, {:blob, _} = jsonb} = JSON.jsonb(s, "{a: 1}")
          assert JSON.valid?(s, jsonb)
          refute JSON.valid?(s, {:blob, "x"})
        end

        test "{:jsonb, text} is JSONB", %{s: s} do
          assert EctoLibSql.query_one(s, "SELECT typeof(?1), json(?1)", [{:jsonb, "[1, 2]"}]) ==
                   {:ok, ["blob", "[1,2]"]}
        end
      end
    end
  end
end

defmodule Ecto.Adapters.LibSql.Types.RoundTripTest do
  use EctoLibSql.TypesCase
  use ExUnitProperties

  alias EctoLibSql.Test.Mode

  import EctoLibSql.TypeGenerators, only: [or_nil: 1, value: 1]

  @fields Thing.__schema__(:fields) -- [:id, :part, :parts]

  for {form, opts} <- [
        text: [],
        binary: [uuid_type: :binary, map_type: :binary, array_type: :binary]
      ] do
    describe "with the repo's ids, maps and arrays in #{form} form," do
      @describetag repo: opts

      for field <- @fields do
        property "a value of #{field} comes back as it was" do
          check all(value <- or_nil(value(unquote(field))), max_runs: Mode.runs(40)) do
            assert same?(round_trip(unquote(field), value), value)
          end
        end
      end

      property "a value can be found by itself" do
        for field <- @fields, field not in [:map, :maps, :floats, :shout_map] do
          # Ecto casts no infinity in a query.
          check all(value <- value(field), value not in [:inf, :"-inf"], max_runs: Mode.runs(5)) do
            %{id: id} = Repo.insert!(struct!(Thing, [{field, value}]))
            query = from(t in Thing, where: field(t, ^field) == ^value, select: t.id)
            assert id in Repo.all(query)
            query = from(t in Thing, where: field(t, ^field) in ^[value], select: t.id)
            assert id in Repo.all(query)
            type = Thing.__schema__(:type, field)
            query = from(t in Thing, where: t.id == ^id, select: type(^value, ^type))
            assert same?(Repo.one!(query), value)
          end
        end
      end

      test "embeds come back as they were" do
        part = %Part{
          id: Ecto.UUID.generate(),
          name: "nüt \0 and \"bolt\"",
          price: Decimal.new("12345678901234567890123456789.10"),
          on: ~D[2026-11-21],
          at: ~U[2026-11-21 13:05:00.000001Z],
          kind: :large,
          parts: [%Part.Inner{count: 1}, %Part.Inner{count: 2}]
        }

        other = %{part | id: Ecto.UUID.generate(), kind: nil, parts: []}
        thing = Repo.insert!(%Thing{part: part, parts: [part, other]})
        read = Repo.get!(Thing, thing.id)
        assert read.part == part
        assert read.parts == [part, other]

        changed = thing |> Ecto.Changeset.change() |> Ecto.Changeset.put_embed(:part, nil)
        Repo.update!(changed)
        assert %{part: nil, parts: [_, _]} = Repo.get!(Thing, thing.id)
      end

      test "an empty embed is nil, and no embeds are an empty list" do
        assert %{id: id} = Repo.insert!(%Thing{})
        assert %{part: nil, parts: []} = Repo.get!(Thing, id)
      end
    end
  end

  defp same?(%Decimal{} = left, %Decimal{} = right), do: Decimal.equal?(left, right)

  defp same?([_ | _] = left, [_ | _] = right) when length(left) == length(right),
    do: left |> Enum.zip(right) |> Enum.all?(fn {a, b} -> same?(a, b) end)

  # -0.0 is 0.0 in JSON and in SQLite.
  defp same?(left, right) when left == 0 and right == 0, do: true
  defp same?(left, right), do: left === right
end

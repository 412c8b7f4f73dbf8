defmodule Ecto.Adapters.LibSql.Types.ArrayTest do
  use EctoLibSql.TypesCase

  # Arrays in queries, with elements that JSON has no form for, in both of a repo's forms.

  @uuid "601d74e4-a8d3-4b6e-8365-eddb4c893327"
  @other "00000000-0000-4000-8000-0000000000ff"

  for {form, opts} <- [text: [], binary: [uuid_type: :binary, array_type: :binary]] do
    describe "in #{form} form," do
      @describetag repo: opts

      setup do
        Repo.insert!(%Thing{
          id: 1,
          integers: [1, 2, 2],
          uuid: @uuid,
          uuids: [@uuid],
          binary: <<255, 0>>,
          binaries: [<<255, 0>>, ""],
          bitstrings: [<<5::3>>],
          decimals: [Decimal.new("1.50")]
        })

        :ok
      end

      test "an element is found, and another one is not" do
        found = fn query -> Repo.exists?(query) end
        assert found.(from(t in Thing, where: ^@uuid in t.uuids))
        assert found.(from(t in Thing, where: t.uuid in t.uuids))
        refute found.(from(t in Thing, where: ^@other in t.uuids))
        assert found.(from(t in Thing, where: ^<<255, 0>> in t.binaries))
        assert found.(from(t in Thing, where: t.binary in t.binaries))
        assert found.(from(t in Thing, where: ^"" in t.binaries))
        refute found.(from(t in Thing, where: ^"x" in t.binaries))
        assert found.(from(t in Thing, where: ^<<5::3>> in t.bitstrings))
        assert found.(from(t in Thing, where: ^Decimal.new("1.5") in t.decimals))
        refute found.(from(t in Thing, where: ^Decimal.new("1.51") in t.decimals))
      end

      test "elements are pushed and pulled" do
        Repo.update_all(Thing,
          push: [integers: 3, uuids: @other, binaries: <<1>>, bitstrings: <<1::1>>]
        )

        assert %{
                 integers: [1, 2, 2, 3],
                 uuids: [@uuid, @other],
                 binaries: [<<255, 0>>, "", <<1>>],
                 bitstrings: [<<5::3>>, <<1::1>>]
               } = Repo.one!(Thing)

        Repo.update_all(Thing,
          pull: [integers: 2, uuids: @uuid, binaries: "", bitstrings: <<5::3>>]
        )

        assert %{
                 integers: [1, 3],
                 uuids: [@other],
                 binaries: [<<255, 0>>, <<1>>],
                 bitstrings: [<<1::1>>]
               } = Repo.one!(Thing)
      end

      test "a whole array is found after a push and a pull" do
        Repo.update_all(Thing, push: [integers: 3])
        assert Repo.exists?(from(t in Thing, where: t.integers == ^[1, 2, 2, 3]))
        assert Repo.exists?(from(t in Thing, where: t.integers == [1, 2, 2, 3]))
        Repo.update_all(Thing, pull: [integers: 2])
        assert Repo.exists?(from(t in Thing, where: t.integers == ^[1, 3]))
        refute Repo.exists?(from(t in Thing, where: t.integers == ^[3, 1]))
      end
    end
  end
end

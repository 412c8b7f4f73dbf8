if Code.ensure_loaded?(ExUnitProperties) do
  defmodule Ecto.Adapters.LibSql.UUID.ConversionPropertyTest do
    use EctoLibSql.MigrationCase
    use ExUnitProperties

    import EctoLibSql.Migration

    alias EctoLibSql.Test.Mode

    # A UUID as it may be stored, and what it is as bytes.
    defp stored do
      gen all(bytes <- binary(length: 16), form <- member_of([:text, :upper, :bytes])) do
        text =
          bytes
          |> Base.encode16(case: :lower)
          |> String.replace(~r/\A(.{8})(.{4})(.{4})(.{4})(.{12})\z/, "\\1-\\2-\\3-\\4-\\5")

        case form do
          :text -> {text, bytes, text}
          :upper -> {String.upcase(text), bytes, text}
          :bytes -> {{:blob, bytes}, bytes, text}
        end
      end
    end

    property "rows, references and their number are those of a naive conversion, there and back" do
      migrate(fn ->
        create table(:parents, primary_key: false) do
          add(:id, :string, primary_key: true)
          add(:n, :integer)
          add(:next, references(:parents, type: :string, on_delete: :nilify_all))
        end

        create table(:children) do
          add(:parent_id, references(:parents, type: :string, on_delete: :delete_all))
        end
      end)

      check all(
              parents <- uniq_list_of(stored(), uniq_fun: &elem(&1, 1), max_length: 8),
              references <- list_of(integer(0..8), max_length: 8),
              max_runs: Mode.runs(40)
            ) do
        Repo.query!("UPDATE parents SET next = NULL")
        Repo.query!("DELETE FROM parents")
        Repo.query!("DELETE FROM children")

        for {{stored, _, _}, n} <- Enum.with_index(parents),
            do: Repo.query!("INSERT INTO parents (id, n) VALUES (?, ?)", [stored, n])

        # Who refers to whom; past the end is NULL.
        refer = fn at -> with {stored, _, _} <- Enum.at(parents, at), do: stored end

        for {at, n} <- Enum.with_index(references),
            do: Repo.query!("UPDATE parents SET next = ? WHERE n = ?", [refer.(at), n])

        for at <- references,
            do: Repo.query!("INSERT INTO children (parent_id) VALUES (?)", [refer.(at)])

        steps = fn -> convert_uuid(:parents, :id, to: :binary) end

        for {direction, form} <- [forward: 1, backward: 2, forward: 1, backward: 2] do
          migrate(steps, direction: direction)

          naive = fn at ->
            with parent when parent != nil <- Enum.at(parents, at), do: elem(parent, form)
          end

          assert rows("SELECT id, next FROM parents ORDER BY n") ==
                   for(
                     {parent, n} <- Enum.with_index(parents),
                     do: [elem(parent, form), naive.(Enum.at(references, n, 8))]
                   )

          assert rows("SELECT parent_id FROM children ORDER BY id") ==
                   Enum.map(references, &[naive.(&1)])

          assert rows("PRAGMA foreign_key_check") == []
        end
      end
    end
  end
end

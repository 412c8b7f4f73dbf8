if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.Command do
    @moduledoc false
    # A migration's command in words, for its errors, and what to do about some of them.

    alias Ecto.Migration.{Constraint, Index, Table}
    alias EctoLibSql.Error

    @doc """
    The error with the command in its message.
    """
    @spec explain(Exception.t(), Ecto.Adapter.Migration.command()) :: Exception.t()
    def explain(%Error{} = error, command),
      do: %{error | message: prefix(command) <> error.message <> advice(error)}

    def explain(%{message: message} = error, command) do
      prefix = prefix(command)

      if String.starts_with?(message, prefix),
        do: error,
        else: %{error | message: prefix <> message}
    end

    defp prefix(sql) when is_binary(sql), do: "execute: "
    defp prefix(command) when is_list(command), do: ""
    defp prefix({command, object, _}), do: "#{words(command)} #{object(object)}: "
    defp prefix({command, object}), do: "#{words(command)} #{object(object)}: "

    defp prefix({:rename, table, column, _new}),
      do: "rename column #{column} of #{object(table)}: "

    defp words(command), do: command |> to_string() |> String.replace("_", " ")

    defp object(%Table{} = table), do: "table #{name(table.prefix, table.name)}"

    defp object(%Index{using: %EctoLibSql.FTS.Table{}} = index),
      do: "FTS5 table #{name(index.prefix, index.name)}"

    defp object(%Index{} = index), do: "index #{name(index.prefix, index.name)} on #{index.table}"

    defp object(%Constraint{} = constraint),
      do: "constraint #{constraint.name} on table #{name(constraint.prefix, constraint.table)}"

    defp name(nil, name), do: name
    defp name(prefix, name), do: "#{prefix}.#{name}"

    defp advice(%Error{code: :constraint_notnull}),
      do: "; there are rows without a value: give the column a default, or fill it first"

    defp advice(%Error{code: :constraint_unique}),
      do: "; there are rows with the same values: correct or delete them first"

    defp advice(%Error{code: :constraint_check}),
      do: "; there are rows that violate it: correct them first, or say validate: false"

    defp advice(%Error{code: :constraint_datatype}),
      do: "; the table is STRICT and has such values: convert them first"

    defp advice(%Error{message: message}) do
      if message =~ ~r/unknown database/,
        do: "; a prefix is the name of an attached database: attach it on every connection first",
        else: ""
    end
  end
end

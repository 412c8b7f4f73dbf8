if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.RowKey do
    @moduledoc false
    # What tells the rows of a table apart, for an UPDATE or DELETE whose rows a join finds: the
    # rowid, or the primary key where the table may be WITHOUT ROWID, which a query cannot see. Such
    # a table has a primary key that is not one integer.

    alias Ecto.Adapters.LibSql.SQL.{Name, Scope}

    @spec columns(Scope.t()) :: {:rowid | :primary_key, [iodata()]}
    def columns(%Scope{query: %{from: %{source: {_table, schema}}}}) do
      with schema when schema != nil <- schema,
           [_ | _] = fields <- schema.__schema__(:primary_key),
           false <- integer?(schema, fields) do
        {:primary_key, Enum.map(fields, &Name.quote_name(schema.__schema__(:field_source, &1)))}
      else
        _ -> {:rowid, [rowid(schema)]}
      end
    end

    defp integer?(schema, [field]),
      do: Ecto.Type.type(schema.__schema__(:type, field)) in [:id, :integer]

    defp integer?(_schema, _fields), do: false

    # A column of the name would hide it.
    defp rowid(nil), do: "_rowid_"

    defp rowid(schema) do
      columns =
        for field <- schema.__schema__(:fields),
            do: schema.__schema__(:field_source, field) |> to_string() |> String.downcase()

      Enum.find(["_rowid_", "rowid", "oid"], "_rowid_", &(&1 not in columns))
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.SQL.Kept do
    @moduledoc false
    # SQL that is generated once. Ecto keeps what it makes of a query, but asks for the SQL of an
    # insert with each insert: 9 µs for 7 columns, of the 70 that an insert takes on Ecto's side.

    # Programs have a few sets of fields for each schema; one that makes up names as it goes must not
    # fill the memory.
    @most 2_000
    @count {__MODULE__, :count}

    @doc """
    The SQL of a key, generated where it is not there yet.
    """
    @spec fetch(term(), (-> iodata())) :: iodata()
    def fetch(key, generate) do
      case :persistent_term.get({__MODULE__, key}, nil) do
        nil -> generate.() |> IO.iodata_to_binary() |> keep(key)
        sql -> sql
      end
    end

    defp keep(sql, key) do
      counter = :persistent_term.get(@count, nil) || new_counter()

      if :atomics.add_get(counter, 1, 1) <= @most,
        do: :persistent_term.put({__MODULE__, key}, sql)

      sql
    end

    # Two processes that come first together may both make one: then a few more are kept.
    defp new_counter do
      counter = :atomics.new(1, signed: false)
      :persistent_term.put(@count, counter)
      counter
    end
  end
end

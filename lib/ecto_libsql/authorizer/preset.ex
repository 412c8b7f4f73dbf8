defmodule EctoLibSql.Authorizer.Preset do
  @moduledoc false
  # What the presets of EctoLibSql.Authorizer stand for. They only deny, so that one after another is
  # both.

  @create_and_drop for verb <- [:create, :drop],
                       object <- [:table, :index, :view, :trigger],
                       temporary <- ["", "temp_"],
                       do: :"#{verb}_#{temporary}#{object}"

  @ddl @create_and_drop ++ [:alter_table, :create_vtable, :drop_vtable]

  @schema_tables ["sqlite_master", "sqlite_temp_master"]

  # They only tell something, whatever their argument.
  @telling ~w(collation_list compile_options database_list foreign_key_check foreign_key_list
              function_list index_info index_list index_xinfo integrity_check module_list pragma_list
              quick_check table_info table_list table_xinfo)

  # They tell something where they have no argument.
  @asking ~w(application_id auto_vacuum automatic_index busy_timeout cache_size cache_spill
             cell_size_check data_version defer_foreign_keys encoding foreign_keys freelist_count
             ignore_check_constraints journal_mode journal_size_limit legacy_alter_table locking_mode
             max_page_count mmap_size page_count page_size query_only recursive_triggers schema_version
             secure_delete synchronous temp_store threads trusted_schema user_version
             wal_autocheckpoint writable_schema)

  # They reach out of the database, or set what others see.
  @outreaching ~w(load_extension fts3_tokenizer readfile writefile edit)

  @doc """
  `:read_only`. Besides, the engine refuses what SQLite says writes.
  """
  def read_only do
    [
      {:deny, [:insert, :update, :delete, :reindex, :analyze, :attach, :detach | @ddl], []},
      {:deny, :pragma, name: {:except, @telling ++ @asking}},
      {:deny, :pragma, name: @asking, argument: :any},
      {:deny, :function, name: @outreaching}
    ]
  end

  @doc """
  `:no_ddl`
  """
  def no_ddl do
    [
      {:deny, @ddl, []},
      {:deny, [:insert, :update, :delete], table: @schema_tables},
      {:deny, :pragma, name: ~w(writable_schema schema_version), argument: :any}
    ]
  end

  @doc """
  `{:columns, tables}`
  """
  def columns(tables) when is_map(tables) and not is_struct(tables),
    do: tables |> Map.to_list() |> columns()

  def columns([_ | _] = tables) do
    with false <- List.improper?(tables),
         {:ok, rules} <- of_tables(tables) do
      {:ok, rules ++ [{:deny, :read, table: "sqlite_stat4"}, {:deny, :attach, []}]}
    else
      true -> expected()
      error -> error
    end
  end

  def columns(_other), do: expected()

  defp of_tables(tables) do
    Enum.reduce_while(tables, {:ok, []}, fn table, {:ok, rules} ->
      case of_table(table) do
        {:error, _} = error -> {:halt, error}
        more -> {:cont, {:ok, rules ++ more}}
      end
    end)
  end

  defp of_table({table, {:except, columns}}),
    do: [{:deny, [:read, :update], table: table, column: columns}]

  defp of_table({table, {:null, columns}}) do
    [
      {:ignore, :read, table: table, column: columns},
      {:deny, :update, table: table, column: columns}
    ]
  end

  # "" is what SQLite asks about where no column is read.
  defp of_table({table, [_ | _] = columns}) do
    if List.improper?(columns),
      do: expected(),
      else: [{:deny, [:read, :update], table: table, column: {:except, ["" | columns]}}]
  end

  defp of_table(_other), do: expected()

  defp expected do
    {:error,
     "columns takes tables with the columns that may be used, or with {:except, columns} or " <>
       "{:null, columns}: columns: [users: [:id, :name]]"}
  end
end

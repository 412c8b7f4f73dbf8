defmodule EctoLibSql.ExtensionTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native}

  # Extensions that use none of SQLite's functions, so that they need no header of it.
  @source """
  int sqlite3_fine_init(void *db, char **message, const void *api) { return 0; }
  int another_entry(void *db, char **message, const void *api) { return 0; }
  int refusing_entry(void *db, char **message, const void *api) { return 1; }
  """

  setup_all do
    dir =
      Path.join(
        System.tmp_dir!(),
        "ecto_libsql_extension_#{System.pid()}_#{System.unique_integer([:positive])}"
      )

    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    source = Path.join(dir, "fine.c")
    library = Path.join(dir, "fine.so")
    File.write!(source, @source)
    {_, 0} = System.cmd("cc", ["-shared", "-fPIC", "-o", library, source], stderr_to_stdout: true)
    %{library: library}
  end

  test "are off until they are allowed", %{library: library} do
    s = connect!()
    assert {:error, %Error{code: :extensions_disabled}} = Native.load_ext(s, library)
    assert :ok = Native.enable_extensions(s, true)
    assert :ok = Native.load_ext(s, library)
    assert :ok = Native.load_ext(s, library, "another_entry")
    assert :ok = Native.enable_extensions(s, false)
    assert {:error, %Error{code: :extensions_disabled}} = Native.load_ext(s, library)
  end

  test "cannot be loaded from SQL", %{library: library} do
    s = connect!()
    :ok = Native.enable_extensions(s, true)

    assert {:error, %Error{message: "not authorized"}} =
             EctoLibSql.query(s, "SELECT load_extension(?)", [library])
  end

  test "that fail say their path and SQLite's reason", %{library: library} do
    s = connect!()
    :ok = Native.enable_extensions(s, true)

    for {path, entry_point, reason} <- [
          {"/nowhere/x.so", nil, "No such file"},
          {library, "no_such_entry", "no_such_entry"},
          {library, "refusing_entry", "error during initialization"}
        ] do
      assert {:error, %Error{code: :load_extension, message: message}} =
               Native.load_ext(s, path, entry_point)

      assert message =~ path
      assert message =~ reason
    end

    assert rows(s, "SELECT 1") == [[1]]
  end

  test "are loaded at connect, which fails where they do", %{library: library} do
    s = connect!(load_extensions: [library, {library, "another_entry"}])
    assert {:error, %Error{code: :extensions_disabled}} = Native.load_ext(s, library)

    mine = fn -> Enum.count(EctoLibSql.connections(), &(&1.owner == self())) end
    before = mine.()

    assert {:error, %Error{code: :load_extension, message: message}} =
             EctoLibSql.connect(database: ":memory:", load_extensions: ["/nowhere/x.so"])

    assert message =~ "/nowhere/x.so"
    assert mine.() == before
  end
end

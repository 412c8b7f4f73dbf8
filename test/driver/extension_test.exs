defmodule EctoLibSql.ExtensionTest do
  use ExUnit.Case, async: true

  import EctoLibSql.Test.Database

  alias EctoLibSql.{Error, Native}
  alias EctoLibSql.Test.OtherVM

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

  describe "with a list of those that are allowed" do
    setup %{library: library} do
      dir = Path.dirname(library)
      own = Path.join(dir, "list_#{System.unique_integer([:positive])}")
      inside = Path.join(own, "inside")
      File.mkdir_p!(inside)
      copy = Path.join(inside, "fine.so")
      File.cp!(library, copy)
      %{own: own, inside: inside, copy: copy}
    end

    defp load(path, allowed) do
      s = connect!(allowed_extensions: allowed)
      :ok = Native.enable_extensions(s, true)
      Native.load_ext(s, path)
    end

    test "a file, and those in a folder, are loaded", %{own: own, inside: inside, copy: copy} do
      for allowed <- [[copy], [inside], [own], ["/nowhere", copy], [inside <> "/"], ["/"]] do
        assert :ok = load(copy, allowed)
      end
    end

    test "as SQLite has it, without the suffix", %{inside: inside, copy: copy} do
      assert :ok = load(Path.join(inside, "fine"), [copy])
    end

    test "others are refused, with the path and the list", context do
      %{library: library, own: own, inside: inside, copy: copy} = context

      for allowed <- [[], [library], [inside <> "x"], [Path.join(own, "ins")], [copy <> "x"]] do
        assert {:error, %Error{code: :extension_not_allowed, message: message}} =
                 load(copy, allowed)

        assert message =~ copy
        for path <- allowed, do: assert(message =~ path)
      end
    end

    test "it is the real file that counts", context do
      %{library: library, own: own, inside: inside, copy: copy} = context
      link = Path.join(inside, "link.so")
      :ok = File.ln_s(library, link)
      around = Path.join([inside, "..", "..", "fine.so"])

      for path <- [link, around] do
        assert {:error, %Error{code: :extension_not_allowed, message: message}} =
                 load(path, [inside])

        assert message =~ path
        assert message =~ library
        assert :ok = load(path, [library])
      end

      # A link to what is allowed is fine, and so is a link on the list.
      folder = Path.join(own, "folder")
      :ok = File.ln_s(inside, folder)
      assert :ok = load(Path.join(folder, "fine.so"), [copy])
      assert :ok = load(copy, [folder])
    end

    test "what SQLite would try after it counts, too", %{inside: inside, library: library} do
      unreadable = Path.join(inside, "text.so")
      File.write!(unreadable, "no library")
      assert {:error, %Error{code: :load_extension}} = load(unreadable, [unreadable])
      :ok = File.ln_s(library, unreadable <> ".so")

      assert {:error, %Error{code: :extension_not_allowed, message: message}} =
               load(unreadable, [unreadable])

      assert message =~ library
    end

    test "a file that is not there, or has no folder, is not looked for", %{own: own} do
      for path <- [Path.join(own, "none.so"), "libm.so.6", "", own] do
        assert {:error, %Error{code: :load_extension, message: message}} = load(path, [own])
        assert message =~ path
      end
    end

    test "the list holds at connect, and after a reset", %{library: library, copy: copy} do
      assert {:error, %Error{code: :extension_not_allowed}} =
               EctoLibSql.connect(
                 database: ":memory:",
                 load_extensions: [library],
                 allowed_extensions: [copy]
               )

      s = connect!(load_extensions: [copy], allowed_extensions: [copy])
      :ok = EctoLibSql.reset_connection(s)
      assert {:error, %Error{code: :extensions_disabled}} = Native.load_ext(s, copy)
      :ok = Native.enable_extensions(s, true)
      assert {:error, %Error{code: :extension_not_allowed}} = Native.load_ext(s, library)
    end

    test "the application's list holds for every connection", context do
      %{library: library, own: own, copy: copy} = context
      vm = OtherVM.start!(allowed_extensions: [own])

      load = fn path, options ->
        options = [database: ":memory:", load_extensions: [path]] ++ options

        with {:ok, _} <- OtherVM.call(vm, EctoLibSql, :connect, [options]), do: :ok
      end

      assert :ok = load.(copy, [])
      assert {:error, %Error{code: :extension_not_allowed}} = load.(library, [])
      # A connection's own list only takes away.
      assert {:error, %Error{}} = load.(library, allowed_extensions: [library])
      assert {:error, %Error{}} = load.(copy, allowed_extensions: [library])
      assert :ok = load.(copy, allowed_extensions: [copy])
    end

    test "what is no list of absolute paths is refused" do
      for value <- ["/a", [:a], ["a"], ["./a"], ["/a\0"], [<<?/, 255>>], ["/a" | "/b"], %{}] do
        assert {:error, %Error{code: :invalid_option, message: message}} =
                 EctoLibSql.connect(database: ":memory:", allowed_extensions: value)

        assert message =~ "allowed_extensions takes"
        assert message =~ "absolute paths"
      end

      vm = OtherVM.start!(allowed_extensions: :all)

      assert {:error, %Error{code: :invalid_option, message: message}} =
               OtherVM.call(vm, EctoLibSql, :connect, [[database: ":memory:"]])

      assert message =~ "config :ecto_libsql, allowed_extensions"
    end
  end
end

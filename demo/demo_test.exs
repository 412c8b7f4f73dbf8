for file <- ~w(cargo_lock table crates demo),
    do: Code.require_file("#{file}.ex", __DIR__)

defmodule DemoTest do
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Demo.CargoLock

  @source "registry+https://example.org/index"

  setup do
    dir =
      Path.join(
        System.tmp_dir!(),
        "ecto_libsql_demo_#{System.pid()}_#{System.unique_integer([:positive])}"
      )

    File.mkdir_p!(dir)
    on_exit(fn -> File.rm_rf!(dir) end)
    {:ok, dir: dir}
  end

  describe "a lock file" do
    test "is read with its sources, checksums and dependencies" do
      assert {:ok, [a, b, b2]} =
               CargoLock.parse("""
               # This file is generated.
               version = 4

               [[package]]
               name = "a"
               version = "0.1.0"
               dependencies = [
                "b 1.0.0", # the old one
                "b 2.0.0 (#{@source})",
               ]

               [[package]]
               name = "b"
               version = "1.0.0"
               source = "#{@source}"
               checksum = "c0ffee"

               [[package]]
               name = "b"
               version = "2.0.0"
               source = "#{@source}"
               dependencies = ["a"]

               [metadata]
               "checksum b 2.0.0" = "cafe"
               """)

      assert a.key == {"a", "0.1.0", "workspace"}
      assert a.dependencies == [b.key, b2.key]
      assert {b.checksum, b2.checksum} == {"c0ffee", nil}
      assert b2.dependencies == [a.key]
    end

    test "may have Windows' line ends" do
      text = "[[package]]\r\nname = \"a\"\r\nversion = \"1.0.0\"\r\n"
      assert {:ok, [%{key: {"a", "1.0.0", _}}]} = CargoLock.parse(text)
    end

    test "that is malformed is an error with the line" do
      package = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"

      for {text, reason} <- [
            {"", "it holds no [[package]]"},
            {"[[package]]\nname = \"a\"\n", "line 1: the package has no name or no version"},
            {package <> "nonsense\n", "line 4: expected `key = value` or a table's name"},
            {package <> "name = \"b\"\n", "line 4: name is there twice"},
            {package <> "checksum = 7\n", "line 4: expected a string"},
            {package <> "dependencies = [\n \"b\"\n", "line 6: the file ends inside an array"},
            {package <> "dependencies = [\n \"b\" \"c\"\n]\n",
             "line 5: expected a string, a comma"},
            {package <> "dependencies = [\"b\"]\n", "line 1: the package needs b, which is not"},
            {package <> "[[package\n", "line 4: a table's name has no end"},
            {package <> package, "a 1.0.0 is there twice"}
          ] do
        assert {:error, error} = CargoLock.parse(text)
        assert error =~ reason
      end
    end

    test "that cannot be read is an error with its path", %{dir: dir} do
      missing = Path.join(dir, "Cargo.lock")
      assert {:error, reason} = CargoLock.read(missing)
      assert reason == "#{missing}: no such file or directory"

      File.write!(missing, <<0xFF>>)
      assert {:error, reason} = CargoLock.read(missing)
      assert reason =~ "not UTF-8 text"
    end
  end

  test "a second run updates the database and says what changed", %{dir: dir} do
    lock = Path.join(dir, "Cargo.lock")
    options = [database: Path.join(dir, "crates.db"), lock: lock, search: "lef"]

    File.write!(lock, """
    [[package]]
    name = "root"
    version = "1.0.0"
    dependencies = ["left", "gone"]

    [[package]]
    name = "left"
    version = "1.0.0"
    source = "#{@source}"
    checksum = "1"

    [[package]]
    name = "gone"
    version = "1.0.0"
    source = "#{@source}"
    """)

    output = run(options)
    assert output =~ "3 crates, 2 edges"
    assert output =~ "3 added, 0 changed, 0 removed"
    assert output =~ "root    1.0.0        2"
    assert output =~ "[lef]t  1.0.0"

    assert run(options) =~ "0 added, 0 changed, 0 removed"

    File.write!(lock, """
    [[package]]
    name = "root"
    version = "1.0.0"
    dependencies = ["left", "new"]

    [[package]]
    name = "left"
    version = "1.0.0"
    source = "#{@source}"
    checksum = "2"

    [[package]]
    name = "new"
    version = "1.0.0"
    source = "#{@source}"
    """)

    # root needs others than before, left has another checksum.
    assert run(options) =~ "1 added, 2 changed, 1 removed"
    refute run([search: "gone"] ++ options) =~ "[gone]"
  end

  test "the project's own lock file has its crates and the reason for each", %{dir: dir} do
    output = run(database: Path.join(dir, "crates.db"), lock: "Cargo.lock", crate: "libsql-ffi")
    assert output =~ ~r/\d{3} crates, \d{3} edges/
    assert output =~ "Why libsql-ffi is there"
    assert output =~ "0  ecto_libsql "
    assert output =~ "lib[sql]-ffi"
  end

  test "what cannot be done is an error in words", %{dir: dir} do
    options = [database: Path.join(dir, "crates.db"), lock: "Cargo.lock"]

    capture_io(fn ->
      assert {:error, "no crate is named nobody"} = Demo.run([crate: "nobody"] ++ options)
    end)

    assert {:error, "a search takes three characters" <> _} = Demo.run([search: "ab"] ++ options)
    assert {:error, reason} = Demo.run(Keyword.put(options, :database, dir))
    assert reason =~ dir
  end

  test "the README's quick start runs as it stands, and again", %{dir: dir} do
    [_, code] =
      Regex.run(~r/## Quick start.*?```elixir\n(.*?)```/s, File.read!("README.md"))

    # Each `#=>` says what the line before it answers.
    code = Regex.replace(~r/^(.+)\n#=> (.*)$/m, code, "\\2 = \\1")

    File.cd!(dir, fn ->
      for _ <- 1..2, do: Code.eval_string(code)
    end)
  end

  defp run(options) do
    capture_io(fn -> assert Demo.run(options) == :ok end)
  end
end

defmodule Peers.DocumentTest do
  use ExUnit.Case, async: true

  alias Peers.Document

  @moduletag :tmp_dir

  setup %{tmp_dir: dir} do
    file = Path.join(dir, "doc.md")

    File.write!(file, """
    before
    <!-- bench: traffic -->
    old
    <!-- end of bench: traffic -->
    between
    <!-- bench: growth -->
    <!-- end of bench: growth -->
    behind
    """)

    {:ok, document: file}
  end

  test "replaces what is between the comments, and nothing else", %{document: file} do
    Document.replace(file, :traffic, "new\n")

    assert File.read!(file) == """
           before
           <!-- bench: traffic -->

           new

           <!-- end of bench: traffic -->
           between
           <!-- bench: growth -->
           <!-- end of bench: growth -->
           behind
           """
  end

  test "the same once more changes nothing", %{document: file} do
    Document.replace(file, :growth, "new\n")
    once = File.read!(file)
    Document.replace(file, :growth, "new\n")
    assert File.read!(file) == once
  end

  test "a file without the comments is an error and stays as it is", %{document: file} do
    before = File.read!(file)
    assert_raise ArgumentError, ~r/bench: calls/, fn -> Document.replace(file, :calls, "new") end
    assert File.read!(file) == before
  end
end

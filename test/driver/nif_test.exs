defmodule EctoLibSql.NIFTest do
  use ExUnit.Case, async: true

  alias EctoLibSql.NIF

  test "the library is built with encryption, or with sqlean, or with neither" do
    assert NIF.features(false, false) == []
    assert NIF.features(true, false) == ["encryption"]
    assert NIF.features(false, true) == ["sqlean"]
    assert_raise ArgumentError, ~r/do not go together/, fn -> NIF.features(true, true) end
    assert_raise ArgumentError, ~r/take true or false/, fn -> NIF.features("yes", false) end
  end
end

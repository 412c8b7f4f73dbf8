# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.ValuesPropertyTest do
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.Test.Values

    setup do
      s = connect!()
      :ok = EctoLibSql.run(s, "CREATE TABLE t (v)")
      %{s: s}
    end

    property "any row of any values comes back equal, shrunk where not", %{s: s} do
      value =
        one_of([
          constant(nil),
          boolean(),
          integer(-0x8000000000000000..0x7FFFFFFFFFFFFFFF),
          float(),
          binary(),
          string(:printable),
          tuple({constant(:blob), binary()})
        ])

      check all(values <- list_of(value, min_length: 1, max_length: 30)) do
        Values.assert_row_returns(s, values)
      end
    end
  end
end

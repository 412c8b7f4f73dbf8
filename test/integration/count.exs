# Says how many of Ecto's tests there are, ran and passed.

defmodule EctoLibSql.Integration.Count do
  alias EctoLibSql.Integration.Exclusions

  def print(%{total: total, failures: failures, excluded: excluded, skipped: skipped}) do
    ran = total - excluded - skipped

    IO.puts("""

    Ecto's integration suites: #{total} tests, #{ran} ran, #{ran - failures} passed, \
    #{failures} failed, #{excluded} excluded:
    #{Enum.map_join(Exclusions.reasons(), "\n", &("  * " <> &1))}
    """)
  end
end

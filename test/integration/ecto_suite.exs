# All of Ecto's and Ecto SQL's shared cases.

deps = Mix.Project.deps_paths()

for folder <- [
      Path.join(deps[:ecto], "integration_test/cases"),
      Path.join(deps[:ecto_sql], "integration_test/sql")
    ],
    file <- folder |> Path.join("*.exs") |> Path.wildcard(),
    do: Code.require_file(file)

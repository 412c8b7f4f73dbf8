# Run by `make demo`. The environment's LOCK, CRATE and SEARCH say what to look at.
for file <- ~w(cargo_lock table crates demo),
    do: Code.require_file("#{file}.ex", __DIR__)

env = fn name -> if (value = System.get_env(name)) not in [nil, ""], do: value end

options = [
  database: "demo/crates.db",
  lock: env.("LOCK") || "Cargo.lock",
  crate: env.("CRATE"),
  search: env.("SEARCH")
]

with {:error, reason} <- Demo.run(options) do
  IO.puts(:stderr, "demo: #{reason}")
  System.halt(1)
end

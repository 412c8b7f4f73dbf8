ExUnit.start()
Ecto.Adapters.SQL.Sandbox.mode(Library.Repo, :manual)

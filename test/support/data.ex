defmodule EctoLibSql.Test.Data do
  @moduledoc false
  # The data sets of the guides in docs/, which read them from the folder that the environment
  # variable DATA names: scripts/data.sh gets them.

  @doc "Sets DATA, for a guide's `setup_all`."
  @spec fetch!() :: :ok
  def fetch! do
    script = Path.expand("../../scripts/data.sh", __DIR__)

    case System.cmd("bash", [script], stderr_to_stdout: true) do
      {folder, 0} -> System.put_env("DATA", String.trim(folder))
      {reason, _status} -> raise String.trim(reason)
    end
  end
end

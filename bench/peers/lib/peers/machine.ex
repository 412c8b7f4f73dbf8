defmodule Peers.Machine do
  @moduledoc """
  What was measured where: machine, versions, date.
  """

  alias Peers.Contestant

  @spec describe() :: iodata()
  def describe do
    [
      "#{Date.utc_today()}, #{processor()}, #{System.schedulers_online()} schedulers, ",
      "Elixir #{System.version()}, OTP #{System.otp_release()}; ",
      Enum.map_intersperse(Contestant.all(), " against ", &contestant/1)
    ]
  end

  defp contestant(contestant),
    do: "#{Contestant.version(contestant)} (SQLite #{sqlite(contestant)})"

  defp sqlite(contestant) do
    {repo, pool} = Contestant.start(contestant, ":memory:", 1)
    %{rows: [[version]]} = repo.query!("SELECT sqlite_version()")
    Supervisor.stop(pool)
    version
  end

  defp processor do
    with {:ok, info} <- File.read("/proc/cpuinfo"),
         [_, name] <- Regex.run(~r/model name\s*: (.*)/, info) do
      name
    else
      _ -> to_string(:erlang.system_info(:system_architecture))
    end
  end
end

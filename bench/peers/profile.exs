# Where the time of one call goes, by whose functions it is in.
#
#     mix run profile.exs get|all|insert
#
# What tprof's call_time counts: it makes each call of a function dearer, so what makes many small
# calls has too large a share.

Mix.ensure_application!(:runtime_tools)
Mix.ensure_application!(:tools)

defmodule Profile do
  alias Peers.{Contestant, Item}

  @groups [
    {"the adapter, the driver's Elixir, the pool", ["EctoLibSql", "Ecto.Adapters.LibSql"]},
    {"DBConnection", ["DBConnection"]},
    {"Ecto's planner", ["Ecto.Query"]},
    {"Ecto SQL", ["Ecto.Adapters.SQL"]},
    {"Ecto's repo, schemas and types", ["Ecto"]},
    {"telemetry", [":telemetry"]},
    {"ETS", [":ets"]}
  ]

  @process_calls [:send, :monitor, :demonitor, :start_timer, :cancel_timer, :alias, :unalias]

  def main([name]) do
    dir = Path.join(System.tmp_dir!(), "profile_#{System.unique_integer([:positive])}")
    File.mkdir_p!(dir)
    {repo, pool} = Contestant.start(:ecto_libsql, Path.join(dir, "profile.db"), 1)
    Item.create(repo, 10_000)
    {runs, work} = work(name, repo)
    Enum.each(1..2, fn _ -> repeat(runs, work) end)

    profile = fn ->
      repo.put_dynamic_repo(pool)
      repeat(runs, work)
    end

    {_pid, {:call_time, calls}} =
      :tprof.profile(profile, %{type: :call_time, report: :return})

    print(calls, runs)
    File.rm_rf!(dir)
  end

  defp work("get", repo), do: {3_000, &repo.get!(Item, &1)}
  defp work("all", repo), do: {5, fn _ -> repo.all(Item) end}
  defp work("insert", repo), do: {2_000, &repo.insert!(struct!(Item, Item.row(&1)))}

  defp repeat(runs, work), do: Enum.each(1..runs, work)

  defp print(calls, runs) do
    groups =
      for({module, function, _arity, processes} <- calls, {_, calls, time} <- processes) do
        {group(inspect(module), function), calls, time}
      end
      |> Enum.group_by(&elem(&1, 0))

    all = for {_, entries} <- groups, {_, _, time} <- entries, reduce: 0, do: (sum -> sum + time)

    groups
    |> Enum.map(fn {group, entries} ->
      {group, sum(entries, 1) / runs, 100 * sum(entries, 2) / all}
    end)
    |> Enum.sort_by(&elem(&1, 2), :desc)
    |> Enum.each(fn {group, calls, share} ->
      IO.puts("#{Float.round(share, 1)} %, #{round(calls)} calls: #{group}")
    end)
  end

  defp sum(entries, place), do: entries |> Enum.map(&elem(&1, place)) |> Enum.sum()

  defp group("EctoLibSql.Native", function), do: "NIF: #{function}"

  defp group(":erlang", function) when function in @process_calls,
    do: "messages, monitors and timers"

  defp group(module, _function) do
    Enum.find_value(@groups, "Elixir and OTP", fn {name, prefixes} ->
      if String.starts_with?(module, prefixes), do: name
    end)
  end
end

Profile.main(System.argv())

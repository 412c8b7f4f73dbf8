if Code.ensure_loaded?(DBConnection) do
  defmodule EctoLibSql.Pool.Exhaustion do
    @moduledoc false
    # What the error of a pool without a free connection says besides: who holds the connections.

    alias DBConnection.ConnectionError
    alias EctoLibSql.Pool.{Holders, Meter}

    # More lines than that nobody reads.
    @holders 10
    @statement_length 200

    @event [:ecto_libsql, :pool, :exhausted]

    @doc """
    `waited` is in the VM's native unit.
    """
    @spec explain(ConnectionError.t(), pid() | nil, non_neg_integer()) :: ConnectionError.t()
    def explain(error, pool, waited) do
      with pid when is_pid(pid) <- pool, %Meter{} = meter <- Meter.of(pid) do
        seen = Holders.list([pid])
        error = %{error | message: error.message <> "\n" <> text(seen, meter)}
        Meter.dropped(meter)
        tell(error, pid, waited, seen)
        error
      else
        _pool_is_gone -> error
      end
    end

    defp tell(error, pool, waited, %{holders: holders}) do
      measurements = %{
        count: 1,
        wait: System.convert_time_unit(waited, :native, :microsecond),
        busy: length(holders)
      }

      :telemetry.execute(@event, measurements, %{pool: pool, error: error, holders: holders})
    end

    defp text(%{holders: holders, idle: idle}, %Meter{size: size} = meter) do
      busy = length(holders)
      {named, others} = Enum.split(holders, @holders)

      [
        in_use(busy, size),
        Enum.map(named, &["\n  * ", describe(&1)]),
        if(others != [], do: "\n  * and #{length(others)} more"),
        if(busy > 0, do: "\n"),
        opening(size - busy - idle, meter),
        if(idle > 0, do: "\n#{idle} became free in the meantime.\n")
      ]
      |> Enum.reject(&is_nil/1)
      |> IO.iodata_to_binary()
    end

    defp in_use(0, size), do: "None of its #{connections(size)} is in use.\n"
    defp in_use(1, 1), do: "Its only connection is in use:\n"
    defp in_use(size, size), do: "All #{connections(size)} are in use:\n"
    defp in_use(busy, size), do: "#{busy} of #{connections(size)} are in use:\n"

    defp connections(1), do: "1 connection"
    defp connections(count), do: "#{count} connections"

    # A connection is also away for a moment when it is checked, or replaced.
    defp opening(count, _meter) when count <= 0, do: nil

    defp opening(count, meter) do
      opened = if count == 1, do: "1 is being opened", else: "#{count} are being opened"

      case Meter.open_error(meter) do
        nil ->
          "\n#{opened}.\n"

        {error, time} ->
          ago = System.convert_time_unit(System.monotonic_time() - time, :native, :millisecond)

          "\n#{opened}; the last attempt, #{seconds(ago)} ago, failed: #{Exception.message(error)}\n"
      end
    end

    @doc """
    A holder in one line: `#PID<0.1.0> (MyApp.Worker) for 12.3 s, in a transaction, running UPDATE …`.
    """
    @spec describe(Holders.holder()) :: String.t()
    def describe(holder) do
      name = if holder.name, do: " (#{holder.name})", else: ""
      held = if holder.held, do: " for #{seconds(holder.held)}", else: ""
      "#{inspect(holder.pid)}#{name}#{held}#{transaction(holder)}#{running(holder)}"
    end

    defp transaction(%{transaction: nil}), do: ""

    defp transaction(%{transaction: age, held: held}) do
      # The same, but for the moment that BEGIN took.
      if held && held - age < 100,
        do: ", in a transaction",
        else: ", in a transaction for #{seconds(age)}"
    end

    # While a caller waits for its turn to write, its connection runs nothing.
    defp running(%{running: nil, statement: nil}), do: ", running no statement"
    defp running(%{running: nil, statement: sql}), do: ", running: #{shorten(sql)}"
    defp running(%{running: age, statement: nil}), do: ", running for #{seconds(age)}"

    defp running(%{running: age, statement: sql}),
      do: ", running for #{seconds(age)}: #{shorten(sql)}"

    defp shorten(statement) do
      line = statement |> String.replace(~r/\s+/, " ") |> String.trim()

      if String.length(line) > @statement_length,
        do: String.slice(line, 0, @statement_length) <> "…",
        else: line
    end

    defp seconds(milliseconds),
      do: "#{:erlang.float_to_binary(milliseconds / 1000, decimals: 1)} s"
  end
end

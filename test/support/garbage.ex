if Code.ensure_loaded?(StreamData) do
  defmodule EctoLibSql.Test.Garbage do
    @moduledoc false
    # Terms that nobody means: for what has to survive whatever it is given.

    import StreamData

    alias EctoLibSql.State

    @doc "Any term, of which many look like what a NIF takes."
    def garbage, do: one_of([scalar(), text(), list(), nested(), state(), opaque()])

    def scalar do
      member_of([
        nil,
        true,
        false,
        :ok,
        :infinity,
        :immediate,
        :passive,
        :read,
        :"",
        0,
        1,
        -1,
        7,
        0x7FFFFFFF,
        0x80000000,
        -0x80000000,
        0x7FFFFFFFFFFFFFFF,
        -0x8000000000000000,
        0x8000000000000000,
        0xFFFFFFFFFFFFFFFF,
        0x1_0000_0000_0000_0000,
        -(2 ** 200),
        0.0,
        -0.0,
        1.0e308,
        5.0e-324
      ])
    end

    def text do
      one_of([
        member_of([
          "",
          "\0",
          <<255>>,
          "SELECT 1",
          "SELECT ?",
          "BEGIN",
          "COMMIT",
          "ROLLBACK",
          "SELECT",
          ";",
          "--",
          "main",
          "temp",
          "sqlite_master",
          "00000000-0000-0000-0000-000000000000",
          String.duplicate("a", 36),
          String.duplicate("(", 5_000),
          String.duplicate("x", 100_000),
          <<1::3>>,
          <<0::size(4096)-unit(8)>>
        ]),
        binary(),
        bitstring()
      ])
    end

    def list do
      element = one_of([scalar(), text(), map({scalar(), text()}, & &1)])

      one_of([
        list_of(element, max_length: 4),
        map({element, element}, fn {a, b} -> [a | b] end),
        map(element, &[&1, &1 | &1]),
        constant(Enum.to_list(1..2_000)),
        map(element, &[{:a, &1}, {"b", &1} | :c])
      ])
    end

    def nested do
      one_of([
        map(scalar(), &deep(&1, 10_000)),
        map(list(), &{&1, &1, &1}),
        map(scalar(), &{&1}),
        map({scalar(), text()}, fn {key, value} -> %{key => value, __struct__: key} end),
        map(text(), &%{conn_id: &1}),
        constant({}),
        constant(%{}),
        constant(DateTime.from_unix!(0))
      ])
    end

    @doc "States of connections that are not there."
    def state do
      map(
        {one_of([text(), scalar()]), member_of([:local, :remote, :replica, :offline, nil])},
        fn {id, mode} ->
          %State{conn_id: id, mode: mode, database: "none.db"}
        end
      )
    end

    # They are made anew for each run: a generator is to be shrunk without them.
    defp opaque do
      map(member_of([:ref, :pid, :fun, :port, :atomics]), fn
        :ref -> make_ref()
        :pid -> self()
        :fun -> fn -> :ok end
        :port -> hd(Port.list())
        :atomics -> :atomics.new(1, [])
      end)
    end

    defp deep(term, 0), do: term
    defp deep(term, depth), do: deep([term], depth - 1)
  end
end

# The module is not even expanded where there is no StreamData.
if Code.ensure_loaded?(ExUnitProperties) do
  defmodule EctoLibSql.ConfigurationPropertyTest do
    # Whatever is set: an error that says what is wrong, or what was asked for, and a connection that works.
    use ExUnit.Case, async: true
    use ExUnitProperties

    import EctoLibSql.Test.Database

    alias EctoLibSql.{DbConfig, Error, FileControl, HeapLimit, Limits, Native}

    @least %{length: 1_000, sql_length: 1_000, vdbe_op: 1_000}

    setup_all do: %{s: connect!()}

    setup %{s: s} do
      on_exit(fn -> EctoLibSql.reset_connection(s) end)
    end

    defp name(names), do: frequency([{5, member_of(names)}, {1, term()}])

    defp value do
      one_of([
        integer(-2..3_000),
        member_of([
          0x7FFFFFFF,
          0x80000000,
          -0x80000000,
          0x7FFFFFFFFFFFFFFF,
          0x1_0000_0000_0000_0000
        ]),
        integer(),
        term()
      ])
    end

    defp works(s) do
      assert {:ok, s} = EctoLibSql.begin(s)
      assert {:ok, s} = EctoLibSql.rollback(s)
      assert :ok = EctoLibSql.reset_connection(s)
      assert rows(s, "SELECT 1") == [[1]]
    end

    property "limits, one after the other", %{s: s} do
      check all(
              settings <- list_of({name(Limits.names()), value()}, min_length: 1, max_length: 8),
              sql <- string(:printable)
            ) do
        for {name, value} <- settings do
          case Limits.set(s, name, value) do
            {:ok, %{previous: previous, effective: effective}} ->
              assert effective == min(value, effective)
              assert effective >= Map.get(@least, name, 0)
              assert is_integer(previous)
              assert {:ok, ^effective} = Limits.get(s, name)

            {:error, error} ->
              assert %Error{code: :invalid_argument, message: message} = error
              assert is_binary(message)
          end
        end

        case EctoLibSql.query(s, sql) do
          {:ok, _} -> :ok
          {:error, %Error{}} -> :ok
        end

        works(s)
      end
    end

    property "settings, one after the other", %{s: s} do
      check all(
              settings <-
                list_of({name(DbConfig.names()), one_of([boolean(), term()])}, max_length: 8)
            ) do
        for {name, on?} <- settings do
          if name in DbConfig.names() and is_boolean(on?) do
            assert :ok = DbConfig.set(s, name, on?)
            assert {:ok, ^on?} = DbConfig.get(s, name)
          else
            assert {:error, %Error{code: :invalid_argument}} = DbConfig.set(s, name, on?)
          end
        end

        works(s)
      end
    end

    property "reserved bytes of any number, in a database of any name", %{s: s} do
      check all(
              bytes <- one_of([integer(-1..256), value()]),
              database <- one_of([constant("main"), string(:utf8), binary(), term()])
            ) do
        case FileControl.set_reserved_bytes(s, bytes, database: database) do
          :ok -> assert database in ["main", "temp"] and bytes in 0..255
          {:error, error} -> assert %Error{code: :invalid_argument} = error
        end
      end
    end

    property "heap limits of any kind are refused without statistics" do
      check all(
              limits <-
                one_of([term(), list_of({member_of([:soft, :hard, :other]), value()})])
            ) do
        assert {:error, %Error{code: code}} = HeapLimit.set(limits)
        assert code in [:invalid_argument, :unsupported]
      end
    end

    property "connect options of any kind open a connection that works, or say which is wrong" do
      limits = list_of({name(Limits.names()), value()}, max_length: 4)
      settings = list_of({name(DbConfig.names()), one_of([boolean(), term()])}, max_length: 4)
      paths = list_of(one_of([string(:utf8), map(string(:printable), &("/" <> &1)), term()]))

      option =
        one_of([
          {constant(:limits), one_of([limits, term()])},
          {constant(:db_config), one_of([settings, term()])},
          {constant(:allowed_extensions), one_of([paths, term()])},
          {constant(:nofollow), one_of([boolean(), term()])}
        ])

      check all(options <- list_of(option, max_length: 3)) do
        case EctoLibSql.connect([database: ":memory:"] ++ options) do
          {:ok, s} ->
            works_with_its_limits(s)
            assert :ok = EctoLibSql.disconnect(s)

          {:error, error} ->
            assert %Error{code: :invalid_option, message: message} = error
            assert Enum.any?(options, fn {name, _} -> message =~ "#{name}" end)
        end
      end
    end

    defp works_with_its_limits(s) do
      assert {:ok, s} = EctoLibSql.begin(s)
      assert {:ok, s} = EctoLibSql.rollback(s)
      assert :ok = EctoLibSql.reset_connection(s)
      assert :ok = EctoLibSql.ping(s)
    end

    property "extensions of any path, with a list of any paths, load nothing" do
      check all(
              path <- one_of([string(:utf8), binary(), map(string(:printable), &("/" <> &1))]),
              allowed <- list_of(map(string(:alphanumeric), &("/nowhere/" <> &1)), max_length: 3)
            ) do
        {:ok, s} = EctoLibSql.connect(database: ":memory:", allowed_extensions: allowed)
        :ok = Native.enable_extensions(s, true)
        assert {:error, %Error{code: code}} = Native.load_ext(s, path)
        assert code in [:load_extension, :extension_not_allowed, :invalid_argument]
        :ok = EctoLibSql.disconnect(s)
      end
    end
  end
end

defmodule EctoLibSql.NIF do
  @moduledoc false
  # Where the library of EctoLibSql.Native comes from, and which of its builds: the one place that decides
  # it. A macro, because `use Rustler` does not even expand where there is no Rustler.

  defmacro __using__(_opts) do
    if Code.ensure_loaded?(Rustler), do: built_by_rustler(), else: built_by_make()
  end

  defp built_by_rustler do
    quote do
      use Rustler,
        otp_app: :ecto_libsql,
        crate: "ecto_libsql",
        path: "native/ecto_libsql",
        features:
          EctoLibSql.NIF.features(
            Application.compile_env(:ecto_libsql, :encryption, false),
            Application.compile_env(:ecto_libsql, :sqlean, false)
          )
    end
  end

  defp built_by_make do
    quote do
      @on_load :load
      @library Enum.join(
                 [
                   "ecto_libsql"
                   | EctoLibSql.NIF.features(
                       Application.compile_env(:ecto_libsql, :encryption, false),
                       Application.compile_env(:ecto_libsql, :sqlean, false)
                     )
                 ],
                 "_"
               )

      @doc false
      def load do
        :ecto_libsql
        |> Application.app_dir(["priv", "native", @library])
        |> String.to_charlist()
        |> :erlang.load_nif(0)
      end
    end
  end

  @doc false
  @spec features(boolean(), boolean()) :: [String.t()]
  def features(false, false), do: []
  def features(true, false), do: ["encryption"]
  def features(false, true), do: ["sqlean"]

  def features(true, true) do
    raise ArgumentError,
          "config :ecto_libsql: encryption: true and sqlean: true do not go together: " <>
            "libSQL's build with encryption has no sqlean"
  end

  def features(encryption, sqlean) do
    raise ArgumentError,
          "config :ecto_libsql: encryption and sqlean take true or false, " <>
            "got: #{inspect(encryption)} and #{inspect(sqlean)}"
  end
end

defmodule EctoLibSql.NIF do
  @moduledoc false
  # Where the library of EctoLibSql.Native comes from: the one place that decides it. A macro,
  # because `use Rustler` does not even expand where there is no Rustler.

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
          if(Application.compile_env(:ecto_libsql, :encryption, false),
            do: ["encryption"],
            else: []
          )
    end
  end

  defp built_by_make do
    quote do
      @on_load :load
      @library if Application.compile_env(:ecto_libsql, :encryption, false),
                 do: "ecto_libsql_encryption",
                 else: "ecto_libsql"

      @doc false
      def load do
        :ecto_libsql
        |> Application.app_dir(["priv", "native", @library])
        |> String.to_charlist()
        |> :erlang.load_nif(0)
      end
    end
  end
end

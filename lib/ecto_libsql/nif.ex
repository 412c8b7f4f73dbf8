defmodule EctoLibSql.NIF do
  @moduledoc false
  # Where the library of EctoLibSql.Native comes from, and which of its builds: the one place that decides
  # it. A macro, because `use Rustler` does not even expand where there is no Rustler.
  #
  # Two copies of SQLite in one process take each other's locks on files away (POSIX locks are the
  # process's), so there is one library for a VM, until the application is stopped.

  @claim {__MODULE__, :library}

  @doc """
  Makes the library that is about to be loaded the one that may have files open. Raises where that is
  another one.
  """
  @spec claim() :: 0
  def claim do
    case {library(), :persistent_term.get(@claim, nil)} do
      {library, claimed} when claimed in [nil, library] ->
        :persistent_term.put(@claim, library)
        0

      {{directory, _files}, {claimed, _former}} ->
        raise "the library in #{directory} cannot be loaded: this VM has the one that was in " <>
                "#{claimed}, which may have files open. Restart the VM, or stop the application " <>
                ":ecto_libsql first"
    end
  end

  @doc "Nothing is open any more: another copy may be loaded."
  @spec yield() :: boolean()
  def yield, do: :persistent_term.erase(@claim)

  # Where it is, and which file is there: a library that was built anew is another one.
  defp library do
    directory = Application.app_dir(:ecto_libsql, ["priv", "native"])

    files =
      for file <- ["ecto_libsql.so", "ecto_libsql.dll"],
          {:ok, stat} <- [File.stat(Path.join(directory, file))],
          do: {stat.inode, stat.mtime}

    {directory, files}
  end

  defmacro __using__(_opts) do
    if Code.ensure_loaded?(Rustler), do: built_by_rustler(), else: built_by_make()
  end

  defp built_by_rustler do
    quote do
      use Rustler,
        otp_app: :ecto_libsql,
        crate: "ecto_libsql",
        path: "native/ecto_libsql",
        load_data_fun: {EctoLibSql.NIF, :claim},
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
        EctoLibSql.NIF.claim()

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

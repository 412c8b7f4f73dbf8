defmodule EctoLibSql.Pool.ProcessName do
  @moduledoc false
  # What to call a process beside its pid.

  @doc """
  Its label, or the name it is registered under, or the function that it began with.
  """
  @spec of(pid()) :: String.t() | nil
  def of(pid), do: label(pid) || registered(pid) || initial_call(pid)

  # Erlang/OTP has labels since 27.
  defp label(pid) do
    with true <- function_exported?(:proc_lib, :get_label, 1),
         label when label != :undefined <- apply(:proc_lib, :get_label, [pid]),
         do: if(is_binary(label), do: label, else: inspect(label)),
         else: (_ -> nil)
  end

  defp registered(pid) do
    with {:registered_name, name} when is_atom(name) <- Process.info(pid, :registered_name),
         do: inspect(name),
         else: (_ -> nil)
  end

  # A plain process began with `apply`, which says nothing.
  defp initial_call(pid) do
    case :proc_lib.translate_initial_call(pid) do
      {:proc_lib, :init_p, _} -> nil
      {:erlang, :apply, _} -> nil
      {module, function, arity} -> Exception.format_mfa(module, function, arity)
    end
  end
end

defmodule EctoLibSql.Vector.Input do
  @moduledoc false
  # What may be given for a vector: a list of numbers, a tensor, a blob. All end as a list of floats
  # that the kind can store.

  alias EctoLibSql.Vector
  alias EctoLibSql.Vector.Format

  @doc """
  The numbers and their blob, where they are of this kind and, unless it is `nil`, of this dimension;
  else a message.
  """
  @spec read(term(), Vector.kind(), pos_integer() | nil) ::
          {:ok, [float()], binary()} | {:error, String.t()}
  def read(value, kind, size) do
    with {:ok, numbers} <- numbers(value, kind),
         :ok <- check_size(numbers, size),
         {:ok, floats} <- floats(numbers),
         {:ok, blob} <- blob(floats, kind),
         do: {:ok, floats, blob}
  end

  defp numbers(list, _kind) when is_list(list) do
    if List.improper?(list),
      do: {:error, "is an improper list"},
      else: {:ok, list}
  end

  defp numbers(%{__struct__: Nx.Tensor} = tensor, _kind), do: tensor(tensor)

  defp numbers(blob, kind) when is_binary(blob) do
    with {:ok, ^kind, size, data} <- Format.parse(blob),
         {:ok, numbers} <- Format.decode(kind, size, data) do
      {:ok, numbers}
    else
      {:ok, other, size, _data} ->
        {:error,
         "is the blob of a vector of kind #{other} with #{size} numbers, expected #{kind}"}

      :error ->
        {:error, "is no blob of a vector of kind #{kind} with finite numbers"}
    end
  end

  defp numbers({:blob, blob}, kind) when is_binary(blob), do: numbers(blob, kind)

  defp numbers(_other, _kind),
    do: {:error, "is no vector: expected a list of numbers, a tensor or a blob"}

  # Nx is an optional dependency: where a tensor is, Nx is too.
  defp tensor(tensor) do
    shape = apply(Nx, :shape, [tensor])

    if tuple_size(shape) == 1,
      do: {:ok, apply(Nx, :to_flat_list, [tensor])},
      else: {:error, "is a tensor of shape #{inspect(shape)}, expected one dimension"}
  end

  defp check_size([], _size), do: {:error, "has no numbers"}
  defp check_size(_numbers, nil), do: :ok

  defp check_size(numbers, size) do
    case length(numbers) do
      ^size -> :ok
      given -> {:error, "has #{given} numbers, expected #{size}"}
    end
  end

  defp floats(numbers) do
    {:ok, Enum.map(numbers, &to_float/1)}
  catch
    {:not_finite, number} ->
      {:error,
       "has #{inspect(number)} at index #{index(numbers, number)}, expected finite numbers"}
  end

  defp to_float(number) when is_float(number), do: number

  defp to_float(number) when is_integer(number) do
    number * 1.0
  rescue
    ArithmeticError -> throw({:not_finite, number})
  end

  defp to_float(other), do: throw({:not_finite, other})

  defp index(numbers, number), do: Enum.find_index(numbers, &(&1 === number))

  defp blob(floats, kind) do
    with {:error, index} <- Format.encode(floats, kind) do
      number = Enum.at(floats, index)
      {:error, "has #{number} at index #{index}, which is beyond what #{kind} can store"}
    end
  end
end

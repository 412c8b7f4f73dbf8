defmodule EctoLibSql.Test.NaiveJson do
  @moduledoc false
  # What SQLite's JSON functions do, on Elixir terms, written as plainly as it goes. Every function
  # is of a term and a path, and answers `:none` where there is nothing.

  def get(term, []), do: term

  def get(map, [key | rest]) when is_map(map) and is_binary(key) do
    case map do
      %{^key => value} -> get(value, rest)
      %{} -> :none
    end
  end

  def get(list, [index | rest]) when is_list(list) and is_integer(index) do
    case Enum.fetch(list, index) do
      {:ok, value} -> get(value, rest)
      :error -> :none
    end
  end

  def get(_term, _path), do: :none

  def set(term, path, value) do
    if get(term, path) == :none, do: insert(term, path, value), else: replace(term, path, value)
  end

  def replace(_term, [], value), do: value

  def replace(term, [part | rest] = path, value) do
    if get(term, path) == :none,
      do: term,
      else: put(term, part, replace(get(term, [part]), rest, value))
  end

  def insert(term, path, value) do
    if get(term, path) == :none, do: insert_missing(term, path, value), else: term
  end

  # Goes down as far as there is something, and makes the rest where it can be made.
  defp insert_missing(term, [part | rest], value) do
    case get(term, [part]) do
      :none ->
        case made(rest, value) do
          {:ok, made} -> add(term, part, made)
          :error -> term
        end

      inner ->
        put(term, part, insert_missing(inner, rest, value))
    end
  end

  defp made([], value), do: {:ok, value}
  defp made([key | rest], value) when is_binary(key), do: made(rest, value, &%{key => &1})
  defp made([first | rest], value) when first in [0, :append], do: made(rest, value, &[&1])
  defp made(_path, _value), do: :error

  defp made(rest, value, wrap) do
    with {:ok, made} <- made(rest, value), do: {:ok, wrap.(made)}
  end

  defp add(map, key, value) when is_map(map) and is_binary(key), do: Map.put(map, key, value)
  defp add(list, :append, value) when is_list(list), do: list ++ [value]
  defp add(list, index, value) when is_list(list) and index == length(list), do: list ++ [value]
  defp add(term, _part, _value), do: term

  defp put(map, key, value) when is_map(map), do: Map.put(map, key, value)
  defp put(list, index, value), do: List.replace_at(list, index, value)

  def remove(_term, []), do: nil

  def remove(term, [part | rest] = path) do
    cond do
      get(term, path) == :none -> term
      rest != [] -> put(term, part, remove(get(term, [part]), rest))
      is_map(term) -> Map.delete(term, part)
      true -> List.delete_at(term, part)
    end
  end

  # RFC 7396.
  def patch(term, patch) when is_map(patch) do
    Enum.reduce(patch, if(is_map(term), do: term, else: %{}), fn
      {key, nil}, map -> Map.delete(map, key)
      {key, value}, map -> Map.put(map, key, patch(Map.get(map, key), value))
    end)
  end

  def patch(_term, patch), do: patch

  def count(term) when is_map(term), do: map_size(term)
  def count(term) when is_list(term), do: length(term)
  def count(_term), do: nil

  def keys(term) when is_map(term), do: term |> Map.keys() |> Enum.sort()
  def keys(_term), do: nil

  def depth(:none), do: nil

  def depth(term) do
    case inner(term) do
      [] -> 1
      inner -> 1 + (inner |> Enum.map(&depth(elem(&1, 1))) |> Enum.max())
    end
  end

  def each(term) do
    if is_map(term) or is_list(term),
      do: for({key, value} <- inner(term), do: {[key], value}),
      else: [{[], term}]
  end

  def tree(term, path \\ []) do
    [{path, term} | Enum.flat_map(inner(term), fn {key, value} -> tree(value, path ++ [key]) end)]
  end

  # The order in which objects are encoded.
  defp inner(map) when is_map(map), do: Enum.sort(map)
  defp inner(list) when is_list(list), do: Enum.with_index(list, &{&2, &1})
  defp inner(_scalar), do: []

  def type(:none), do: nil
  def type(nil), do: "null"
  def type(boolean) when is_boolean(boolean), do: Atom.to_string(boolean)
  def type(integer) when is_integer(integer), do: "integer"
  def type(float) when is_float(float), do: "real"
  def type(text) when is_binary(text), do: "text"
  def type(list) when is_list(list), do: "array"
  def type(map) when is_map(map), do: "object"
end

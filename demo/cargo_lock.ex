defmodule Demo.CargoLock do
  @moduledoc false
  # Reads the packages of a Cargo.lock: the part of TOML that Cargo writes there, and no more.
  # Other tables than [[package]] are passed over.

  @type key :: {name :: String.t(), version :: String.t(), source :: String.t()}
  @type package :: %{key: key(), checksum: String.t() | nil, dependencies: [key()]}

  @spec read(Path.t()) :: {:ok, [package()]} | {:error, String.t()}
  def read(path) do
    with {:ok, text} <- read_text(path),
         {:ok, packages} <- parse(text) do
      {:ok, packages}
    else
      {:error, reason} -> {:error, "#{path}: #{reason}"}
    end
  end

  @doc false
  @spec parse(String.t()) :: {:ok, [package()]} | {:error, String.t()}
  def parse(text) do
    text
    |> String.split(["\r\n", "\n"])
    |> Enum.map(&String.trim/1)
    |> Enum.with_index(1)
    |> tables(:top, [])
    |> resolve()
  catch
    {:malformed, reason} -> {:error, reason}
  end

  defp read_text(path) do
    with {:ok, text} <- File.read(path) do
      if String.valid?(text), do: {:ok, text}, else: {:error, "not UTF-8 text"}
    else
      {:error, reason} -> {:error, to_string(:file.format_error(reason))}
    end
  end

  # Lines to packages, each a map of what its table holds. `packages` are in reverse order.
  defp tables([], _table, packages), do: Enum.reverse(packages)

  defp tables([{"", _} | lines], table, packages), do: tables(lines, table, packages)
  defp tables([{"#" <> _, _} | lines], table, packages), do: tables(lines, table, packages)

  defp tables([{"[[package]]", line} | lines], _table, packages),
    do: tables(lines, :package, [%{line: line} | packages])

  defp tables([{"[" <> _ = header, line} | lines], _table, packages) do
    unless String.ends_with?(header, "]"), do: malformed(line, "a table's name has no end")
    tables(lines, :other, packages)
  end

  defp tables([{entry, line} | lines], table, packages) do
    case {String.split(entry, "=", parts: 2), table} do
      {[key, value], :package} ->
        {value, lines} = value(String.trim(value), line, lines)
        [package | rest] = packages
        tables(lines, table, [put(package, String.trim(key), value, line) | rest])

      # Such as `version = 4` at the top, and checksums of the first format.
      {[_key, _value], _} ->
        tables(lines, table, packages)

      _ ->
        malformed(line, "expected `key = value` or a table's name")
    end
  end

  defp put(package, key, value, line) do
    if is_map_key(package, key), do: malformed(line, "#{key} is there twice")
    Map.put(package, key, value)
  end

  defp value("[" <> rest, line, lines), do: array(String.trim(rest), line, lines, [])
  defp value(value, line, lines), do: {string(value, line), lines}

  # An array of strings, on one line or on several.
  defp array("]", _line, lines, strings), do: {Enum.reverse(strings), lines}

  defp array(text, line, lines, strings) when text == "" or binary_part(text, 0, 1) == "#" do
    case lines do
      [{text, line} | lines] -> array(text, line, lines, strings)
      [] -> malformed(line, "the file ends inside an array")
    end
  end

  defp array(text, line, lines, strings) do
    case Regex.run(~r/\A("[^"]*")\s*(,?)\s*(.*)\z/, text, capture: :all_but_first) do
      [string, comma, rest] when comma == "," or rest in ["", "]"] ->
        array(rest, line, lines, [string(string, line) | strings])

      _ ->
        malformed(line, "expected a string, a comma or the array's end")
    end
  end

  defp string(text, line) do
    case Regex.run(~r/\A"([^"\\]*)"\z/, text, capture: :all_but_first) do
      [string] -> string
      nil -> malformed(line, "expected a string or an array of strings, got: #{text}")
    end
  end

  defp resolve([]), do: {:error, "it holds no [[package]]"}

  defp resolve(tables) do
    packages = Enum.map(tables, &package/1)
    keys = Enum.map(packages, & &1.key)

    case keys -- Enum.uniq(keys) do
      [] -> :ok
      [{name, version, _} | _] -> throw({:malformed, "#{name} #{version} is there twice"})
    end

    by_name = Enum.group_by(keys, &elem(&1, 0))

    {:ok,
     for package <- packages do
       dependencies = Enum.map(package.dependencies, &dependency(&1, package, by_name))
       %{key: package.key, checksum: package.checksum, dependencies: Enum.uniq(dependencies)}
     end}
  end

  defp package(%{"name" => name, "version" => version, line: line} = table)
       when is_binary(name) and is_binary(version) do
    dependencies = Map.get(table, "dependencies", [])
    unless is_list(dependencies), do: malformed(line, "the package's dependencies are no array")

    %{
      # A package of the workspace has no source.
      key: {name, version, table["source"] || "workspace"},
      checksum: table["checksum"],
      dependencies: dependencies,
      line: line
    }
  end

  defp package(%{line: line}), do: malformed(line, "the package has no name or no version")

  # "name", or, where that says too little, "name version", or "name version (source)".
  defp dependency(text, package, by_name) do
    [name | wanted] = String.split(text, " ", parts: 3)

    by_name
    |> Map.get(name, [])
    |> Enum.filter(fn {_, version, source} ->
      List.starts_with?([version, "(#{source})"], wanted)
    end)
    |> case do
      [key] -> key
      [] -> malformed(package.line, "the package needs #{text}, which is not in the file")
      _ -> malformed(package.line, "the package needs #{text}, which is there more than once")
    end
  end

  @spec malformed(pos_integer(), String.t()) :: no_return()
  defp malformed(line, reason), do: throw({:malformed, "line #{line}: #{reason}"})
end

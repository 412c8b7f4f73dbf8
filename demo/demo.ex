defmodule Demo do
  @moduledoc false
  # Loads a Cargo.lock and answers questions about it, with the time that each took.

  alias Demo.{CargoLock, Crates, Table}

  @tree_lines 25

  @doc """
  Options: `:database`, `:lock` (paths), `:crate` and `:search` (each may be nil).
  """
  @spec run(keyword()) :: :ok | {:error, String.t()}
  def run(options) do
    search = options[:search] || "sql"

    with :ok <- searchable(search),
         {:ok, packages} <- CargoLock.read(options[:lock]),
         {:ok, s} <- EctoLibSql.connect(database: options[:database]) do
      try do
        load(s, options, packages)
        answer(s, options[:crate], search)
      catch
        {:failed, reason} -> {:error, reason}
      after
        EctoLibSql.disconnect(s)
      end
    else
      {:error, reason} when is_binary(reason) -> {:error, reason}
      {:error, error} -> {:error, Exception.message(error)}
    end
  end

  # The full-text index holds all sequences of three characters.
  defp searchable(text) do
    if String.length(text) >= 3,
      do: :ok,
      else: {:error, "a search takes three characters or more, got: #{inspect(text)}"}
  end

  defp load(s, options, packages) do
    {_, took} = timed(fn -> Crates.create_schema(s) end)
    IO.puts("\nSchema in #{options[:database]}, one batch script #{took}")

    {counts, took} = timed(fn -> Crates.update(s, packages) end)

    IO.puts("""
    #{options[:lock]}: #{counts.crates} crates, #{counts.edges} edges, one transaction #{took}
    #{counts.added} added, #{counts.changed} changed, #{counts.removed} removed\
    """)
  end

  defp answer(s, name, search) do
    {[root, root_name, _], _} = timed(fn -> Crates.root(s) end)
    {crate, crate_name} = crate(s, name, root)
    {tree_root, tree_name} = if name, do: {crate, crate_name}, else: {root, root_name}

    table("The dependency tree of #{tree_name}, the first #{@tree_lines} lines", fn ->
      Crates.tree(s, tree_root, @tree_lines)
    end)

    table("How far from #{tree_name} what it needs is", fn -> Crates.distances(s, tree_root) end)
    table("Why #{crate_name} is there", fn -> Crates.why(s, root, crate) end)
    table("Crates in more than one version", fn -> Crates.duplicates(s) end)
    table("What the most crates need", fn -> Crates.most_needed(s, 5) end)
    table("Names that hold #{inspect(search)}", fn -> Crates.search(s, search) end)
  end

  # The crate that is asked for; else the one furthest from the root.
  defp crate(s, nil, root) do
    {[id, name, _], _} = timed(fn -> Crates.furthest(s, root) end)
    {id, name}
  end

  defp crate(s, name, _root) do
    case Crates.find(s, name) do
      {:ok, [id, name, _]} -> {id, name}
      {:error, :not_found} -> throw({:failed, "no crate is named #{name}"})
      {:error, error} -> throw({:failed, Exception.message(error)})
    end
  end

  defp table(title, question) do
    {result, took} = timed(question)
    IO.puts("\n#{title} #{took}")
    IO.write(if result.rows == [], do: "  none\n", else: Table.format(result))
  end

  # The answer, and how long it took in words.
  defp timed(work) do
    case :timer.tc(work) do
      {_, {:error, error}} -> throw({:failed, message(error)})
      {microseconds, {:ok, value}} -> {value, took(microseconds)}
      {microseconds, :ok} -> {nil, took(microseconds)}
    end
  end

  defp message(%{__exception__: true} = error), do: Exception.message(error)
  defp message(other), do: inspect(other)

  defp took(microseconds),
    do: "(#{:erlang.float_to_binary(microseconds / 1000, decimals: 2)} ms)"
end

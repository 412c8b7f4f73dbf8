if Code.ensure_loaded?(StreamData) do
  defmodule EctoLibSql.Driver.VectorPropertyTest do
    # Blobs and distances of random vectors: libSQL's own functions know them.
    use ExUnit.Case, async: true
    use ExUnitProperties

    alias EctoLibSql.Vector

    @functions [
      f64: "vector64",
      f32: "vector32",
      f16: "vector16",
      fb16: "vectorb16",
      f8: "vector8",
      f1bit: "vector1bit"
    ]

    setup_all do
      {:ok, s} = EctoLibSql.connect(database: ":memory:")
      {:ok, s: s}
    end

    # Any bits that are a finite 32-bit float within what a 16-bit one can be.
    defp number do
      [
        float(min: -60_000.0, max: 60_000.0),
        float(min: -1.0, max: 1.0),
        map(integer(-5..5), &(&1 / 1)),
        bits()
      ]
      |> one_of()
      |> map(fn number ->
        <<single::float-32>> = <<number::float-32>>
        single
      end)
    end

    defp bits do
      gen all(
            sign <- integer(0..1),
            exponent <- integer(0..141),
            fraction <- integer(0..0x7FFFFF)
          ) do
        <<number::float-32>> = <<sign::1, exponent::8, fraction::23>>
        number
      end
    end

    defp vector, do: list_of(number(), min_length: 1, max_length: 40)

    defp one(s, sql, params), do: s |> EctoLibSql.query_one(sql, params) |> elem(1) |> hd()

    defp without_padding(:f8, blob) do
      padding = :binary.at(blob, byte_size(blob) - 2)
      size = byte_size(blob) - 11 - padding
      <<numbers::binary-size(size), _::binary-size(padding), rest::binary>> = blob
      {numbers, rest}
    end

    defp without_padding(_kind, blob), do: blob

    property "encoded and decoded as libSQL does it", %{s: s} do
      check all(vector <- vector(), {kind, function} <- member_of(@functions), max_runs: 400) do
        # libSQL's text of numbers is not exact, its blobs are.
        f32 = Vector.encode!(vector, :f32)
        theirs = one(s, "SELECT #{function}(?)", [{:blob, f32}])
        blob = Vector.encode!(vector, kind, length(vector))
        assert without_padding(kind, blob) == without_padding(kind, theirs)

        {:ok, ^kind, numbers} = Vector.decode(theirs)

        assert {:ok, :f32, as_f32} =
                 Vector.decode(one(s, "SELECT vector32(?)", [{:blob, theirs}]))

        assert numbers == as_f32
        assert Vector.to_list(theirs, kind, length(vector)) == {:ok, numbers}

        # What has been stored is stored alike when it is given again.
        unless kind == :f8, do: assert(Vector.encode!(numbers, kind) == blob)
      end
    end

    property "vector_extract says the same numbers, to six digits", %{s: s} do
      check all(vector <- vector(), kind <- member_of(Vector.kinds()), max_runs: 200) do
        blob = Vector.encode!(vector, kind)
        "[" <> text = one(s, "SELECT vector_extract(?)", [{:blob, blob}])
        {:ok, _kind, numbers} = Vector.decode(blob)

        theirs =
          for part <- text |> String.trim_trailing("]") |> String.split(","),
              {number, ""} = Float.parse(part),
              do: number

        for {ours, theirs} <- Enum.zip(numbers, theirs),
            do: assert_in_delta(ours, theirs, abs(ours) * 1.0e-5 + 1.0e-45)
      end
    end

    property "f64 keeps every number", %{s: s} do
      check all(vector <- list_of(float(), min_length: 1, max_length: 20)) do
        blob = Vector.encode!(vector, :f64)
        assert Vector.decode(blob) == {:ok, :f64, vector}
        assert one(s, "SELECT vector64(?)", [{:blob, blob}]) == blob
      end
    end

    property "distances are those that SQL calculates", %{s: s} do
      check all(
              size <- integer(1..20),
              a <- list_of(integer(-100..100), length: size),
              b <- list_of(integer(-100..100), length: size),
              kind <- member_of(Vector.kinds()),
              {metric, function} <-
                member_of(cosine: "vector_distance_cos", l2: "vector_distance_l2"),
              kind != :f1bit or metric == :cosine
            ) do
        params = for v <- [a, b], do: {:blob, Vector.encode!(v, kind)}
        theirs = one(s, "SELECT #{function}(?, ?)", params)
        ours = Vector.distance(a, b, metric, kind)
        # A sum of products of f8 may end on either side of zero.
        if ours != nil and theirs != nil,
          do: assert_in_delta(theirs, ours, 1.0e-3 * (1 + abs(ours)))

        if kind != :f8, do: assert(is_nil(ours) == is_nil(theirs))
      end
    end

    property "any bytes are a vector or an error, as in libSQL", %{s: s} do
      check all(blob <- binary(max_length: 40), max_runs: 400) do
        theirs = EctoLibSql.query_one(s, "SELECT vector_extract(?)", [{:blob, blob}])

        case Vector.decode(blob) do
          {:ok, _kind, numbers} ->
            assert Enum.all?(numbers, &is_float/1)
            assert {:ok, ["[" <> _]} = theirs

          {:error, error} ->
            assert error.code == :invalid_argument
        end
      end
    end
  end
end

if Code.ensure_loaded?(Ecto.Adapters.SQL) do
  defmodule Ecto.Adapters.LibSql.DDL.VectorColumns do
    @moduledoc false
    # A column that is changed into one of vectors, or of another kind of them: its vectors are
    # converted, also from text such as '[1, 2]'. The table is built anew, since an index has the kind and the
    # dimension of when it was created.

    alias EctoLibSql.Vector

    @functions %{
      f64: "vector64",
      f32: "vector32",
      f16: "vector16",
      fb16: "vectorb16",
      f8: "vector8",
      f1bit: "vector1bit"
    }

    @doc "What a value becomes."
    @spec conversion(keyword()) :: (iodata() -> iodata())
    def conversion(opts) do
      function = Map.fetch!(@functions, opts[:type])
      fn copy -> ["CASE WHEN ", copy, " IS NOT NULL THEN ", function, ?(, copy, ") END"] end
    end

    @doc "How many bytes each has then: another number is another dimension."
    @spec bytes(keyword()) :: pos_integer()
    def bytes(opts),
      do: 0 |> List.duplicate(opts[:size]) |> Vector.encode!(opts[:type]) |> byte_size()
  end
end

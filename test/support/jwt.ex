defmodule EctoLibSql.Test.JWT do
  @moduledoc false
  # Tokens as a libSQL server takes them: signed with Ed25519, and the key that checks them.

  defstruct [:public, :private]

  @type t :: %__MODULE__{public: binary(), private: binary()}

  @spec generate_key() :: t()
  def generate_key do
    {public, private} = :crypto.generate_key(:eddsa, :ed25519)
    %__MODULE__{public: public, private: private}
  end

  @doc "Writes the public key for sqld's `--auth-jwt-key-file`."
  @spec write_public_key!(t(), Path.t()) :: :ok
  def write_public_key!(%__MODULE__{public: public}, path), do: File.write!(path, encode(public))

  @doc """
  A token with these claims, for example `a: "ro", id: "namespace", exp: 1_900_000_000`, or
  `p: %{rw: %{ns: ["namespace"]}}`.
  """
  @spec token(t(), keyword()) :: String.t()
  def token(%__MODULE__{private: private}, claims) do
    signed = encode(json(%{alg: "EdDSA", typ: "JWT"})) <> "." <> encode(json(Map.new(claims)))
    signed <> "." <> encode(:crypto.sign(:eddsa, :none, signed, [private, :ed25519]))
  end

  defp encode(bytes), do: Base.url_encode64(bytes, padding: false)

  # What claims are made of; names and values need no escapes.
  defp json(integer) when is_integer(integer), do: Integer.to_string(integer)
  defp json(text) when is_binary(text), do: ~s("#{text}")
  defp json(list) when is_list(list), do: "[#{Enum.map_join(list, ",", &json/1)}]"

  defp json(map) when is_map(map),
    do: "{#{Enum.map_join(map, ",", fn {name, value} -> ~s("#{name}":) <> json(value) end)}}"
end

defmodule Shop.Accounts.Password do
  @moduledoc """
  Passwords as the database has them: a salt, and what PBKDF2 makes of both.
  """

  # As in many applications' tests, fewer than in production.
  @rounds Application.compile_env(:shop, :password_rounds, 1_000)
  @salt_bytes 16

  def hash(password, salt \\ :crypto.strong_rand_bytes(@salt_bytes)) do
    salt <> :crypto.pbkdf2_hmac(:sha256, password, salt, @rounds, 32)
  end

  def matches?(password, <<salt::binary-size(@salt_bytes), _::binary>> = hash),
    do: :crypto.hash_equals(hash(password, salt), hash)
end

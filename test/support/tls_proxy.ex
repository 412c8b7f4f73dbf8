defmodule EctoLibSql.Test.TlsProxy do
  @moduledoc false
  # TLS before a server's port on loopback, with certificates of its own, for "localhost" and
  # 127.0.0.1. Their files:
  #   * `ca_file` - the authority of the server's certificate
  #   * `other_ca_file` - an authority that did not sign it
  #   * `client_certificate_file`, `client_key_file` - of a client, from that other authority

  use GenServer

  @enforce_keys [:port, :ca_file, :other_ca_file, :client_certificate_file, :client_key_file]
  defstruct @enforce_keys

  @type t :: %__MODULE__{}

  # An elliptic curve's would have parameters in its signatures that rustls refuses.
  @key {:rsa, 2048, 65_537}
  @subject_alternative_name {2, 5, 29, 17}

  @doc """
  Starts one that ends with the test, before a port; it writes its files to `directory`.

  With `client_certificate: true` it lets only those in who have one.
  """
  @spec start!(:inet.port_number(), Path.t(), keyword()) :: t()
  def start!(port, directory, opts \\ []) do
    certificates = generate()
    arguments = {port, server_options(certificates.server_config, opts)}

    pid =
      ExUnit.Callbacks.start_supervised!(%{
        id: make_ref(),
        start: {GenServer, :start_link, [__MODULE__, arguments]},
        restart: :temporary
      })

    files = write_files(certificates, directory)
    struct!(__MODULE__, [port: GenServer.call(pid, :port)] ++ files)
  end

  @doc "The URL to connect to."
  def url(%__MODULE__{port: port}), do: "https://localhost:#{port}"

  @impl true
  def init({upstream, options}) do
    {:ok, listener} = :ssl.listen(0, options)
    {:ok, {_address, port}} = :ssl.sockname(listener)
    spawn_link(fn -> accept(listener, upstream) end)
    {:ok, {listener, port}}
  end

  @impl true
  def handle_call(:port, _from, {_listener, port} = state), do: {:reply, port, state}

  defp accept(listener, upstream) do
    with {:ok, client} <- :ssl.transport_accept(listener) do
      link = spawn_link(fn -> await_client(client, upstream) end)
      :ok = :ssl.controlling_process(client, link)
      send(link, :owner)
      accept(listener, upstream)
    end
  end

  defp await_client(client, port) do
    receive do: (:owner -> :ok)

    with {:ok, client} <- :ssl.handshake(client),
         {:ok, upstream} <- :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: :once]),
         :ok <- :ssl.setopts(client, active: :once) do
      pass(client, upstream)
    end
  end

  defp pass(client, upstream) do
    receive do
      {:ssl, ^client, bytes} ->
        :gen_tcp.send(upstream, bytes)
        :ssl.setopts(client, active: :once)
        pass(client, upstream)

      {:tcp, ^upstream, bytes} ->
        :ssl.send(client, bytes)
        :inet.setopts(upstream, active: :once)
        pass(client, upstream)

      _closed_or_error ->
        :ssl.close(client)
        :gen_tcp.close(upstream)
    end
  end

  defp server_options(config, opts) do
    verify =
      if opts[:client_certificate],
        do: [verify: :verify_peer, fail_if_no_peer_cert: true],
        else: [verify: :verify_none]

    # A client that breaks off is what some tests are about.
    [
      :binary,
      ip: {127, 0, 0, 1},
      active: false,
      alpn_preferred_protocols: ["h2", "http/1.1"],
      log_level: :none
    ] ++ verify ++ config
  end

  defp generate do
    names = [dNSName: ~c"localhost", iPAddress: <<127, 0, 0, 1>>]
    extension = {:Extension, @subject_alternative_name, false, names}
    own = [key: @key, digest: :sha256]

    :public_key.pkix_test_data(%{
      server_chain: %{root: own, peer: [extensions: [extension]] ++ own},
      client_chain: %{root: own, peer: own}
    })
  end

  # Both sides are given the authorities of both.
  defp write_files(%{server_config: server, client_config: client}, directory) do
    {own, other} =
      Enum.split_with(client[:cacerts], &:public_key.pkix_is_issuer(server[:cert], &1))

    {key_type, key} = client[:key]

    [
      ca_file: write_pem(directory, "ca.pem", certificates(own)),
      other_ca_file: write_pem(directory, "other_ca.pem", certificates(other)),
      client_certificate_file: write_pem(directory, "client.pem", certificates([client[:cert]])),
      client_key_file: write_pem(directory, "client_key.pem", [{key_type, key, :not_encrypted}])
    ]
  end

  defp certificates(encoded), do: for(one <- encoded, do: {:Certificate, one, :not_encrypted})

  defp write_pem(directory, name, entries) do
    path = Path.join(directory, name)
    File.write!(path, :public_key.pem_encode(entries))
    path
  end
end

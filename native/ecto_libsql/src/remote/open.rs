//! Opening a connection to a server.

use std::path::PathBuf;
use std::sync::Arc;

use ecto_libsql_engine::error::Result;
use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::remote::{RemoteConnection, RemoteOptions};
use rustler::{Atom, Env, Term};

use super::owner::watch_owner;
use super::session::{self, RemoteSession};
use crate::atoms;
use crate::connection::{form, get, scope};
use crate::owner::Pid;

/// How to reach the server: of the map that `EctoLibSql.Remote.Options` makes.
pub fn remote_options(options: Term<'_>) -> Result<RemoteOptions> {
    let certificate: Option<(String, String)> = get(options, atoms::client_certificate())?;
    let ca_file: Option<String> = get(options, atoms::ca_file())?;
    Ok(RemoteOptions {
        uri: get(options, atoms::uri())?,
        auth_token: get(options, atoms::auth_token())?,
        namespace: get(options, atoms::namespace())?,
        ca_file: ca_file.map(PathBuf::from),
        client_certificate: certificate
            .map(|(certificate, key)| (PathBuf::from(certificate), PathBuf::from(key))),
        encryption_key: get(options, atoms::encryption_key())?,
    })
}

pub fn open(env: Env<'_>, options: Term<'_>) -> Result<Arc<RemoteSession>> {
    let scope_name: Atom = get(options, atoms::transaction_scope())?;
    let connection = RemoteConnection::open(remote_options(options)?)?;
    let forms = Forms {
        uuid: form(options, atoms::uuid_type())?,
        map: form(options, atoms::map_type())?,
        array: form(options, atoms::array_type())?,
    };
    let session = Arc::new(RemoteSession::new(
        connection,
        get(options, atoms::database())?,
        Pid(env.pid()),
        scope(scope_name),
        forms,
    ));
    session::add(&session);
    watch_owner(env, &session);
    Ok(session)
}

//! Opening a connection to a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::error::Result;
use ecto_libsql_engine::form::Forms;
use ecto_libsql_engine::remote::{BreakerOptions, ReadServer, RemoteOptions};
use rustler::{Atom, Env, Term};

use super::breakers;
use super::owner::{REMOTE, Remote, watch_owner};
use crate::atoms;
use crate::connection::{form, get, scope};
use crate::lifecycle::opening;
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
        breaker: breaker(options)?,
        failover: failover(options)?,
    })
}

/// `nil`, or `{failures, open_for, max_open_for}`, the times in milliseconds.
fn breaker(options: Term<'_>) -> Result<Option<BreakerOptions>> {
    let given: Option<(u32, u64, u64)> = get(options, atoms::breaker())?;
    Ok(
        given.map(|(failures, open_for, max_open_for)| BreakerOptions {
            failures,
            open_for: Duration::from_millis(open_for),
            max_open_for: Duration::from_millis(max_open_for),
        }),
    )
}

/// `[{uri, auth_token, namespace}]`
fn failover(options: Term<'_>) -> Result<Vec<ReadServer>> {
    let given: Vec<(String, Option<String>, Option<String>)> = get(options, atoms::failover())?;
    let servers = given
        .into_iter()
        .map(|(uri, auth_token, namespace)| ReadServer {
            uri,
            auth_token,
            namespace,
        });
    Ok(servers.collect())
}

pub fn open(env: Env<'_>, options: Term<'_>) -> Result<Arc<Remote>> {
    let remote = remote_options(options)?;
    let scope_name: Atom = get(options, atoms::transaction_scope())?;
    breakers::tell(get(options, atoms::events())?);
    let forms = Forms {
        uuid: form(options, atoms::uuid_type())?,
        map: form(options, atoms::map_type())?,
        array: form(options, atoms::array_type())?,
    };
    let _opening = opening()?;
    let session = REMOTE.open(
        remote,
        get(options, atoms::database())?,
        forms,
        Pid(env.pid()),
        scope(scope_name),
    )?;
    watch_owner(env, &session);
    Ok(session)
}

//! What statements do, as messages to the process that passes them on (`EctoLibSql.Trace.Relay`).
//!
//! SQLite tells in the middle of a statement, on whichever thread runs it: what is to be said is handed
//! to a thread of our own, and no more is handed over than the relay has taken, up to a limit.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use ecto_libsql_engine::Id;
use ecto_libsql_engine::error::{Error, Result};
use ecto_libsql_engine::local::{Event, Listener, SlowQueries, Wants};
use parking_lot::RwLock;
use rustler::{Atom, Encoder, Env, LocalPid, OwnedEnv, Resource, ResourceArc, Term};

use crate::atoms;
use crate::calling::caller_here;
use crate::error::reply;
use crate::list::proper;
use crate::owner::{CallContext, REGISTRY};
use crate::result::id_text;
use crate::status::{expanded, figures_term};
use crate::terms;

/// So many messages of one trace may be on their way to the relay; more are lost, and counted.
const UNDER_WAY: usize = 1_000;

static RELAY: RwLock<Option<LocalPid>> = RwLock::new(None);

/// How often a relay was started: what the one before had not taken is taken by nobody.
static RELAYS: AtomicU64 = AtomicU64::new(0);

/// One trace, on its way to whom it is for.
pub struct Outlet {
    /// `None`: for telemetry.
    subscriber: Option<LocalPid>,
    database: Option<String>,
    connection: Option<Id>,
    /// The engine's number of the trace.
    number: AtomicU64,
    open: AtomicBool,
    under_way: AtomicUsize,
    lost: AtomicU64,
    relay: AtomicU64,
}

impl Resource for Outlet {}

impl Outlet {
    fn new(subscriber: Option<LocalPid>, database: Option<String>, connection: Option<Id>) -> Self {
        Outlet {
            subscriber,
            database,
            connection,
            number: AtomicU64::new(0),
            open: AtomicBool::new(true),
            under_way: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            relay: AtomicU64::new(RELAYS.load(Relaxed)),
        }
    }

    /// Whether there is room for one more.
    fn takes(&self) -> bool {
        let relay = RELAYS.load(Relaxed);
        if self.relay.swap(relay, Relaxed) != relay {
            self.under_way.store(0, Relaxed);
        }
        if self.under_way.load(Relaxed) < UNDER_WAY {
            self.under_way.fetch_add(1, Relaxed);
            return true;
        }
        self.lost.fetch_add(1, Relaxed);
        false
    }

    fn taken(&self) {
        // The relay before may have had some of them.
        let _ = self
            .under_way
            .fetch_update(Relaxed, Relaxed, |count| count.checked_sub(1));
    }
}

struct Told {
    outlet: ResourceArc<Outlet>,
    connection: Option<Id>,
    caller: Option<LocalPid>,
    event: Event,
}

struct OutletListener(ResourceArc<Outlet>);

impl std::fmt::Debug for OutletListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutletListener")
    }
}

impl Listener for OutletListener {
    fn tell(&self, connection: Option<Id>, event: Event) {
        let Some(teller) = &*TELLER else { return };
        if self.0.open.load(Relaxed) && self.0.takes() {
            // It receives for as long as the library is loaded.
            let _ = teller.send(Told {
                outlet: self.0.clone(),
                connection,
                caller: caller_here(),
                event,
            });
        }
    }
}

/// Sends what is told: from a thread of the BEAM's, a message would stay on the caller's heap.
static TELLER: LazyLock<Option<Sender<Told>>> = LazyLock::new(|| {
    let (sender, receiver) = channel::<Told>();
    thread::Builder::new()
        .name("ecto_libsql_trace".to_owned())
        .spawn(move || receiver.into_iter().for_each(send))
        .ok()
        .map(|_| sender)
});

fn send(told: Told) {
    let Some(relay) = *RELAY.read() else { return };
    // A relay that is dead takes nothing.
    let _ = OwnedEnv::new().send_and_clear(&relay, |env| told.term(env));
}

impl Told {
    /// `{:ecto_libsql_trace, outlet, subscriber, connection, kind, map}`
    fn term<'a>(self, env: Env<'a>) -> Term<'a> {
        let (kind, mut pairs) = event_pairs(env, &self.event);
        if let Some(database) = &self.outlet.database {
            pairs.push((atoms::database(), database.encode(env)));
        }
        if let Some(caller) = &self.caller {
            pairs.push((atoms::pid(), caller.encode(env)));
        }
        let subscriber = self.outlet.subscriber;
        let connection = self.connection.map(id_text);
        let map = terms::map(env, &pairs);
        (
            atoms::ecto_libsql_trace(),
            self.outlet,
            subscriber,
            connection,
            kind,
            map,
        )
            .encode(env)
    }
}

fn event_pairs<'a>(env: Env<'a>, event: &Event) -> (Atom, Vec<(Atom, Term<'a>)>) {
    let run = |run: &u64| (atoms::run(), run.encode(env));
    let sql = |sql: &Arc<str>| (atoms::sql(), (**sql).encode(env));
    let expanded = |sql: &Option<Arc<str>>| (atoms::expanded_sql(), sql.as_deref().encode(env));
    let duration = |duration: &Duration| {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        (atoms::duration(), nanoseconds.encode(env))
    };
    match event {
        Event::Stmt {
            run: number,
            sql: text,
            expanded_sql,
        } => (
            atoms::stmt(),
            vec![run(number), sql(text), expanded(expanded_sql)],
        ),
        Event::Profile {
            run: number,
            sql: text,
            expanded_sql,
            duration: took,
            counters,
        } => (
            atoms::profile(),
            vec![
                run(number),
                sql(text),
                expanded(expanded_sql),
                duration(took),
                (atoms::statistics(), figures_term(env, &counters.figures())),
            ],
        ),
        Event::Row { run: number, row } => (
            atoms::row(),
            vec![run(number), (atoms::row(), row.encode(env))],
        ),
        Event::Progress {
            run: number,
            sql: text,
            vm_steps,
            duration: took,
        } => (
            atoms::progress(),
            vec![
                run(number),
                sql(text),
                (atoms::vm_steps(), vm_steps.encode(env)),
                duration(took),
            ],
        ),
        Event::Close => (atoms::close(), Vec::new()),
        Event::Stopped => (atoms::stop(), Vec::new()),
    }
}

/// `options`: nil, or `{milliseconds, redact}` of the option `slow_query`, where `redact` is nil if the
/// SQL is not to be expanded.
pub fn slow_queries(
    options: Option<(u64, Term<'_>)>,
    database: &str,
) -> Result<Option<SlowQueries>> {
    let Some((threshold, redact)) = options else {
        return Ok(None);
    };
    let outlet = Outlet::new(None, Some(database.to_owned()), None);
    Ok(Some(SlowQueries {
        threshold: Duration::from_millis(threshold),
        expanded: expanded(redact)?,
        listener: Arc::new(OutletListener(ResourceArc::new(outlet))),
    }))
}

/// The calling process is the relay from now on.
#[rustler::nif]
fn trace_listen(env: Env<'_>) -> Atom {
    RELAYS.fetch_add(1, Relaxed);
    *RELAY.write() = Some(env.pid());
    atoms::ok()
}

/// `{:ok, outlet}`. `wants`: the kinds of events, the milliseconds between two of progress, and `redact`
/// as for expanded SQL, or nil.
#[rustler::nif(schedule = "DirtyIo")]
fn trace_start<'a>(
    env: Env<'a>,
    state: Term<'a>,
    subscriber: LocalPid,
    wants: (Term<'a>, u64, Term<'a>),
) -> Term<'a> {
    let started = CallContext::new(env, state).and_then(|context| {
        let wants = self::wants(wants)?;
        let connection = context.connection.id();
        let outlet = ResourceArc::new(Outlet::new(Some(subscriber), None, Some(connection)));
        let listener = Arc::new(OutletListener(outlet.clone()));
        let number = context.connection.trace(wants, listener)?;
        outlet.number.store(number, Relaxed);
        Ok(outlet)
    });
    reply(env, started, |outlet| (atoms::ok(), outlet).encode(env))
}

fn wants((kinds, progress, redact): (Term<'_>, u64, Term<'_>)) -> Result<Wants> {
    let mut wants = Wants {
        expanded: expanded(redact)?,
        ..Wants::default()
    };
    let kinds = proper(kinds)
        .ok_or_else(|| Error::InvalidArgument("the events to trace are to be a list".to_owned()))?;
    for kind in kinds {
        match Atom::from_term(kind) {
            Ok(kind) if kind == atoms::stmt() => wants.stmt = true,
            Ok(kind) if kind == atoms::profile() => wants.profile = Some(Duration::ZERO),
            Ok(kind) if kind == atoms::row() => wants.row = true,
            Ok(kind) if kind == atoms::progress() => {
                wants.progress = Some(Duration::from_millis(progress));
            }
            _ => {
                return Err(Error::InvalidArgument(format!(
                    "there is no event {kind:?} to trace"
                )));
            }
        }
    }
    Ok(wants)
}

/// Nothing more is told from now on. Waits for nobody. Twice is fine.
#[rustler::nif(schedule = "DirtyIo")]
fn trace_stop(outlet: ResourceArc<Outlet>) -> Atom {
    outlet.open.store(false, Relaxed);
    if let Some(Ok(session)) = outlet.connection.map(|id| REGISTRY.session(id)) {
        session.stop_trace(outlet.number.load(Relaxed));
    }
    atoms::ok()
}

/// The relay has taken a message. Answers whether the trace goes on, and how many messages were
/// lost since it took the last one.
#[rustler::nif]
fn trace_taken(outlet: ResourceArc<Outlet>) -> (bool, u64) {
    outlet.taken();
    (outlet.open.load(Relaxed), outlet.lost.swap(0, Relaxed))
}

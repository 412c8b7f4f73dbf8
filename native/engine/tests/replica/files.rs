//! The copy's files: lost, damaged, somebody else's, frozen.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ecto_libsql_engine::local::Behavior;
use ecto_libsql_engine::remote::block_on;
use ecto_libsql_engine::replica::{Event, ResetReason, sync_frames};

use crate::copies::{Copy, Place, SUM, Writer, read, soon, within, write};
use crate::support::Sqld;

/// Where a process of its own finds what it works with.
const PLACE: &str = "ECTO_LIBSQL_TEST_PLACE";
const PRIMARY: &str = "ECTO_LIBSQL_TEST_PRIMARY";

/// A primary with a thousand rows, and a copy of it that is closed.
fn closed_copy() -> Option<(Sqld, Writer, Place)> {
    let server = Sqld::start()?;
    let writer = Writer::of(&server);
    writer.table();
    for _ in 0..10 {
        writer.fill(100);
    }
    let place = Place::new();
    drop(place.open(&server.uri()).unwrap());
    Some((server, writer, place))
}

/// Opens a copy whose files are not as they were: it has all that the primary has.
fn heals(server: &Sqld, writer: &Writer, place: &Place, reason: Option<ResetReason>, what: &str) {
    place.events.lock().clear();
    let copy = place.open(&server.uri()).unwrap();
    assert_eq!(copy.read(SUM), writer.read(SUM), "{what}");
    copy.is_sound();
    let expected: Vec<_> = reason.map(Event::Reset).into_iter().collect();
    let resets = place
        .events
        .lock()
        .iter()
        .filter(|it| matches!(it, Event::Reset(_)))
        .cloned()
        .collect::<Vec<_>>();
    assert_eq!(resets, expected, "{what}");
    writer.fill(1);
    copy.sync().unwrap();
    assert_eq!(copy.read(SUM), writer.read(SUM), "{what}");
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_copy_whose_files_were_lost_or_damaged_is_pulled_anew() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    let (copy, metadata) = (
        place.file("copy.db"),
        place.file("copy.db-client_wal_index"),
    );
    let heals = |reason, what: &str| heals(&server, &writer, &place, reason, what);
    let damaged = Some(ResetReason::FileDamaged);

    fs::remove_file(&copy).unwrap();
    heals(Some(ResetReason::FileMissing), "deleted");
    fs::write(&copy, []).unwrap();
    heals(Some(ResetReason::FileMissing), "emptied");
    change(&copy, |bytes| bytes.truncate(bytes.len() / 2));
    heals(damaged, "truncated");
    change(&copy, |bytes| bytes.truncate(100));
    heals(damaged, "truncated to its header");
    change(&copy, |bytes| bytes[..4096].fill(7));
    heals(damaged, "its first page overwritten");
    fs::write(&copy, "nonsense").unwrap();
    heals(damaged, "nonsense");
    fs::write(&metadata, [1; 31]).unwrap();
    heals(
        Some(ResetReason::MetadataDamaged),
        "metadata of another length",
    );
    fs::write(&metadata, []).unwrap();
    heals(Some(ResetReason::MetadataDamaged), "metadata emptied");
    fs::write(&metadata, [7; 32]).unwrap();
    heals(Some(ResetReason::LogChanged), "metadata of another log");
    change(&metadata, |bytes| bytes[18] = 7);
    heals(
        Some(ResetReason::WentBack),
        "metadata of a copy that is further",
    );
    change(&metadata, |bytes| {
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes())
    });
    heals(None, "metadata of a copy that has nothing");
}

/// As after a crash between the commit and the metadata.
#[test]
fn metadata_that_is_behind_costs_only_frames_fetched_twice() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    let metadata = place.file("copy.db-client_wal_index");
    let behind = fs::read(&metadata).unwrap();
    for round in 0..3 {
        for _ in 0..3 {
            writer.fill(100);
            writer.run("UPDATE t SET x = x || 'u' WHERE id % 5 = 0");
            writer.run("DELETE FROM t WHERE id % 11 = 3");
        }
        drop(place.open(&server.uri()).unwrap());
        fs::write(&metadata, &behind).unwrap();
        heals(&server, &writer, &place, None, &format!("round {round}"));
    }
}

#[test]
fn a_file_that_goes_away_while_it_is_open() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    let copy = place.open(&server.uri()).unwrap();
    let mut old = copy.reader();
    let before = old.read(SUM);
    let generation = copy.replica().generation();
    for name in ["copy.db", "copy.db-wal", "copy.db-shm"] {
        fs::remove_file(place.file(name)).unwrap();
    }
    writer.fill(1);
    copy.sync().unwrap();
    assert_ne!(copy.replica().generation(), generation);
    assert!(copy.replica().is_readable());
    assert_eq!(copy.read(SUM), writer.read(SUM));
    assert_eq!(old.read(SUM), before);
    assert!(
        place
            .events
            .lock()
            .contains(&Event::Reset(ResetReason::FileMissing))
    );

    // A reader tells of what it found; one of a file that is gone does not count.
    let generation = copy.replica().generation();
    copy.replica().report_damage(generation - 1);
    copy.sync().unwrap();
    assert_eq!(copy.replica().generation(), generation);
    copy.replica().report_damage(generation);
    copy.sync().unwrap();
    assert_eq!(copy.replica().generation(), generation + 1);
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();

    // The metadata is written again.
    fs::remove_file(place.file("copy.db-client_wal_index")).unwrap();
    writer.fill(1);
    copy.sync().unwrap();
    drop(copy);
    heals(&server, &writer, &place, None, "metadata deleted");
}

#[test]
fn a_file_that_is_gone_is_not_read_before_it_is_whole() {
    let Some((mut server, _, place)) = closed_copy() else {
        return;
    };
    let copy = place.open(&server.uri()).unwrap();
    server.stop();
    fs::remove_file(place.file("copy.db")).unwrap();
    copy.sync().unwrap_err();
    assert!(!copy.replica().is_readable() && !copy.replica().is_fresh());
    assert_eq!(copy.replica().replication_index(), None);
    server.restart();
    copy.sync().unwrap();
    assert!(copy.replica().is_readable() && copy.replica().is_fresh());
    assert_eq!(copy.read("SELECT count(*) FROM t"), "1000");
}

#[test]
fn a_database_of_somebody_else_is_left_alone() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let file = place.file("copy.db");
    write(&file, "CREATE TABLE mine (x)");
    let before = fs::read(&file).unwrap();
    let error = place.open(&server.uri()).unwrap_err();
    assert_eq!(error.code(), "invalid_argument");
    assert!(error.to_string().contains("no replica"), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!place.file("copy.db-client_wal_index").exists());

    let mut options = place.options(&server.uri());
    options.path = place.file("no/folder/copy.db");
    assert_eq!(
        Copy::open(options.clone(), soon()).unwrap_err().code(),
        "ioerr"
    );
    options.path = place.directory.path().to_owned();
    assert_eq!(
        Copy::open(options, soon()).unwrap_err().code(),
        "invalid_argument"
    );
}

#[test]
fn one_replica_for_a_file() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let one = place.open(&server.uri()).unwrap();
    let mut same = place.options(&server.uri());
    same.path = place.directory.path().join(".").join("copy.db");
    assert!(Arc::ptr_eq(
        one.replica(),
        Copy::open(same, soon()).unwrap().replica()
    ));
    let mut other = place.options(&server.uri());
    other.remote.namespace = Some("another".to_owned());
    let mut elsewhere = place.options("http://localhost:1");
    for (options, what) in [(other, "namespace"), (elsewhere.clone(), "uri")] {
        let error = Copy::open(options, soon()).unwrap_err();
        assert_eq!(error.code(), "invalid_argument");
        assert!(error.to_string().contains(what), "{error}");
    }
    // The last to let go frees it for any use.
    drop(one);
    elsewhere.remote.uri = server.uri();
    elsewhere.remote.namespace = Some("default".to_owned());
    Copy::open(elsewhere, soon()).unwrap();

    let opened: Vec<_> = (0..20)
        .map(|_| {
            let options = place.options(&server.uri());
            std::thread::spawn(move || Copy::open(options, soon()).unwrap())
        })
        .collect();
    let opened: Vec<_> = opened.into_iter().map(|it| it.join().unwrap()).collect();
    assert!(
        opened
            .iter()
            .all(|copy| Arc::ptr_eq(copy.replica(), opened[0].replica()))
    );
}

#[test]
fn another_process_is_refused() {
    let Some((server, _, place)) = closed_copy() else {
        return;
    };
    let copy = place.open(&server.uri()).unwrap();
    let output = child("files::child_opens_the_copy", &place, &server, &[]);
    assert!(output.contains("refused: busy"), "{output}");
    drop(copy);
    let output = child("files::child_opens_the_copy", &place, &server, &[]);
    assert!(output.contains("opened: 1000"), "{output}");
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn child_opens_the_copy() {
    let (path, uri) = of_parent();
    let place = Place::new();
    let mut options = place.options(&uri);
    options.path = path.into();
    match Copy::open(options, soon()) {
        Ok(copy) => eprintln!("opened: {}", copy.read("SELECT count(*) FROM t")),
        Err(error) => eprintln!("refused: {} {error}", error.code()),
    }
}

/// A process that follows is killed, wherever it is, and another goes on.
#[test]
fn a_copy_survives_its_process() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    for _ in 0..8 {
        let mut follower = command("files::child_follows", &place, &server, &[])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // It says so when it has begun, and again whenever it has something new.
        let mut said = BufReader::new(follower.stderr.take().unwrap()).lines();
        for _ in 0..6 {
            writer.fill(200);
            writer.run("UPDATE t SET x = x || 'u' WHERE id % 13 = 0");
            said.find(|line| line.as_ref().is_ok_and(|line| line == "synced"));
        }
        writer.fill(2000);
        follower.kill().unwrap();
        follower.wait().unwrap();
        assert_eq!(place.read("PRAGMA integrity_check"), "ok");
    }
    heals(
        &server,
        &writer,
        &place,
        None,
        "the last process was killed",
    );
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn child_follows() {
    let (path, uri) = of_parent();
    let place = Place::new();
    let mut options = place.options(&uri);
    options.path = path.into();
    options.interval = Some(Duration::from_millis(1));
    options.listener = Some(Arc::new(|event| {
        if matches!(event, Event::Synced { .. }) {
            eprintln!("synced");
        }
    }));
    let copy = Copy::open(options, soon()).unwrap();
    loop {
        // A machine with much to do may be too slow for the deadline: the next one goes on.
        if let Err(error) = copy.sync() {
            eprintln!("{error}");
        }
    }
}

/// The process may make no file larger than 2 MB.
#[test]
fn a_disk_that_is_full_changes_nothing() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    let before = place.read(SUM);
    writer.fill(10);
    let after_ten = writer.read(SUM);
    for _ in 0..10 {
        writer.fill(1000);
    }
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -S -f 4096; exec \"$@\"",
        "sh",
    ];
    let output = child("files::child_has_no_room", &place, &server, &limited);
    assert!(output.contains("failed: ioerr"), "{output}");
    // What had come whole may be there: the ten rows came in the same answer as the rest.
    assert!([before, after_ten].contains(&place.read(SUM)));
    assert_eq!(place.read("PRAGMA integrity_check"), "ok");
    let opened = (0..100)
        .find_map(|_| place.open(&server.uri()).ok())
        .unwrap();
    assert_eq!(opened.read(SUM), writer.read(SUM));
    opened.is_sound();
}

#[test]
#[ignore = "another test runs it, in a process of its own"]
fn child_has_no_room() {
    let (path, uri) = of_parent();
    let place = Place::new();
    let mut options = place.options(&uri);
    options.path = path.into();
    match Copy::open(options, soon()) {
        Ok(copy) => eprintln!("opened: {:?}", copy.replica().status()),
        Err(error) => eprintln!("failed: {} {error}", error.code()),
    }
}

/// Runs one of these tests in a process of its own, and answers what it said.
fn child(test: &str, place: &Place, server: &Sqld, through: &[&str]) -> String {
    let output = command(test, place, server, through).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn command(test: &str, place: &Place, server: &Sqld, through: &[&str]) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut words: Vec<_> = through.iter().map(Into::into).collect();
    words.push(this.into_os_string());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(PLACE, place.file("copy.db"))
        .env(PRIMARY, server.uri());
    command
}

fn of_parent() -> (String, String) {
    (
        std::env::var(PLACE).unwrap(),
        std::env::var(PRIMARY).unwrap(),
    )
}

#[test]
fn a_frozen_copy_is_a_database_of_its_own() {
    let Some((server, writer, place)) = closed_copy() else {
        return;
    };
    let copy = place.open(&server.uri()).unwrap();
    let mut reader = copy.reader();
    reader.0.begin(Behavior::Deferred, &soon()).unwrap();
    reader.read(SUM);
    writer.fill(1);
    copy.sync().unwrap();
    let error = block_on(copy.replica().freeze(within(100)))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), "busy", "{error}");
    writer.fill(1);
    copy.sync().unwrap();
    reader.0.rollback(&soon()).unwrap();

    block_on(copy.replica().freeze(soon())).unwrap().unwrap();
    assert!(copy.replica().status().frozen);
    let codes = [
        copy.sync().unwrap_err().code(),
        block_on(copy.replica().sync_until(1, soon()))
            .unwrap()
            .unwrap_err()
            .code(),
        block_on(copy.replica().flush(soon()))
            .unwrap()
            .unwrap_err()
            .code(),
        block_on(copy.replica().freshen(soon()))
            .unwrap()
            .unwrap_err()
            .code(),
        block_on(copy.replica().freeze(soon()))
            .unwrap()
            .unwrap_err()
            .code(),
        place.open(&server.uri()).unwrap_err().code(),
    ];
    assert_eq!(codes, ["frozen"; 6]);
    assert!(!place.file("copy.db-client_wal_index").exists());
    assert_eq!(reader.read(SUM), writer.read(SUM));
    drop(reader);

    write(&place.file("copy.db"), "INSERT INTO t (x) VALUES ('mine')");
    assert_eq!(place.read("SELECT count(*) FROM t"), "1003");
    assert_eq!(writer.read("SELECT count(*) FROM t"), "1002");
    drop(copy);
    let error = place.open(&server.uri()).unwrap_err();
    assert!(error.to_string().contains("no replica"), "{error}");
}

#[test]
fn frames_from_a_file() {
    let Some(mut server) = Sqld::start() else {
        return;
    };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(100);
    let place = Place::new();
    let (path, frames) = (place.file("copy.db"), place.file("frames"));
    let take = || fs::copy(server.wallog(), &frames).unwrap();
    take();
    let synced = sync_frames(&path, &frames, None).unwrap();
    assert!(
        synced.frame_no.is_some() && synced.frames_synced > 3,
        "{synced:?}"
    );
    assert_eq!(read(&path, SUM), writer.read(SUM));
    assert_eq!(sync_frames(&path, &frames, None).unwrap().frames_synced, 0);
    let frame = writer.fill(100);
    take();
    assert_eq!(sync_frames(&path, &frames, None).unwrap().frame_no, frame);
    assert_eq!(read(&path, SUM), writer.read(SUM));
    assert_eq!(read(&path, "PRAGMA integrity_check"), "ok");

    // A replica goes on where the file ended.
    writer.fill(1);
    let copy = place.open(&server.uri()).unwrap();
    assert!(copy.replica().status().frames < 10);
    assert_eq!(
        sync_frames(&path, &frames, None).unwrap_err().code(),
        "busy"
    );
    drop(copy);

    let refused = |what: &str, bytes: &[u8]| {
        fs::write(&frames, bytes).unwrap();
        let before = read(&path, SUM);
        let error = sync_frames(&path, &frames, None).unwrap_err();
        assert!(error.to_string().contains(what), "{what}: {error}");
        assert_eq!(read(&path, SUM), before);
    };
    let whole = fs::read(server.wallog()).unwrap();
    refused("too early", &[]);
    refused("no log", &[0; 64]);
    let mut other = whole.clone();
    other[17] ^= 1;
    refused("another log", &other);
    let mut gap = whole.clone();
    gap[32..40].copy_from_slice(&1000_u64.to_le_bytes());
    refused("lacks", &gap);
    writer.fill(100);
    let mut short = fs::read(server.wallog()).unwrap();
    short.truncate(short.len() - 5000);
    refused("too early", &short);
    let mut version = whole;
    version[48] = 9;
    refused("version", &version);
    assert_eq!(
        sync_frames(&path, &place.file("nothing"), None)
            .unwrap_err()
            .code(),
        "ioerr"
    );
    server.kill();
}

#[cfg(feature = "encryption")]
#[test]
fn an_encrypted_copy_stays_encrypted() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    writer.run("INSERT INTO t (x) VALUES ('a secret that is easy to find')");
    let place = Place::new();
    let mut options = place.options(&server.uri());
    options.encryption_key = Some(b"key".to_vec());
    let copy = Copy::open(options.clone(), soon()).unwrap();
    for _ in 0..5 {
        writer.fill(1000);
        copy.sync().unwrap();
    }
    let mut reader = crate::copies::Reader::open(copy.replica().path(), Some("key"));
    assert_eq!(reader.read(SUM), writer.read(SUM));
    assert_eq!(reader.read("PRAGMA integrity_check"), "ok");
    let shows = |name: &str| {
        let bytes = fs::read(place.file(name)).unwrap_or_default();
        bytes.windows(8).any(|window| window == b"a secret")
    };
    assert!(!shows("copy.db") && !shows("copy.db-wal"));
    let mut wrong = options.clone();
    wrong.encryption_key = Some(b"other".to_vec());
    assert_eq!(
        Copy::open(wrong.clone(), soon()).unwrap_err().code(),
        "invalid_argument"
    );
    drop(reader);
    drop(copy);
    // Neither a wrong key nor none makes the copy be taken for damaged.
    for key in [Some(b"other".to_vec()), None] {
        wrong.encryption_key = key;
        let error = Copy::open(wrong.clone(), soon()).unwrap_err();
        assert_eq!(error.code(), "notadb", "{error}");
    }
    let copy = Copy::open(options, soon()).unwrap();
    assert!(copy.replica().status().frames < 5);
    block_on(copy.replica().freeze(soon())).unwrap().unwrap();
    drop(copy);
    assert!(!shows("copy.db"));
    let mut reader = crate::copies::Reader::open(&place.file("copy.db"), Some("key"));
    assert_eq!(reader.read(SUM), writer.read(SUM));
}

#[test]
fn secrets_do_not_show() {
    let place = Place::new();
    let mut options = place.options("http://localhost:1");
    options.encryption_key = Some(b"hunter2".to_vec());
    options.remote.auth_token = Some("hunter2".to_owned());
    let mut shown = format!("{options:?}");
    let error = Copy::open(options, soon()).unwrap_err();
    shown += &format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

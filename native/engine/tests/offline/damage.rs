//! Crashes, and other programs.

use std::fs;
use std::path::Path;

use ecto_libsql_engine::local::OpenOptions;
use ecto_libsql_engine::registry::Registry;
use ecto_libsql_engine::session::Scope;

use crate::copy::{
    Copy, OWNER, assert_code, check_server, place, refused, run, server, with_table,
};

/// What is on the disk at this moment, as a crash leaves it.
fn crash(from: &Path, to: &Path) {
    for suffix in ["-info", "-offline", "-wal", "-shm", ""] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&name(from)).exists() {
            fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[test]
fn a_crash_before_anything_was_pushed_loses_nothing() {
    let (place, server) = (place(), server());
    let (path, after) = (place.path().join("a"), place.path().join("after"));
    let copy = with_table(&path, &server);
    copy.insert("committed");
    crash(&path, &after);
    let copy = Copy::open(&after, &server.uri()).unwrap();
    assert_eq!(copy.texts(), ["committed"]);
    copy.push().unwrap();
    check_server(&server, &["committed"]);
}

#[test]
fn a_crash_between_a_push_and_its_note() {
    let (place, server) = (place(), server());
    let (path, after) = (place.path().join("a"), place.path().join("after"));
    let copy = with_table(&path, &server);
    copy.insert("pushed");
    crash(&path, &after);
    copy.push().unwrap();
    let frames = server.store(|store| store.frames().len());
    copy.close();
    // The note was not written: what is on the disk is from before.
    let copy = Copy::open(&after, &server.uri()).unwrap();
    assert!(copy.pending() > 0);
    copy.push().unwrap();
    assert_eq!(copy.pending(), 0);
    assert_eq!(server.store(|store| store.frames().len()), frames);
    copy.insert("after");
    copy.push().unwrap();
    check_server(&server, &["pushed", "after"]);
}

#[test]
fn a_crash_between_a_pull_and_its_note() {
    let (place, server) = (place(), server());
    let (path, after) = (place.path().join("a"), place.path().join("after"));
    let other = with_table(&place.path().join("b"), &server);
    let copy = Copy::open(&path, &server.uri()).unwrap();
    let info = fs::read(place.path().join("a-info")).unwrap();
    other.insert("pulled");
    other.push().unwrap();
    copy.pull().unwrap();
    crash(&path, &after);
    fs::write(place.path().join("after-info"), info).unwrap();
    let copy = Copy::open(&after, &server.uri()).unwrap();
    assert!(copy.pending() > 0);
    assert_eq!(copy.pull().unwrap().pulled, 0);
    assert_eq!(copy.pending(), 0);
    other.insert("more");
    other.push().unwrap();
    copy.sync().unwrap();
    assert_eq!(copy.texts(), ["pulled", "more"]);
}

/// The same two crashes, and a sync instead of a pull or push.
#[test]
fn a_sync_after_a_crash_finds_out_too() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let other = with_table(&place.path().join("b"), &server);
    let copy = Copy::open(&path, &server.uri()).unwrap();
    let info = fs::read(place.path().join("a-info")).unwrap();
    other.insert("pulled");
    other.push().unwrap();
    copy.sync().unwrap();
    copy.close();
    fs::write(place.path().join("a-info"), info).unwrap();
    other.insert("more");
    other.push().unwrap();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    copy.sync().unwrap();
    assert_eq!(copy.texts(), ["pulled", "more"]);
    assert_eq!(copy.pending(), 0);
}

#[test]
fn a_crash_at_the_end_of_a_generation() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("first");
    copy.push().unwrap();
    let before = [place.path().join("a-info"), place.path().join("a-wal")]
        .map(|path| fs::read(path).unwrap());
    let database = fs::read(&path).unwrap();
    server.store(|store| store.checkpoint());
    copy.pull().unwrap();
    copy.close();
    let after = [place.path().join("a-info"), place.path().join("a-offline")]
        .map(|path| fs::read(path).unwrap());
    let ended = String::from_utf8(after[1].clone()).unwrap();
    let frames = {
        let info = String::from_utf8(before[0].clone()).unwrap();
        let at = info.split("durable_frame_num\":").nth(1).unwrap();
        at.split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap()
            .to_owned()
    };
    let salt = before[1][16..24]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let noted = format!(
        r#"{{"version":1,"generation":2,"ended":{frames},"base":{frames},"salt":"{salt}","folded":{frames}}}"#
    );
    let put = |info: &[u8], ledger: &str, wal: &[u8], file: &[u8]| {
        fs::write(place.path().join("a-info"), info).unwrap();
        fs::write(place.path().join("a-offline"), ledger).unwrap();
        fs::write(place.path().join("a-wal"), wal).unwrap();
        fs::write(&path, file).unwrap();
        let _ = fs::remove_file(place.path().join("a-shm"));
    };
    let folded = fs::read(&path).unwrap();
    let mut expected = vec!["first".to_owned()];
    for (number, (info, ledger, wal, file)) in [
        // Noted in one file, then in both; then the log was written into the file, and emptied.
        (&before[0], &noted, before[1].clone(), &database),
        (&after[0], &noted, before[1].clone(), &database),
        (&after[0], &noted, before[1].clone(), &folded),
        (&after[0], &noted, Vec::new(), &folded),
        (&after[0], &ended, Vec::new(), &folded),
    ]
    .into_iter()
    .enumerate()
    {
        server.store(|store| {
            let file = folded.clone();
            store.replace(file);
            store.checkpoint();
        });
        put(info, ledger, &wal, file);
        let copy = Copy::open(&path, &server.uri()).unwrap();
        assert_eq!(copy.pending(), 0, "{number}");
        let text = format!("after crash {number}");
        copy.insert(&text);
        copy.insert("and another");
        expected.truncate(1);
        expected.push(text);
        expected.push("and another".to_owned());
        copy.push().unwrap();
        copy.check();
        check_server(
            &server,
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        copy.close();
    }
}

#[test]
fn damaged_files_are_told() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = with_table(&path, &server);
    copy.insert("pending");
    copy.close();
    for file in ["a-info", "a-offline"] {
        let file = place.path().join(file);
        let good = fs::read(&file).unwrap();
        fs::write(&file, "{").unwrap();
        let error = refused(Copy::open(&path, &server.uri()));
        assert_eq!(error.code(), "sync_state");
        assert!(
            error.to_string().contains(file.to_str().unwrap()),
            "{error}"
        );
        fs::write(&file, good).unwrap();
    }
    let info = place.path().join("a-info");
    let good = fs::read(&info).unwrap();
    fs::remove_file(&info).unwrap();
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "sync_state"
    );
    fs::write(&info, good).unwrap();
    let aside = place.path().join("moved");
    fs::rename(&path, &aside).unwrap();
    let error = refused(Copy::open(&path, &server.uri()));
    assert!(error.to_string().contains("a-wal"), "{error}");
    fs::rename(&aside, &path).unwrap();
    let copy = Copy::open(&path, &server.uri()).unwrap();
    assert_eq!(copy.texts(), ["pending"]);
}

#[test]
fn another_program_that_wrote_the_log_into_the_database_is_told() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let other_program = |sql: &str| {
        let options = OpenOptions {
            database: path.display().to_string(),
            ..OpenOptions::default()
        };
        let registry = Registry::<u32>::default();
        let session = registry.open(options, OWNER, Scope::Connection).unwrap();
        run(&session, sql).unwrap();
        session.close();
    };
    let copy = with_table(&path, &server);
    // While the copy is open, it cannot.
    copy.insert("pending");
    let pending = copy.pending();
    other_program("PRAGMA wal_checkpoint(TRUNCATE)");
    assert_eq!(copy.pending(), pending);
    copy.close();

    other_program("SELECT count(*) FROM t");
    assert!(!place.path().join("a-wal").exists());
    let error = refused(Copy::open(&path, &server.uri()));
    assert_eq!(error.code(), "sync_state");
    assert!(error.to_string().contains("another program"), "{error}");
    // Also where it has written as many frames since.
    other_program("INSERT INTO t (x) VALUES ('theirs')");
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "sync_state"
    );
}

#[test]
fn the_first_write_of_all_is_noted_with_its_log() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    let copy = Copy::open(&path, &server.uri()).unwrap();
    copy.run("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT)");
    // Without a sync in between.
    copy.close();
    let options = OpenOptions {
        database: path.display().to_string(),
        ..OpenOptions::default()
    };
    let registry = Registry::<u32>::default();
    registry
        .open(options, OWNER, Scope::Connection)
        .unwrap()
        .close();
    assert_eq!(
        refused(Copy::open(&path, &server.uri())).code(),
        "sync_state"
    );
}

#[test]
fn a_database_with_other_pages_is_refused() {
    let (place, server) = (place(), server());
    let path = place.path().join("a");
    Copy::open(&path, &server.uri()).unwrap().close();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }
    let options = OpenOptions {
        database: path.display().to_string(),
        file_pragmas: vec![("page_size".to_owned(), "8192".to_owned())],
        ..OpenOptions::default()
    };
    let registry = Registry::<u32>::default();
    let session = registry.open(options, OWNER, Scope::Connection).unwrap();
    run(&session, "CREATE TABLE t (x)").unwrap();
    session.close();
    let error = refused(Copy::open(&path, &server.uri()));
    assert!(error.to_string().contains("8192"), "{error}");
    assert_code::<()>(Err(error), "sync_state");
}

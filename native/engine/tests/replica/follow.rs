//! A copy follows its primary.

use crate::copies::{Place, SUM, Writer, soon};
use crate::support::Sqld;
use ecto_libsql_engine::remote::block_on;

#[test]
fn a_first_sync_then_what_others_write() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    assert_eq!(copy.read("SELECT count(*) FROM t"), "0");

    let frame = writer.fill(100);
    assert!(frame > copy.0.replication_index());
    assert_eq!(copy.read("SELECT count(*) FROM t"), "0");
    let synced = copy.sync().unwrap();
    assert_eq!(synced.frame_no, frame);
    assert!(synced.frames_synced > 5, "{synced:?}");
    assert_eq!(copy.0.replication_index(), frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();

    let again = copy.sync().unwrap();
    assert_eq!((again.frame_no, again.frames_synced), (frame, 0));
}

#[test]
fn a_copy_is_continued_when_it_is_opened_again() {
    let Some(server) = Sqld::start() else { return };
    let writer = Writer::of(&server);
    writer.table();
    writer.fill(100);
    let place = Place::new();
    drop(place.open(&server.uri()).unwrap());
    writer.fill(10);
    let copy = place.open(&server.uri()).unwrap();
    let status = copy.0.status();
    assert!(status.frames > 0 && status.frames < 12, "{status:?}");
    assert_eq!(copy.read(SUM), writer.read(SUM));
    copy.is_sound();
}

#[test]
fn an_empty_primary_has_an_empty_copy() {
    let Some(server) = Sqld::start() else { return };
    let place = Place::new();
    let copy = place.open(&server.uri()).unwrap();
    assert_eq!(copy.0.replication_index(), None);
    assert_eq!(copy.read("SELECT count(*) FROM sqlite_schema"), "0");
    let writer = Writer::of(&server);
    writer.table();
    let frame = writer.fill(3).unwrap();
    let reached = block_on(copy.0.sync_until(frame, soon())).unwrap().unwrap();
    assert_eq!(reached, frame);
    assert_eq!(copy.read(SUM), writer.read(SUM));
}

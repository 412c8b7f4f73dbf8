//! Memory statistics are chosen once in a process, so this is a process of its own.

use ecto_libsql_engine::local::memory_statistics;

#[test]
fn the_first_call_decides() {
    assert!(!memory_statistics(false));
    assert!(!memory_statistics(true));
}

//! Memory statistics are chosen once in a process, so this is a process of its own.

use ecto_libsql_engine::local::{keep_memory_statistics, keeps_memory_statistics};

#[test]
fn are_chosen_before_sqlite_is_used_and_not_after() {
    assert!(keep_memory_statistics(true));
    assert!(keep_memory_statistics(false));
    assert!(!keeps_memory_statistics());

    assert!(!keep_memory_statistics(true));
    assert!(!keeps_memory_statistics());
}

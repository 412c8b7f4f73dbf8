//! SQLite's result codes by name: the atoms that an error carries in Elixir.
//!
//! Source: <https://sqlite.org/rescode.html>. The names are SQLite's, in lower case and without
//! `SQLITE_`, except `interrupt`, which DBConnection's users know as `interrupted`.

/// The name of an extended result code. A code that this table does not know (a later SQLite's)
/// is named after its primary code.
pub fn name(extended: i32) -> &'static str {
    match extended {
        257 => "error_missing_collseq",
        513 => "error_retry",
        769 => "error_snapshot",
        516 => "abort_rollback",
        261 => "busy_recovery",
        517 => "busy_snapshot",
        773 => "busy_timeout",
        262 => "locked_sharedcache",
        518 => "locked_vtab",
        264 => "readonly_recovery",
        520 => "readonly_cantlock",
        776 => "readonly_rollback",
        1032 => "readonly_dbmoved",
        1288 => "readonly_cantinit",
        1544 => "readonly_directory",
        266 => "ioerr_read",
        522 => "ioerr_short_read",
        778 => "ioerr_write",
        1034 => "ioerr_fsync",
        1290 => "ioerr_dir_fsync",
        1546 => "ioerr_truncate",
        1802 => "ioerr_fstat",
        2058 => "ioerr_unlock",
        2314 => "ioerr_rdlock",
        2570 => "ioerr_delete",
        2826 => "ioerr_blocked",
        3082 => "ioerr_nomem",
        3338 => "ioerr_access",
        3594 => "ioerr_checkreservedlock",
        3850 => "ioerr_lock",
        4106 => "ioerr_close",
        4362 => "ioerr_dir_close",
        4618 => "ioerr_shmopen",
        4874 => "ioerr_shmsize",
        5130 => "ioerr_shmlock",
        5386 => "ioerr_shmmap",
        5642 => "ioerr_seek",
        5898 => "ioerr_delete_noent",
        6154 => "ioerr_mmap",
        6410 => "ioerr_gettemppath",
        6666 => "ioerr_convpath",
        6922 => "ioerr_vnode",
        7178 => "ioerr_auth",
        7434 => "ioerr_begin_atomic",
        7690 => "ioerr_commit_atomic",
        7946 => "ioerr_rollback_atomic",
        8202 => "ioerr_data",
        8458 => "ioerr_corruptfs",
        8714 => "ioerr_in_page",
        267 => "corrupt_vtab",
        523 => "corrupt_sequence",
        779 => "corrupt_index",
        270 => "cantopen_notempdir",
        526 => "cantopen_isdir",
        782 => "cantopen_fullpath",
        1038 => "cantopen_convpath",
        1294 => "cantopen_dirtywal",
        1550 => "cantopen_symlink",
        275 => "constraint_check",
        531 => "constraint_commithook",
        787 => "constraint_foreignkey",
        1043 => "constraint_function",
        1299 => "constraint_notnull",
        1555 => "constraint_primarykey",
        1811 => "constraint_trigger",
        2067 => "constraint_unique",
        2323 => "constraint_vtab",
        2579 => "constraint_rowid",
        2835 => "constraint_pinned",
        3091 => "constraint_datatype",
        279 => "auth_user",
        other => primary_name(other & 0xff),
    }
}

/// The code of this name, a primary one where several have it.
pub fn code(wanted: &str) -> Option<i32> {
    // The highest that the table knows is 8714.
    (1..9_000).find(|code| name(*code) == wanted && is_named(*code))
}

/// Whether it has a name of its own.
fn is_named(code: i32) -> bool {
    code <= 0xff || name(code) != primary_name(code & 0xff)
}

fn primary_name(primary: i32) -> &'static str {
    match primary {
        0 => "ok",
        2 => "internal",
        3 => "perm",
        4 => "abort",
        5 => "busy",
        6 => "locked",
        7 => "nomem",
        8 => "readonly",
        9 => "interrupted",
        10 => "ioerr",
        11 => "corrupt",
        12 => "notfound",
        13 => "full",
        14 => "cantopen",
        15 => "protocol",
        16 => "empty",
        17 => "schema",
        18 => "toobig",
        19 => "constraint",
        20 => "mismatch",
        21 => "misuse",
        22 => "nolfs",
        23 => "auth",
        24 => "format",
        25 => "range",
        26 => "notadb",
        27 => "notice",
        28 => "warning",
        _ => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::{code, name};

    #[test]
    fn an_unknown_extended_code_takes_its_primary_codes_name() {
        assert_eq!(name(2067), "constraint_unique");
        assert_eq!(name(19 | (99 << 8)), "constraint");
        assert_eq!(name(1), "error");
        assert_eq!(name(9), "interrupted");
    }

    #[test]
    fn a_name_leads_to_its_code() {
        assert_eq!(code("ioerr"), Some(10));
        assert_eq!(code("ioerr_in_page"), Some(8714));
        assert_eq!(code("full"), Some(13));
        assert_eq!(code("ok"), None);
        assert_eq!(code("no such code"), None);
    }
}

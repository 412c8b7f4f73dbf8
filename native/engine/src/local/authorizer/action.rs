//! What a statement is to do, as SQLite asks about it:
//! <https://sqlite.org/c3ref/c_alter_table.html>.

use libsql::ffi;

/// What one of the texts that come with an action names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Table,
    Column,
    /// An index, a trigger, a view, a pragma, a function, a savepoint, an attached database.
    Name,
    /// Of a pragma.
    Argument,
    /// `BEGIN`, `COMMIT`, `ROLLBACK`, `RELEASE`.
    Operation,
    /// That is attached.
    File,
    /// Of a virtual table.
    Module,
    Database,
    /// The innermost trigger or view, of whose making the action is.
    Within,
}

const FIELDS: [(Field, &str); 9] = [
    (Field::Table, "table"),
    (Field::Column, "column"),
    (Field::Name, "name"),
    (Field::Argument, "argument"),
    (Field::Operation, "operation"),
    (Field::File, "file"),
    (Field::Module, "module"),
    (Field::Database, "database"),
    (Field::Within, "within"),
];

impl Field {
    pub fn from_name(name: &str) -> Option<Field> {
        let found = FIELDS.iter().find(|(_, known)| *known == name)?;
        Some(found.0)
    }

    pub fn name(self) -> &'static str {
        FIELDS
            .iter()
            .find(|(field, _)| *field == self)
            .map_or("", |(_, name)| name)
    }
}

/// An action's code, its name, and what SQLite's first two texts are. The third is the database,
/// the fourth what it is within.
type Row = (i32, &'static str, Option<Field>, Option<Field>);

const ACTIONS: [Row; 32] = {
    use Field::{Argument, Column, Database, File, Module, Name, Operation, Table};
    [
        (
            ffi::SQLITE_CREATE_INDEX,
            "create_index",
            Some(Name),
            Some(Table),
        ),
        (ffi::SQLITE_CREATE_TABLE, "create_table", Some(Table), None),
        (
            ffi::SQLITE_CREATE_TEMP_INDEX,
            "create_temp_index",
            Some(Name),
            Some(Table),
        ),
        (
            ffi::SQLITE_CREATE_TEMP_TABLE,
            "create_temp_table",
            Some(Table),
            None,
        ),
        (
            ffi::SQLITE_CREATE_TEMP_TRIGGER,
            "create_temp_trigger",
            Some(Name),
            Some(Table),
        ),
        (
            ffi::SQLITE_CREATE_TEMP_VIEW,
            "create_temp_view",
            Some(Name),
            None,
        ),
        (
            ffi::SQLITE_CREATE_TRIGGER,
            "create_trigger",
            Some(Name),
            Some(Table),
        ),
        (ffi::SQLITE_CREATE_VIEW, "create_view", Some(Name), None),
        (ffi::SQLITE_DELETE, "delete", Some(Table), None),
        (
            ffi::SQLITE_DROP_INDEX,
            "drop_index",
            Some(Name),
            Some(Table),
        ),
        (ffi::SQLITE_DROP_TABLE, "drop_table", Some(Table), None),
        (
            ffi::SQLITE_DROP_TEMP_INDEX,
            "drop_temp_index",
            Some(Name),
            Some(Table),
        ),
        (
            ffi::SQLITE_DROP_TEMP_TABLE,
            "drop_temp_table",
            Some(Table),
            None,
        ),
        (
            ffi::SQLITE_DROP_TEMP_TRIGGER,
            "drop_temp_trigger",
            Some(Name),
            Some(Table),
        ),
        (
            ffi::SQLITE_DROP_TEMP_VIEW,
            "drop_temp_view",
            Some(Name),
            None,
        ),
        (
            ffi::SQLITE_DROP_TRIGGER,
            "drop_trigger",
            Some(Name),
            Some(Table),
        ),
        (ffi::SQLITE_DROP_VIEW, "drop_view", Some(Name), None),
        (ffi::SQLITE_INSERT, "insert", Some(Table), None),
        (ffi::SQLITE_PRAGMA, "pragma", Some(Name), Some(Argument)),
        (ffi::SQLITE_READ, "read", Some(Table), Some(Column)),
        (ffi::SQLITE_SELECT, "select", None, None),
        (
            ffi::SQLITE_TRANSACTION,
            "transaction",
            Some(Operation),
            None,
        ),
        (ffi::SQLITE_UPDATE, "update", Some(Table), Some(Column)),
        (ffi::SQLITE_ATTACH, "attach", Some(File), None),
        (ffi::SQLITE_DETACH, "detach", Some(Name), None),
        (
            ffi::SQLITE_ALTER_TABLE,
            "alter_table",
            Some(Database),
            Some(Table),
        ),
        (ffi::SQLITE_REINDEX, "reindex", Some(Name), None),
        (ffi::SQLITE_ANALYZE, "analyze", Some(Table), None),
        (
            ffi::SQLITE_CREATE_VTABLE,
            "create_vtable",
            Some(Table),
            Some(Module),
        ),
        (
            ffi::SQLITE_DROP_VTABLE,
            "drop_vtable",
            Some(Table),
            Some(Module),
        ),
        (ffi::SQLITE_FUNCTION, "function", None, Some(Name)),
        (
            ffi::SQLITE_SAVEPOINT,
            "savepoint",
            Some(Operation),
            Some(Name),
        ),
    ]
};

/// Whether a recursive query may be run.
const RECURSIVE: Row = (ffi::SQLITE_RECURSIVE, "recursive", None, None);

fn rows() -> impl Iterator<Item = &'static Row> {
    ACTIONS.iter().chain(std::iter::once(&RECURSIVE))
}

/// One of the actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action(pub(super) i32);

impl Action {
    pub fn from_name(name: &str) -> Option<Action> {
        let found = rows().find(|(_, known, ..)| *known == name)?;
        Some(Action(found.0))
    }

    /// As one bit of the set of actions that a rule is about; none for a later SQLite's action.
    pub(super) fn bit(self) -> u64 {
        u32::try_from(self.0)
            .ok()
            .and_then(|code| 1_u64.checked_shl(code))
            .unwrap_or(0)
    }
}

/// One question of SQLite's. The texts are SQLite's own bytes.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub(super) action: Action,
    first: Option<&'a [u8]>,
    second: Option<&'a [u8]>,
    database: Option<&'a [u8]>,
    within: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    pub fn new(code: i32, [first, second, database, within]: [Option<&'a [u8]>; 4]) -> Request<'a> {
        Request {
            action: Action(code),
            first,
            second,
            database,
            within,
        }
    }

    fn row(&self) -> Option<&'static Row> {
        rows().find(|(code, ..)| *code == self.action.0)
    }

    pub(super) fn action_name(&self) -> &'static str {
        self.row().map_or("unknown", |(_, name, ..)| name)
    }

    pub(super) fn get(&self, field: Field) -> Option<&'a [u8]> {
        match (field, self.row()) {
            (Field::Within, _) => self.within,
            (field, Some((_, _, Some(first), _))) if *first == field => self.first.map(of_schema),
            (field, Some((_, _, _, Some(second)))) if *second == field => {
                self.second.map(of_schema)
            }
            (Field::Database, _) => self.database,
            _ => None,
        }
    }

    /// The table that is meant, and of which database.
    pub(super) fn place(&self) -> Option<(&'a [u8], &'a [u8])> {
        Some((self.get(Field::Table)?, self.database?))
    }

    /// With a database, where SQLite names none.
    pub(super) fn in_database<'b>(self, database: Option<&'b [u8]>) -> Request<'b>
    where
        'a: 'b,
    {
        Request {
            database: self.database.or(database),
            ..self
        }
    }

    pub(super) fn is(&self, code: i32) -> bool {
        self.action.0 == code
    }
}

/// The schema's tables have two names each; SQLite asks by the older one, as a rule.
pub(super) fn of_schema(name: &[u8]) -> &[u8] {
    if name.eq_ignore_ascii_case(b"sqlite_schema") {
        b"sqlite_master"
    } else if name.eq_ignore_ascii_case(b"sqlite_temp_schema") {
        b"sqlite_temp_master"
    } else {
        name
    }
}

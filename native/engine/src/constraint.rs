//! The one place that reads SQLite's constraint messages.
//!
//! SQLite's C API has no structured form of what a constraint violation hit: only the extended
//! result code (the kind) and an English message, whose forms have not changed since 3.8
//! (`sqlite3UniqueConstraint`, `sqlite3HaltConstraint` and the NOT NULL and CHECK code of
//! `insert.c`).

/// What a statement violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    pub kind: Kind,
    /// The table, where SQLite names it.
    pub table: Option<String>,
    /// The columns, where SQLite names them.
    pub columns: Vec<String>,
    /// The constraint's or index's name, where SQLite gives one. An unnamed CHECK has its
    /// expression as its name.
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Unique,
    PrimaryKey,
    ForeignKey,
    NotNull,
    Check,
    Datatype,
    Trigger,
    Other,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Unique => "unique",
            Kind::PrimaryKey => "primary_key",
            Kind::ForeignKey => "foreign_key",
            Kind::NotNull => "not_null",
            Kind::Check => "check",
            Kind::Datatype => "datatype",
            Kind::Trigger => "trigger",
            Kind::Other => "other",
        }
    }

    fn of(extended: i32) -> Kind {
        match extended {
            2067 => Kind::Unique,
            1555 | 2579 => Kind::PrimaryKey,
            787 => Kind::ForeignKey,
            1299 => Kind::NotNull,
            275 => Kind::Check,
            3091 => Kind::Datatype,
            1811 => Kind::Trigger,
            _ => Kind::Other,
        }
    }
}

/// The constraint that an error of this code and message speaks of; `None` when the code is not
/// one of a constraint.
pub fn parse(extended: i32, message: &str) -> Option<Constraint> {
    if extended & 0xff != 19 {
        return None;
    }
    let kind = Kind::of(extended);
    let detail = message
        .split_once(" constraint failed: ")
        .map(|(_, detail)| detail);
    let (table, columns, name) = match (kind, detail) {
        (Kind::Unique | Kind::PrimaryKey | Kind::NotNull, Some(detail)) => columns_of(detail),
        (Kind::Check, Some(name)) => (None, Vec::new(), Some(name.to_owned())),
        (Kind::Datatype, _) => match message.rsplit_once(" column ") {
            Some((_, column)) => columns_of(column),
            None => (None, Vec::new(), None),
        },
        _ => (None, Vec::new(), None),
    };
    Some(Constraint {
        kind,
        table,
        columns,
        name,
    })
}

/// `t.a, t.b`, or `index 'name'` for an index on expressions.
fn columns_of(detail: &str) -> (Option<String>, Vec<String>, Option<String>) {
    if let Some(name) = detail
        .strip_prefix("index '")
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return (None, Vec::new(), Some(name.to_owned()));
    }
    // Names may hold dots and commas, and the message does not quote: the table is the shortest
    // prefix up to a dot that every item shares.
    for (dot, _) in detail.match_indices('.') {
        let table = &detail[..dot];
        let separator = format!(", {table}.");
        let columns: Vec<String> = detail[dot + 1..]
            .split(separator.as_str())
            .map(str::to_owned)
            .collect();
        if !columns.iter().any(|column| column.contains(", ")) {
            return (Some(table.to_owned()), columns, None);
        }
    }
    match detail.split_once('.') {
        Some((table, column)) => (Some(table.to_owned()), vec![column.to_owned()], None),
        None => (None, vec![detail.to_owned()], None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unique(message: &str) -> Constraint {
        parse(2067, &format!("UNIQUE constraint failed: {message}")).unwrap()
    }

    #[test]
    fn columns_are_told_from_their_table() {
        let one = unique("users.email");
        assert_eq!(one.table.as_deref(), Some("users"));
        assert_eq!(one.columns, ["email"]);
        let two = unique("users.email, users.org_id");
        assert_eq!(two.columns, ["email", "org_id"]);
    }

    #[test]
    fn a_dot_in_the_tables_name_does_not_split_it() {
        let two = unique("app.users.email, app.users.org");
        assert_eq!(two.table.as_deref(), Some("app"));
        assert_eq!(two.columns, ["users.email", "users.org"]);
    }

    #[test]
    fn an_expression_index_is_named() {
        let index = unique("index 'users_lower_email_index'");
        assert_eq!(index.name.as_deref(), Some("users_lower_email_index"));
        assert!(index.columns.is_empty());
    }

    #[test]
    fn check_gives_its_name_and_foreign_key_nothing() {
        let check = parse(275, "CHECK constraint failed: age > 0").unwrap();
        assert_eq!(check.name.as_deref(), Some("age > 0"));
        let foreign = parse(787, "FOREIGN KEY constraint failed").unwrap();
        assert_eq!(foreign.kind, Kind::ForeignKey);
        assert_eq!((foreign.table, foreign.name), (None, None));
    }

    #[test]
    fn a_strict_tables_type_error_names_its_column() {
        let datatype = parse(3091, "cannot store TEXT value in INTEGER column t.a").unwrap();
        assert_eq!(datatype.table.as_deref(), Some("t"));
        assert_eq!(datatype.columns, ["a"]);
    }

    #[test]
    fn other_errors_have_no_constraint() {
        assert_eq!(parse(1, "no such table: t"), None);
    }
}

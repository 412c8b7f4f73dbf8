//! UUIDs, named as in SQLite's extension `uuid`, and those of version 7, which sort by the time at
//! which they were made, also among those of one millisecond in one VM.

use uuid::Uuid;

use super::{Answer, Output, Scalar, first};
use crate::value::ValueRef;

pub(super) static SCALARS: [Scalar; 7] = [
    Scalar::varying(c"uuid", 0, |_| text(Uuid::new_v4())),
    Scalar::varying(c"uuid4", 0, |_| text(Uuid::new_v4())),
    Scalar::varying(c"uuid7", 0, |_| text(Uuid::now_v7())),
    Scalar::varying(c"uuid4_blob", 0, |_| blob(Uuid::new_v4())),
    Scalar::varying(c"uuid7_blob", 0, |_| blob(Uuid::now_v7())),
    Scalar::new(c"uuid_str", 1, |values| read(values).map_or(NONE, text)),
    Scalar::new(c"uuid_blob", 1, |values| read(values).map_or(NONE, blob)),
];

const NONE: Answer = Ok(Output::Null);

fn text(uuid: Uuid) -> Answer {
    Ok(Output::Text(uuid.hyphenated().to_string()))
}

fn blob(uuid: Uuid) -> Answer {
    Ok(Output::Blob(uuid.as_bytes().to_vec()))
}

/// A UUID in 16 bytes, or as text: with hyphens or without, in braces, or as a URN.
fn read(values: &[ValueRef<'_>]) -> Option<Uuid> {
    match first(values) {
        ValueRef::Text(text) => Uuid::try_parse_ascii(text).ok(),
        ValueRef::Blob(blob) => Uuid::from_slice(blob).ok(),
        _ => None,
    }
}

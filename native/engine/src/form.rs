//! In what form a connection stores UUIDs and JSON: text that everybody reads, or SQLite's and
//! everybody's binary forms, which are smaller.

use crate::jsonb;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    Text,
    Binary,
}

/// A connection's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forms {
    pub uuid: Form,
    /// JSON of anything but an array.
    pub map: Form,
    /// JSON of an array.
    pub array: Form,
}

impl Forms {
    /// A UUID of 36 characters as it is to be stored; `None` where that is the text itself.
    ///
    /// # Failure
    /// Says what is wrong with a text that is no UUID.
    pub fn uuid(&self, text: &[u8]) -> Result<Option<[u8; 16]>, &'static str> {
        if text.len() != 36 {
            return Err("{:uuid, _} takes a UUID of 36 characters");
        }
        let uuid = uuid::Uuid::try_parse_ascii(text)
            .map_err(|_| "{:uuid, _} takes a UUID of 36 characters")?;
        Ok(match self.uuid {
            Form::Text => None,
            Form::Binary => Some(uuid.into_bytes()),
        })
    }

    /// JSON text as it is to be stored; `None` where that is the text itself.
    ///
    /// # Failure
    /// Names the byte at which the text stops being JSON, where it has to be read.
    pub fn json(&self, text: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let form = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => self.array,
            _ => self.map,
        };
        match form {
            Form::Text => Ok(None),
            Form::Binary => jsonb("json", text).map(Some),
        }
    }
}

/// JSON text as JSONB, for a value with that tag, whatever the connection's choice.
///
/// # Failure
/// Names the byte at which the text stops being JSON.
pub fn jsonb(tag: &str, text: &[u8]) -> Result<Vec<u8>, String> {
    jsonb::from_json(text)
        .map_err(|offset| format!("{{:{tag}, _}} takes JSON: wrong at byte {offset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINARY: Forms = Forms {
        uuid: Form::Binary,
        map: Form::Binary,
        array: Form::Text,
    };

    #[test]
    fn text_stays_what_it_is() {
        let forms = Forms::default();
        assert_eq!(
            forms.uuid(b"601d74e4-a8d3-4b6e-8365-eddb4c893327"),
            Ok(None)
        );
        assert_eq!(forms.json(b"{\"a\":1}"), Ok(None));
    }

    #[test]
    fn each_kind_has_its_own_form() {
        assert_eq!(
            BINARY.uuid(b"00000000-0000-0000-0000-0000000000ff"),
            Ok(Some([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]))
        );
        assert_eq!(BINARY.json(b"{}"), Ok(Some(vec![0x0c])));
        assert_eq!(BINARY.json(b" [1]"), Ok(None));
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert!(BINARY.uuid(b"601d74e4a8d34b6e8365eddb4c893327").is_err());
        assert!(Forms::default().uuid(b"no").is_err());
        assert!(BINARY.json(b"{").is_err());
        assert_eq!(
            jsonb("jsonb", b"[1,]"),
            Err("{:jsonb, _} takes JSON: wrong at byte 3".to_owned())
        );
    }

    #[test]
    fn jsonb_is_asked_for_by_value() {
        assert_eq!(jsonb("jsonb", b"[1]"), Ok(vec![0x2b, 0x13, b'1']));
    }
}

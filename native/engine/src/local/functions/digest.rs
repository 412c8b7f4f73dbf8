//! SHA-256, and bytes as text that goes into a URL. Text counts as its UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{Answer, Output, Scalar, first};
use crate::value::ValueRef;

pub(super) static SCALARS: [Scalar; 4] = [
    Scalar::new(c"sha256", 1, |values| {
        with_bytes(values, |bytes| {
            let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
            Ok(Output::Blob(digest.as_ref().to_vec()))
        })
    }),
    Scalar::new(c"base64url", 1, |values| {
        with_bytes(values, |bytes| {
            Ok(Output::Text(URL_SAFE_NO_PAD.encode(bytes)))
        })
    }),
    Scalar::new(c"base64_encode", 1, |values| {
        with_bytes(values, |bytes| Ok(Output::Text(STANDARD.encode(bytes))))
    }),
    Scalar::new(c"base64_decode", 1, |values| {
        with_bytes(values, |bytes| match decode(bytes) {
            Some(decoded) => Ok(Output::Blob(decoded)),
            None => Err("this is no base64".to_owned()),
        })
    }),
];

/// Either alphabet, with padding or without.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let standard = bytes
        .iter()
        .filter(|byte| **byte != b'=')
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect::<Vec<_>>();
    base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(standard)
        .ok()
}

fn with_bytes(values: &[ValueRef<'_>], work: impl FnOnce(&[u8]) -> Answer) -> Answer {
    match first(values) {
        ValueRef::Null => Ok(Output::Null),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => work(bytes),
        ValueRef::Integer(_) | ValueRef::Real(_) => {
            Err("a number is neither text nor a blob".to_owned())
        }
    }
}

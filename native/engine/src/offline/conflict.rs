//! Both sides have changes: what is said of that.

use super::trouble::Trouble;
use crate::error::Error;

/// `durable`: the last frame that both have. `found`: what the server has after it.
pub(super) fn conflict(generation: u32, durable: u32, pending: u32, found: &str) -> Error {
    Trouble::Conflict.error(format!(
        "the copy and the server have both changed since frame {durable} of generation \
         {generation}: the copy has {pending} frames that were not pushed, and {found}. Nothing was \
         changed on either side"
    ))
}

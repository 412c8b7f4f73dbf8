//! Hooks of a session's connection.

use std::sync::Arc;

use super::{Owner, Session};
use crate::channel::Channel;
use crate::error::Result;
use crate::local::Hook;

impl<O: Owner> Session<O> {
    /// [`Connection::add_hook`](crate::local::Connection::add_hook): events are told as this
    /// session's.
    pub fn add_hook(
        &self,
        caller: O,
        channel: &Arc<Channel>,
        hook: Hook,
        lasting: bool,
    ) -> Result<bool> {
        self.call(caller, |connection| {
            connection.add_hook(channel, self.id, hook, lasting)
        })
    }

    pub fn remove_hook(&self, caller: O, channel: &Arc<Channel>, hook: Hook) -> Result<()> {
        self.call(caller, |connection| {
            connection.remove_hook(channel, hook);
            Ok(())
        })
    }
}

//! A session's policy.

use super::{ItemKind, Owner, Session};
use crate::error::Result;
use crate::local::Policy;

impl<O: Owner> Session<O> {
    /// [`Connection::set_authorizer`](crate::local::Connection::set_authorizer)
    pub fn set_authorizer(&self, caller: O, policy: Option<Policy>, of_option: bool) -> Result<()> {
        self.call(caller, |connection| {
            connection.set_authorizer(policy, of_option)
        })?;
        for item in self.items() {
            if item.kind != ItemKind::Statement {
                self.remove_item(item.id);
            }
        }
        Ok(())
    }
}

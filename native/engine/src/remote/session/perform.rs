//! A request, performed when its turn has come.

use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::items::Content;
use super::request::{Answer, Request, Statement};
use super::{Owner, RemoteSession};
use crate::Id;
use crate::error::Result;
use crate::keyword::{first_word, skip_blank};
use crate::local::Call;
use crate::remote::failure::Failure;
use crate::remote::run::until;
use crate::remote::{RemoteParams, RemoteResult};
use crate::session::ItemKind;

impl<O: Owner> RemoteSession<O> {
    pub(super) async fn perform(
        &self,
        caller: O,
        request: Request,
        limits: &Call,
    ) -> Result<Answer> {
        let _turn = self.turn(limits).await?;
        if let Request::Reset = request {
            self.connection.close(limits).await;
            self.forget_all();
            return Ok(Answer::Done);
        }
        self.check_may_use(caller)?;
        let was_open = !self.connection.autocommit();
        let behavior = match request {
            Request::Begin(behavior) => Some(behavior),
            _ => None,
        };
        let answer = self.ask(caller, request, limits).await;
        self.note_transaction(caller, was_open, behavior);
        // While the turn is this call's, so is what is noted there.
        match (answer, self.connection.take_failed_over()) {
            (Ok(answer), Some(failed_over)) => Ok(Answer::Elsewhere(Box::new(answer), failed_over)),
            (answer, _) => answer,
        }
    }

    async fn turn(&self, limits: &Call) -> Result<MutexGuard<'_, ()>> {
        let turn = until(limits.deadline, self.turn.lock()).await;
        turn.ok_or_else(|| {
            Failure::Timeout.error("the connection was at work for another call until the deadline")
        })
    }

    async fn ask(&self, caller: O, request: Request, limits: &Call) -> Result<Answer> {
        let connection = &self.connection;
        match request {
            Request::Query(statement, params) => {
                let sql = self.sql(statement)?;
                self.query(&sql, params, limits).await
            }
            Request::Declare(statement, params) => {
                let sql = self.sql(statement)?;
                let cursor = connection.cursor(&sql, params, limits).await?;
                let content = Content::Cursor(Arc::new(cursor));
                Ok(Answer::Id(self.keep(caller, &sql, content)))
            }
            Request::Fetch { cursor, most } => self.fetch(cursor, most, limits).await,
            Request::Batch {
                statements,
                transactional,
            } => {
                let results = connection.batch(statements, transactional, limits).await?;
                Ok(self.counted(results))
            }
            Request::Script { sql, transactional } => {
                let results = connection.script(&sql, transactional, limits).await?;
                Ok(self.counted(results))
            }
            Request::Prepare(sql) => {
                let description = connection.describe(&sql, limits).await?;
                let content = Content::Statement(Arc::new(description));
                Ok(Answer::Id(self.keep(caller, &sql, content)))
            }
            Request::Describe(sql) => {
                let description = connection.describe(&sql, limits).await?;
                Ok(Answer::Description(description))
            }
            Request::Begin(behavior) => done(connection.begin(behavior, limits).await),
            Request::Commit => done(connection.commit(limits).await),
            Request::Rollback => done(connection.rollback(limits).await),
            Request::Ping => done(connection.ping(limits).await),
            Request::Reset => Ok(Answer::Done),
        }
    }

    fn sql(&self, statement: Statement) -> Result<Arc<str>> {
        match statement {
            Statement::Sql(sql) => Ok(sql.into()),
            Statement::Prepared(id) => self.statement(id).map(|(sql, _)| sql),
        }
    }

    async fn query(&self, sql: &str, params: RemoteParams, limits: &Call) -> Result<Answer> {
        let result = self.connection.execute(sql, params, limits).await?;
        let writes = changes_rows(sql);
        self.count(&result, writes);
        let last_insert_rowid = match writes {
            true => Some(self.status().last_insert_rowid),
            false => result.last_insert_rowid,
        };
        Ok(Answer::Result {
            result,
            last_insert_rowid,
        })
    }

    fn counted(&self, results: Vec<RemoteResult>) -> Answer {
        for result in &results {
            self.count(result, result.last_insert_rowid.is_some());
        }
        Answer::Results(results)
    }

    async fn fetch(&self, cursor: Id, most: usize, limits: &Call) -> Result<Answer> {
        let open = self.cursor(cursor)?;
        let fetched = open.fetch(most.max(1), limits).await;
        if !matches!(&fetched, Ok(fetched) if fetched.end.is_none()) {
            self.forget(cursor, ItemKind::Cursor)?;
        }
        let fetched = fetched?;
        Ok(Answer::Fetched {
            columns: open.columns().to_vec(),
            rows: fetched.rows,
            end: fetched.end,
        })
    }
}

fn done(result: Result<()>) -> Result<Answer> {
    result.map(|()| Answer::Done)
}

/// By its first word: `WITH … UPDATE` is known by the rows that it changes.
fn changes_rows(sql: &str) -> bool {
    let word = first_word(skip_blank(sql));
    ["INSERT", "UPDATE", "DELETE", "REPLACE"]
        .iter()
        .any(|verb| word.eq_ignore_ascii_case(verb))
}

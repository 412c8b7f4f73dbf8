//! What a call sends: its statements, in the requests around them.

use super::protocol::{
    Batch, BatchRequest, BatchStep, Cond, CondKind, CondList, Empty, Execute, Request, RequestKind,
    Stmt,
};
use super::stream::Transaction;
use super::texts::Texts;
use super::value::RemoteParams;
use crate::error::{Error, Result};
use crate::keyword::{Kind, kind};

/// Statements to be run one after the other, each if the one before it succeeded.
#[derive(Debug)]
pub(super) struct Work<'w> {
    steps: Vec<Step<'w>>,
    kind: Kind,
    /// Whether it was asked for as a list, however long.
    pub batch: bool,
    /// Whether the transaction that it begins is for reading only.
    pub read_only: bool,
}

#[derive(Debug)]
struct Step<'w> {
    sql: &'w str,
    stmt: Stmt,
    condition: Option<Cond>,
}

impl<'w> Work<'w> {
    pub(super) fn statement(sql: &'w str, params: RemoteParams) -> Result<Work<'w>> {
        let mut work = Work::empty(false);
        work.push(sql, params)?;
        Ok(work)
    }

    pub(super) fn empty(batch: bool) -> Work<'w> {
        Work {
            steps: Vec::new(),
            kind: Kind::Read,
            batch,
            read_only: false,
        }
    }

    /// A statement that runs if the one before it, where there is one, succeeded.
    pub(super) fn push(&mut self, sql: &'w str, params: RemoteParams) -> Result<()> {
        let condition = self.steps.len().checked_sub(1).map(ok);
        self.push_if(sql, params, condition)
    }

    pub(super) fn push_if(
        &mut self,
        sql: &'w str,
        params: RemoteParams,
        condition: Option<Cond>,
    ) -> Result<()> {
        if let Some(offset) = sql.find('\0') {
            return Err(Error::NulInSql { offset });
        }
        self.kind = match (self.kind, kind(sql)) {
            (_, only) if self.steps.is_empty() => only,
            (ends @ (Kind::Commit | Kind::Rollback | Kind::Release), _)
            | (_, ends @ (Kind::Commit | Kind::Rollback | Kind::Release)) => ends,
            (Kind::Read, Kind::Read) => Kind::Read,
            _ => Kind::Other,
        };
        let mut stmt = Stmt::default();
        params.bind(&mut stmt)?;
        self.steps.push(Step {
            sql,
            stmt,
            condition,
        });
        Ok(())
    }

    /// What its statements are together: `Read` if all only read, `Commit` or the like if one of
    /// them can end a transaction.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The transaction that is open once they have run, where one is.
    pub(super) fn opens(&self) -> Transaction {
        Transaction::Open {
            read_only: self.read_only,
            by_savepoint: self.kind != Kind::Begin,
        }
    }

    /// Says that, for all its statements, an open transaction stays open.
    pub(super) fn stays_in_transaction(&mut self) {
        self.kind = Kind::Other;
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    pub(super) fn sql(&self, step: usize) -> &'w str {
        self.steps.get(step).map_or("", |step| step.sql)
    }

    pub(super) fn stmt(&mut self, step: usize) -> Option<&mut Stmt> {
        self.steps.get_mut(step).map(|step| &mut step.stmt)
    }

    /// The requests: those for stored texts, then one with the statements. With `in_transaction`,
    /// nothing is run unless the server is in one.
    pub(super) fn requests(&self, texts: &mut Texts, in_transaction: bool) -> Vec<Request> {
        let mut requests = Vec::with_capacity(2);
        if in_transaction || self.batch {
            let batch = self.steps(texts, in_transaction, &mut requests);
            requests.push(RequestKind::Batch(BatchRequest { batch }).into());
        } else {
            texts.begin();
            for step in &self.steps {
                let mut stmt = step.stmt.clone();
                texts.put(step.sql, &mut stmt, &mut requests);
                requests.push(RequestKind::Execute(Execute { stmt }).into());
            }
        }
        requests
    }

    fn steps(&self, texts: &mut Texts, in_transaction: bool, before: &mut Vec<Request>) -> Batch {
        texts.begin();
        let steps = self.steps.iter().enumerate().map(|(index, step)| {
            let mut stmt = step.stmt.clone();
            texts.put(step.sql, &mut stmt, before);
            let condition = match index {
                0 if in_transaction => Some(not(is_autocommit())),
                _ => step.condition.clone(),
            };
            BatchStep { condition, stmt }
        });
        Batch {
            steps: steps.collect(),
        }
    }

    /// A request for each statement, to be run by itself on this condition.
    pub(super) fn each_if(&self, condition: Cond) -> Vec<Request> {
        let alone = |step: &Step<'_>| {
            let stmt = Stmt {
                sql: Some(step.sql.to_owned()),
                ..Stmt::default()
            };
            let condition = Some(condition.clone());
            let steps = vec![BatchStep { condition, stmt }];
            let batch = Batch { steps };
            RequestKind::Batch(BatchRequest { batch }).into()
        };
        self.steps.iter().map(alone).collect()
    }

    /// The statements for a cursor, which cannot store texts.
    pub(super) fn cursor(&self, in_transaction: bool) -> Batch {
        let mut texts = Texts::default();
        self.steps(&mut texts, in_transaction, &mut Vec::new())
    }
}

pub(super) fn ok(step: usize) -> Cond {
    // Hrana counts steps in 32 bits; a batch has as many as fit into a request.
    CondKind::Ok(u32::try_from(step).unwrap_or(u32::MAX)).into()
}

pub(super) fn not(cond: Cond) -> Cond {
    CondKind::Not(Box::new(cond)).into()
}

pub(super) fn and(conds: Vec<Cond>) -> Cond {
    CondKind::And(CondList { conds }).into()
}

pub(super) fn never() -> Cond {
    and(vec![is_autocommit(), not(is_autocommit())])
}

pub(super) fn is_autocommit() -> Cond {
    CondKind::IsAutocommit(Empty {}).into()
}

impl From<CondKind> for Cond {
    fn from(kind: CondKind) -> Cond {
        Cond { kind: Some(kind) }
    }
}

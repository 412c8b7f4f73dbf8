//! The replica's own thread, which has its files: neither the network's threads nor those of a
//! caller wait for a disk.

use std::sync::mpsc;
use std::thread;

use tokio::sync::{oneshot, watch};

use super::copy::Copy;
use super::status::ResetReason;
use crate::error::{Error, Result};

type Job = Box<dyn FnOnce(&mut Copy) + Send>;

#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
}

/// What opening the copy came to: whether there is something to be read, and what was lost.
pub(super) type Opened = (bool, Option<ResetReason>);

impl Worker {
    /// Starts the thread, which first opens the copy. It ends, and lets go of the files, when the
    /// worker is dropped and its jobs are done; `ended` turns true then.
    pub(super) fn start(
        open: impl FnOnce() -> Result<(Copy, Option<ResetReason>)> + Send + 'static,
        ended: watch::Sender<bool>,
    ) -> Result<(Worker, oneshot::Receiver<Result<Opened>>)> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, opened) = oneshot::channel();
        thread::Builder::new()
            .name("ecto_libsql_replica".to_owned())
            .spawn(move || {
                match open() {
                    Ok((mut copy, lost)) => {
                        let _ = tell.send(Ok((copy.has_content(), lost)));
                        for job in todo {
                            job(&mut copy);
                        }
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                    }
                }
                ended.send_replace(true);
            })
            .map_err(|error| {
                Error::Unsupported(format!("the system has no thread for a replica: {error}"))
            })?;
        Ok((Worker { jobs }, opened))
    }

    /// Hands a job to the thread, which does it whether or not somebody waits for the answer.
    pub(super) fn run<T, F>(&self, job: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Copy) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |copy| {
            let _ = tell.send(job(copy));
        });
        let handed = self.jobs.send(job);
        async move {
            let gone = || Error::Unsupported("the replica's thread has ended".to_owned());
            handed.map_err(|_| gone())?;
            told.await.map_err(|_| gone())?
        }
    }
}

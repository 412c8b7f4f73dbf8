//! The first start: a copy that is not there yet is fetched.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use tokio::task::spawn_blocking;

use super::atomic_file;
use super::files::{self, Files};
use super::frames::{MAGIC, PAGE};
use super::metadata::Metadata;
use super::position::Position;
use super::service::Service;
use super::trouble::{Trouble, io};
use crate::error::{Error, Result};
use crate::local::Call;
use crate::remote::Failure;

/// How much of a file is written at once.
const PART: usize = 1 << 20;

/// Where the database header has the page size.
const PAGE_SIZE: std::ops::Range<usize> = 16..18;

/// The copy's position; `None`: there is no copy, and nothing in its place.
pub(super) fn find(files: &Files) -> Result<Option<Position>> {
    let database = files::size(&files.database)?;
    let position = Position::read(files)?;
    let path = files.database.display();
    match (database, position) {
        (Some(_), Some(position)) => Ok(Some(position)),
        (Some(_), None) => Err(Trouble::State.error(format!(
            "{path} is a database, and not a copy of one at a server: there is no {path}-info. Move \
             it away, or give another path"
        ))),
        // An export that was not finished is made anew.
        (None, _) if files::size(&files.log())?.is_none_or(|size| size == 0) => Ok(None),
        (None, _) => Err(Trouble::State.error(format!(
            "{path}-wal is there without its database, and may have what was not pushed. Move it \
             away, or bring the database back"
        ))),
    }
}

/// Fetches the file that the server's generation began with. After a crash in the middle of it
/// there is no database.
pub(super) async fn fetch(files: &Files, service: &Service, call: &Call) -> Result<()> {
    let generation = service.info(call).await?;
    let mut export = service.export(generation, call).await?;
    let path = files.export();
    let mut writing = Writing::begin(path.clone()).await?;
    let mut part = Vec::new();
    let mut length = 0;
    let mut head = Vec::new();
    loop {
        let next = export.next(call).await?;
        let last = next.is_none();
        if let Some(bytes) = next {
            length += bytes.len();
            let wanted = 100usize.saturating_sub(head.len()).min(bytes.len());
            head.extend_from_slice(&bytes[..wanted]);
            part.extend_from_slice(&bytes);
        }
        if last || part.len() >= PART {
            writing = writing.append(std::mem::take(&mut part)).await?;
        }
        if last {
            break;
        }
    }
    check(&head, length)?;
    let files = files.clone();
    blocking(move || {
        writing.finish()?;
        Metadata {
            generation,
            durable_frame: 0,
        }
        .write(&files.info())?;
        atomic_file::rename(&path, &files.database).map_err(|error| io("renaming", &path, &error))
    })
    .await
}

/// An empty file is an empty database.
fn check(head: &[u8], length: usize) -> Result<()> {
    let nonsense = |what: &str| Err(Failure::Protocol.error(format!("the server's export {what}")));
    if length == 0 {
        return Ok(());
    }
    if !head.starts_with(MAGIC) {
        return nonsense("is no database");
    }
    if head.get(PAGE_SIZE) != Some(&4096u16.to_be_bytes()) {
        return nonsense(&format!("has pages of another size than {PAGE} bytes"));
    }
    if !length.is_multiple_of(PAGE) {
        return nonsense(&format!(
            "ends in the middle of a page, after {length} bytes"
        ));
    }
    Ok(())
}

/// The file that an export is written to. It is removed unless it is finished.
struct Writing {
    path: PathBuf,
    file: Option<File>,
}

impl Writing {
    async fn begin(path: PathBuf) -> Result<Writing> {
        blocking(move || {
            let file = File::create(&path).map_err(|error| io("writing", &path, &error))?;
            Ok(Writing {
                path,
                file: Some(file),
            })
        })
        .await
    }

    async fn append(mut self, part: Vec<u8>) -> Result<Writing> {
        blocking(move || {
            let written = self.file.as_mut().map(|file| file.write_all(&part));
            match written {
                Some(Err(error)) => Err(io("writing", &self.path, &error)),
                _ => Ok(self),
            }
        })
        .await
    }

    fn finish(mut self) -> Result<()> {
        match self.file.take().map(|file| file.sync_all()) {
            Some(Err(error)) => Err(io("writing", &self.path, &error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nobody would go on with it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Does work on files on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Offline {
            trouble: Trouble::State,
            message: format!("the work on the copy's files was broken off: {error}"),
        }),
    }
}

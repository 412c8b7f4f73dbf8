//! Writing a small file so that after a crash there is the old one or the new one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::trouble::io;
use crate::error::Result;

pub(super) fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    File::create(new)
        .and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        })
        .and_then(|()| rename(new, path))
        .map_err(|error| {
            // What is left of it is of no use.
            let _ = fs::remove_file(new);
            io("writing", path, &error)
        })
}

/// Renames a file, and has the directory remember it.
pub(super) fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(to)
}

#[cfg(unix)]
fn sync_directory(of: &Path) -> std::io::Result<()> {
    let directory = of.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_of: &Path) -> std::io::Result<()> {
    Ok(())
}

//! What a power loss would take: for each file, what of it has not been synced yet, as it was before.
//!
//! What is written goes to the file at once, and what stood there is kept here until the file is
//! synced. A power loss then decides, sector by sector, which of its versions the disk has: the
//! synced one, the last, or one in between.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::chance::Chance;

/// Versions of a sector that are kept, besides the synced one.
const VERSIONS: usize = 4;

type Sector = Vec<u8>;

/// What one file has lost if the power goes.
#[derive(Debug, Default)]
struct Unsynced {
    /// Whether the file's name is not on the disk yet.
    new: bool,
    /// Older sizes, the synced one first; none where it has not changed.
    sizes: Vec<u64>,
    /// Older versions of sectors, the synced one first. What lay behind the file's end is missing
    /// from them.
    sectors: BTreeMap<u64, Vec<Sector>>,
}

#[derive(Debug)]
pub(super) struct Disk {
    sector_size: u64,
    files: HashMap<PathBuf, Unsynced>,
    /// Files whose deletion is not on the disk yet, with what is.
    deleted: HashMap<PathBuf, Vec<u8>>,
}

/// What the disk has lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Sectors that were not synced, and of these, those whose last version is not on the disk.
    pub unsynced_sectors: u64,
    pub lost_sectors: u64,
    /// Files that are there again, and files that are not there any more.
    pub files_back: u64,
    pub files_gone: u64,
}

impl Disk {
    pub(super) fn new(sector_size: usize) -> Disk {
        Disk {
            sector_size: u64::try_from(sector_size).unwrap_or(512),
            files: HashMap::new(),
            deleted: HashMap::new(),
        }
    }

    pub(super) fn created(&mut self, path: &Path) {
        self.files.entry(path.to_owned()).or_default().new = true;
    }

    /// Before a write: `read` fills a buffer from an offset on, as far as the file goes.
    pub(super) fn will_write<E>(
        &mut self,
        path: &Path,
        (offset, length): (u64, u64),
        size: u64,
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let end = offset.saturating_add(length);
        // What lies between the old end and the offset becomes part of the file, too.
        self.keep_sectors(path, offset.min(size)..end, size, read)?;
        if end > size {
            self.keep_size(path, size);
        }
        Ok(())
    }

    pub(super) fn will_truncate<E>(
        &mut self,
        path: &Path,
        to: u64,
        size: u64,
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.keep_sectors(path, to.min(size)..size, size, read)?;
        if to != size {
            self.keep_size(path, size);
        }
        Ok(())
    }

    fn keep_size(&mut self, path: &Path, size: u64) {
        let sizes = &mut self.files.entry(path.to_owned()).or_default().sizes;
        if sizes.len() > VERSIONS {
            sizes.remove(1);
        }
        sizes.push(size);
    }

    fn keep_sectors<E>(
        &mut self,
        path: &Path,
        bytes: std::ops::Range<u64>,
        size: u64,
        mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        if bytes.is_empty() {
            return Ok(());
        }
        let sector_size = self.sector_size;
        let file = self.files.entry(path.to_owned()).or_default();
        for number in bytes.start / sector_size..bytes.end.div_ceil(sector_size) {
            let start = number * sector_size;
            let there = size.saturating_sub(start).min(sector_size);
            let mut content = vec![0; usize::try_from(there).unwrap_or(0)];
            if there > 0 {
                read(&mut content, start)?;
            }
            let versions = file.sectors.entry(number).or_default();
            if versions.len() > VERSIONS {
                versions.remove(1);
            }
            versions.push(content);
        }
        Ok(())
    }

    /// What was written of it is on the disk, and so is its name, with the deletions in its
    /// directory.
    pub(super) fn synced(&mut self, path: &Path) {
        if let Some(file) = self.files.remove(path)
            && file.new
        {
            self.synced_directory(path);
        }
    }

    fn synced_directory(&mut self, path: &Path) {
        self.deleted
            .retain(|deleted, _| deleted.parent() != path.parent());
    }

    /// Before a deletion.
    pub(super) fn will_delete(&mut self, path: &Path) {
        match self.files.remove(path) {
            Some(file) if file.new => {}
            file => {
                let mut content = fs::read(path).unwrap_or_default();
                if let Some(file) = file {
                    file.as_synced(&mut content, self.sector_size);
                }
                // An earlier deletion of that name is what the disk knows first.
                self.deleted.entry(path.to_owned()).or_insert(content);
            }
        }
    }

    pub(super) fn deleted(&mut self, path: &Path, synced: bool) {
        if synced {
            self.synced_directory(path);
        }
    }

    /// Bytes that are kept, because they would be lost or come back.
    pub(super) fn unsynced_bytes(&self) -> u64 {
        let sectors: usize = self.files.values().map(|file| file.sectors.len()).sum();
        u64::try_from(sectors).unwrap_or(0) * self.sector_size
    }

    /// The power goes: the files become what the disk has of them.
    pub(super) fn lose_power(&mut self, chance: &mut Chance) -> io::Result<Lost> {
        let mut lost = Lost::default();
        let mut files = std::mem::take(&mut self.files)
            .into_iter()
            .collect::<Vec<_>>();
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (path, file) in files {
            if file.new && chance.happens(0.25) {
                lost.files_gone += 1;
                remove(&path)?;
            } else {
                file.lose_power(&path, self.sector_size, chance, &mut lost)?;
            }
        }
        let mut deleted = std::mem::take(&mut self.deleted)
            .into_iter()
            .collect::<Vec<_>>();
        deleted.sort();
        for (path, content) in deleted {
            if chance.happens(0.5) {
                lost.files_back += 1;
                fs::write(&path, content)?;
            }
        }
        Ok(lost)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

impl Unsynced {
    /// Makes of a file's content what is surely on the disk.
    fn as_synced(&self, content: &mut Vec<u8>, sector_size: u64) {
        let usize = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(size) = self.sizes.first() {
            content.resize(usize(*size), 0);
        }
        for (number, versions) in &self.sectors {
            let start = usize(number * sector_size);
            let Some(synced) = versions.first() else {
                continue;
            };
            let end = (start + synced.len()).min(content.len());
            if let Some(place) = content.get_mut(start..end) {
                place.copy_from_slice(&synced[..end - start]);
            }
        }
    }

    fn lose_power(
        &self,
        path: &Path,
        sector_size: u64,
        chance: &mut Chance,
        lost: &mut Lost,
    ) -> io::Result<()> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let last = file.metadata()?.len();
        let size = match self.sizes.get(chance.below(self.sizes.len() + 1)) {
            Some(older) => *older,
            None => last,
        };
        let keeps_all = chance.happens(0.1);
        for (number, versions) in &self.sectors {
            lost.unsynced_sectors += 1;
            let Some(older) = versions.get(chance.below(versions.len() + 1)) else {
                continue;
            };
            if !keeps_all {
                lost.lost_sectors += 1;
                restore(&mut file, number * sector_size, older, sector_size, chance)?;
            }
        }
        file.set_len(size)
    }
}

/// Writes an older version of a sector; what was behind the file's end then may be anything.
fn restore(
    file: &mut File,
    start: u64,
    older: &[u8],
    sector_size: u64,
    chance: &mut Chance,
) -> io::Result<()> {
    let mut content = vec![0; usize::try_from(sector_size).unwrap_or(0)];
    if chance.happens(0.2) {
        content.fill_with(|| chance.next() as u8);
    }
    let kept = older.len().min(content.len());
    content[..kept].copy_from_slice(&older[..kept]);
    file.seek(SeekFrom::Start(start))?;
    file.write_all(&content)
}

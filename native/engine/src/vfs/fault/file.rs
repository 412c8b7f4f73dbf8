//! A file whose operations may go wrong, over one of the default VFS's.

use std::ffi::{c_int, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use libsql::ffi;

use super::Faults;
use super::script::{Action, FileKind, Operation};
use super::state::Place;
use crate::vfs::bridge::{Code, File};
use crate::vfs::raw_file::RawFile;

#[derive(Debug)]
pub(in crate::vfs) struct FaultFile {
    pub(super) file: RawFile,
    pub(super) faults: Arc<Faults>,
    pub(super) kind: FileKind,
    /// None for a temporary file, which a power loss takes as it is.
    pub(super) path: Option<PathBuf>,
    /// When it was opened.
    pub(super) power: u64,
}

impl FaultFile {
    fn place(&self, operation: Operation, offset: u64, length: u64) -> Place {
        Place {
            operation,
            file: self.kind,
            path: self
                .path
                .as_ref()
                .map_or_else(String::new, |path| path.to_string_lossy().into_owned()),
            offset,
            length,
        }
    }

    /// What the operation comes to, where it is done.
    fn enter(&self, operation: Operation) -> Result<Option<Action>, Code> {
        self.enter_at(operation, 0, 0)
    }

    fn enter_at(
        &self,
        operation: Operation,
        offset: u64,
        length: u64,
    ) -> Result<Option<Action>, Code> {
        let place = self.place(operation, offset, length);
        self.faults.enter(&place, Some(self.power))
    }

    /// Writes as far as there is space.
    fn store(&mut self, data: &[u8], offset: u64) -> Result<(), Code> {
        let Some(path) = &self.path else {
            return self.file.write(data, offset);
        };
        let mut disk = self.faults.disk.lock();
        let size = self.file.size()?;
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let growth = (offset + length).saturating_sub(size);
        let granted = self.faults.take_space(growth);
        let fitting = length.saturating_sub(growth - granted);
        let stored = &data[..usize::try_from(fitting).unwrap_or(0)];
        if !stored.is_empty() {
            let file = &mut self.file;
            disk.will_write(path, (offset, fitting), size, |buffer, from| {
                file.read(buffer, from)
            })?;
            self.file.write(stored, offset)?;
        }
        drop(disk);
        if fitting == length {
            return Ok(());
        }
        let place = self.place(Operation::Write, offset, length);
        self.faults
            .state
            .lock()
            .note(&place, None, ffi::SQLITE_FULL);
        Err(ffi::SQLITE_FULL)
    }
}

impl File for FaultFile {
    fn read(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Code> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let action = self.enter_at(Operation::Read, offset, length)?;
        self.file.read(buffer, offset)?;
        match action {
            Some(Action::Short { keep }) if keep < buffer.len() => {
                buffer[keep..].fill(0);
                Err(ffi::SQLITE_IOERR_SHORT_READ)
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, data: &[u8], offset: u64) -> Result<(), Code> {
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let place = self.place(Operation::Write, offset, length);
        match self.faults.decide(&place, Some(self.power))? {
            Some(action @ Action::Torn { keep, silent }) => {
                let kept = keep.min(data.len());
                let stored = self.store(&data[..kept], offset);
                let code = if silent {
                    ffi::SQLITE_OK
                } else {
                    ffi::SQLITE_IOERR_WRITE
                };
                self.faults.state.lock().note(&place, Some(action), code);
                stored.and(if silent { Ok(()) } else { Err(code) })
            }
            // What is under way when the power goes is not synced: it is there in part, or not.
            Some(action @ Action::PowerLoss) => {
                let _ = self.store(data, offset);
                Err(self.faults.fail(&place, action))
            }
            Some(action) => Err(self.faults.fail(&place, action)),
            None => self.store(data, offset),
        }
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.enter_at(Operation::Truncate, size, 0)?;
        let Some(path) = &self.path else {
            return self.file.truncate(size);
        };
        let mut disk = self.faults.disk.lock();
        let before = self.file.size()?;
        let file = &mut self.file;
        disk.will_truncate(path, size, before, |buffer, from| file.read(buffer, from))?;
        self.file.truncate(size)?;
        self.faults.give_space(before.saturating_sub(size));
        Ok(())
    }

    /// No other disk is asked: what has been synced is known here.
    fn sync(&mut self) -> Result<(), Code> {
        let action = self.enter(Operation::Sync)?;
        if let Some(path) = &self.path
            && action != Some(Action::Lie)
        {
            self.faults.disk.lock().synced(path);
        }
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        self.enter(Operation::Size)?;
        self.file.size()
    }

    fn lock(&mut self, level: c_int) -> Result<(), Code> {
        self.enter(Operation::Lock)?;
        self.file.lock(level)
    }

    /// Never fails by a script: SQLite does not ask whether it did.
    fn unlock(&mut self, level: c_int) -> Result<(), Code> {
        self.file.unlock(level)
    }

    fn check_reserved_lock(&mut self) -> Result<bool, Code> {
        self.enter(Operation::Lock)?;
        self.file.check_reserved_lock()
    }

    fn sector_size(&mut self) -> c_int {
        self.file.sector_size()
    }

    fn device_characteristics(&mut self) -> c_int {
        self.file.device_characteristics()
    }

    fn shm_map(&mut self, region: c_int, size: c_int, extend: bool) -> (*mut c_void, Code) {
        match self.enter(Operation::ShmMap) {
            Ok(_) => self.file.shm_map(region, size, extend),
            Err(code) => (ptr::null_mut(), code),
        }
    }

    fn shm_lock(&mut self, first: c_int, count: c_int, flags: c_int) -> Result<(), Code> {
        if flags & ffi::SQLITE_SHM_UNLOCK == 0 {
            self.enter(Operation::ShmLock)?;
        }
        self.file.shm_lock(first, count, flags)
    }

    fn shm_barrier(&mut self) {
        self.file.shm_barrier();
    }

    fn shm_unmap(&mut self, delete: bool) -> Result<(), Code> {
        // A machine without power deletes nothing.
        let on = self.faults.state.lock().has_power(self.power);
        self.file.shm_unmap(delete && on)
    }

    fn controlled(&mut self, operation: c_int) -> Option<&mut RawFile> {
        match operation {
            // They would change the file's size behind our back, or map it.
            ffi::SQLITE_FCNTL_SIZE_HINT
            | ffi::SQLITE_FCNTL_CHUNK_SIZE
            | ffi::SQLITE_FCNTL_MMAP_SIZE => None,
            _ => Some(&mut self.file),
        }
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        self.faults.closed(self.kind, self.power);
        self.faults.open_files.fetch_sub(1, Relaxed);
    }
}

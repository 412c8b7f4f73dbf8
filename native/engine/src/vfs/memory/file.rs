//! A file in memory that is open.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use libsql::ffi;

use super::shm::Held;
use super::{Name, Node};
use crate::vfs::bridge::{Code, File};
use crate::vfs::raw_file::RawFile;

#[derive(Debug)]
pub(in crate::vfs) struct MemoryFile {
    node: Arc<Node>,
    readonly: bool,
    level: c_int,
    held: Held,
    /// Dropped after the locks are let go of.
    _name: Option<Name>,
}

impl MemoryFile {
    pub(super) fn new(node: Arc<Node>, readonly: bool, name: Option<Name>) -> MemoryFile {
        MemoryFile {
            node,
            readonly,
            level: ffi::SQLITE_LOCK_NONE,
            held: Held::default(),
            _name: name,
        }
    }

    fn check_may_write(&self) -> Result<(), Code> {
        match self.readonly {
            true => Err(ffi::SQLITE_READONLY),
            false => Ok(()),
        }
    }
}

fn place(number: u64) -> Result<usize, Code> {
    usize::try_from(number).map_err(|_| ffi::SQLITE_FULL)
}

impl File for MemoryFile {
    fn read(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Code> {
        self.node.content.read().read(buffer, place(offset)?)
    }

    fn write(&mut self, data: &[u8], offset: u64) -> Result<(), Code> {
        self.check_may_write()?;
        self.node.content.write().write(data, place(offset)?)
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.check_may_write()?;
        self.node.content.write().truncate(place(size)?)
    }

    fn sync(&mut self) -> Result<(), Code> {
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        Ok(u64::try_from(self.node.content.read().size()).unwrap_or(u64::MAX))
    }

    fn lock(&mut self, level: c_int) -> Result<(), Code> {
        let (level, locked) = self.node.locks.lock().lock(self.level, level);
        self.level = level;
        locked
    }

    fn unlock(&mut self, level: c_int) -> Result<(), Code> {
        if level < self.level {
            self.node.locks.lock().unlock(self.level, level);
            self.level = level;
        }
        Ok(())
    }

    fn check_reserved_lock(&mut self) -> Result<bool, Code> {
        Ok(self.node.locks.lock().is_reserved())
    }

    fn sector_size(&mut self) -> c_int {
        0
    }

    fn device_characteristics(&mut self) -> c_int {
        ffi::SQLITE_IOCAP_ATOMIC
            | ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
            | ffi::SQLITE_IOCAP_SAFE_APPEND
            | ffi::SQLITE_IOCAP_SEQUENTIAL
    }

    fn shm_map(&mut self, region: c_int, size: c_int, extend: bool) -> (*mut c_void, Code) {
        let mapped = self
            .node
            .shm
            .lock()
            .map(&mut self.held, region, size, extend);
        match mapped {
            Ok(memory) => (memory, ffi::SQLITE_OK),
            Err(code) => (ptr::null_mut(), code),
        }
    }

    fn shm_lock(&mut self, first: c_int, count: c_int, flags: c_int) -> Result<(), Code> {
        self.node
            .shm
            .lock()
            .lock(&mut self.held, first, count, flags)
    }

    fn shm_barrier(&mut self) {
        fence(Ordering::SeqCst);
    }

    fn shm_unmap(&mut self, _delete: bool) -> Result<(), Code> {
        self.node.shm.lock().unmap(&mut self.held);
        Ok(())
    }

    fn controlled(&mut self, _operation: c_int) -> Option<&mut RawFile> {
        None
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.node.shm.lock().unmap(&mut self.held);
        self.node
            .locks
            .lock()
            .unlock(self.level, ffi::SQLITE_LOCK_NONE);
    }
}

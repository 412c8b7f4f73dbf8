//! Owns a `sqlite3_file` of a VFS of SQLite's own. Each method is one C call.

use std::ffi::{c_int, c_void};
use std::ptr;

use libsql::ffi;

use super::bridge::{Code, Filename, checked};
use super::raw_vfs::RawVfs;

#[derive(Debug)]
pub(super) struct RawFile {
    /// `szOsFile` bytes, aligned as C's allocations are.
    memory: Box<[u128]>,
}

type Methods = ffi::sqlite3_io_methods;

impl RawFile {
    /// The file, and the flags with which it was opened.
    pub(super) fn open(
        vfs: RawVfs,
        name: Filename,
        flags: c_int,
    ) -> Result<(RawFile, c_int), Code> {
        let pointer = vfs.as_ptr();
        // SAFETY: a VFS of SQLite's own lives for ever.
        let (size, open) = unsafe { ((*pointer).szOsFile, (*pointer).xOpen) };
        let open = open.ok_or(ffi::SQLITE_CANTOPEN)?;
        let size = usize::try_from(size).map_err(|_| ffi::SQLITE_CANTOPEN)?;
        // From here on drop closes what was opened, also where the opening failed.
        let mut file = RawFile {
            memory: vec![0; size.div_ceil(size_of::<u128>())].into_boxed_slice(),
        };
        let mut opened_with = flags;
        // SAFETY: the memory has the size that the VFS asks for; the name is one that SQLite gave to
        // `xOpen`, and lives until the file is closed.
        let code = unsafe {
            open(
                pointer,
                name.as_ptr(),
                file.as_ptr(),
                flags,
                &raw mut opened_with,
            )
        };
        checked(code)?;
        Ok((file, opened_with))
    }

    fn as_ptr(&mut self) -> *mut ffi::sqlite3_file {
        self.memory.as_mut_ptr().cast()
    }

    /// One of the file's methods; `missing` where it has none of that name.
    fn method<M>(&mut self, method: fn(&Methods) -> Option<M>, missing: Code) -> Result<M, Code> {
        // SAFETY: the memory begins with the pointer to the methods, null where none was opened,
        // which live as long as their VFS.
        let methods = unsafe { (*self.as_ptr()).pMethods.as_ref() };
        methods.and_then(method).ok_or(missing)
    }

    /// What the file ends before is read as zeros, with `SQLITE_IOERR_SHORT_READ`.
    pub(super) fn read(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Code> {
        let read = self.method(|methods| methods.xRead, ffi::SQLITE_IOERR_READ)?;
        let (length, offset) = place(buffer.len(), offset, ffi::SQLITE_IOERR_READ)?;
        // SAFETY: the buffer has so many bytes.
        checked(unsafe { read(self.as_ptr(), buffer.as_mut_ptr().cast(), length, offset) })
    }

    pub(super) fn write(&mut self, data: &[u8], offset: u64) -> Result<(), Code> {
        let write = self.method(|methods| methods.xWrite, ffi::SQLITE_IOERR_WRITE)?;
        let (length, offset) = place(data.len(), offset, ffi::SQLITE_IOERR_WRITE)?;
        // SAFETY: the data has so many bytes.
        checked(unsafe { write(self.as_ptr(), data.as_ptr().cast(), length, offset) })
    }

    pub(super) fn truncate(&mut self, size: u64) -> Result<(), Code> {
        let truncate = self.method(|methods| methods.xTruncate, ffi::SQLITE_IOERR_TRUNCATE)?;
        let size = i64::try_from(size).map_err(|_| ffi::SQLITE_IOERR_TRUNCATE)?;
        // SAFETY: the file is open.
        checked(unsafe { truncate(self.as_ptr(), size) })
    }

    pub(super) fn size(&mut self) -> Result<u64, Code> {
        let file_size = self.method(|methods| methods.xFileSize, ffi::SQLITE_IOERR_FSTAT)?;
        let mut size = 0;
        // SAFETY: the size is there to be written.
        checked(unsafe { file_size(self.as_ptr(), &raw mut size) })?;
        u64::try_from(size).map_err(|_| ffi::SQLITE_IOERR_FSTAT)
    }

    pub(super) fn lock(&mut self, level: c_int) -> Result<(), Code> {
        let lock = self.method(|methods| methods.xLock, ffi::SQLITE_IOERR_LOCK)?;
        // SAFETY: the file is open.
        checked(unsafe { lock(self.as_ptr(), level) })
    }

    pub(super) fn unlock(&mut self, level: c_int) -> Result<(), Code> {
        let unlock = self.method(|methods| methods.xUnlock, ffi::SQLITE_IOERR_UNLOCK)?;
        // SAFETY: the file is open.
        checked(unsafe { unlock(self.as_ptr(), level) })
    }

    pub(super) fn check_reserved_lock(&mut self) -> Result<bool, Code> {
        let missing = ffi::SQLITE_IOERR_CHECKRESERVEDLOCK;
        let check = self.method(|methods| methods.xCheckReservedLock, missing)?;
        let mut locked = 0;
        // SAFETY: the answer is there to be written.
        checked(unsafe { check(self.as_ptr(), &raw mut locked) })?;
        Ok(locked != 0)
    }

    /// # Safety
    /// `argument` is what the operation takes.
    pub(super) unsafe fn file_control(&mut self, operation: c_int, argument: *mut c_void) -> Code {
        match self.method(|methods| methods.xFileControl, ffi::SQLITE_NOTFOUND) {
            // SAFETY: as the caller says.
            Ok(control) => unsafe { control(self.as_ptr(), operation, argument) },
            Err(code) => code,
        }
    }

    pub(super) fn sector_size(&mut self) -> c_int {
        match self.method(|methods| methods.xSectorSize, 0) {
            // SAFETY: the file is open.
            Ok(size) => unsafe { size(self.as_ptr()) },
            Err(_) => 0,
        }
    }

    pub(super) fn device_characteristics(&mut self) -> c_int {
        match self.method(|methods| methods.xDeviceCharacteristics, 0) {
            // SAFETY: the file is open.
            Ok(characteristics) => unsafe { characteristics(self.as_ptr()) },
            Err(_) => 0,
        }
    }

    /// The code is kept where there is a region, too: `SQLITE_READONLY` says that it cannot be
    /// written.
    pub(super) fn shm_map(
        &mut self,
        region: c_int,
        size: c_int,
        extend: bool,
    ) -> (*mut c_void, Code) {
        let mut memory = ptr::null_mut();
        match self.method(|methods| methods.xShmMap, ffi::SQLITE_IOERR_SHMMAP) {
            Ok(map) => {
                let extend = c_int::from(extend);
                // SAFETY: the file is open; the pointer is there to be written.
                let code = unsafe { map(self.as_ptr(), region, size, extend, &raw mut memory) };
                (memory, code)
            }
            Err(code) => (memory, code),
        }
    }

    pub(super) fn shm_lock(
        &mut self,
        first: c_int,
        count: c_int,
        flags: c_int,
    ) -> Result<(), Code> {
        let lock = self.method(|methods| methods.xShmLock, ffi::SQLITE_IOERR_SHMLOCK)?;
        // SAFETY: the file is open.
        checked(unsafe { lock(self.as_ptr(), first, count, flags) })
    }

    pub(super) fn shm_barrier(&mut self) {
        if let Ok(barrier) = self.method(|methods| methods.xShmBarrier, 0) {
            // SAFETY: the file is open.
            unsafe { barrier(self.as_ptr()) }
        }
    }

    pub(super) fn shm_unmap(&mut self, delete: bool) -> Result<(), Code> {
        let unmap = self.method(|methods| methods.xShmUnmap, ffi::SQLITE_IOERR_SHMMAP)?;
        // SAFETY: the file is open.
        checked(unsafe { unmap(self.as_ptr(), c_int::from(delete)) })
    }
}

fn place(length: usize, offset: u64, too_large: Code) -> Result<(c_int, i64), Code> {
    let length = c_int::try_from(length).map_err(|_| too_large)?;
    let offset = i64::try_from(offset).map_err(|_| too_large)?;
    Ok((length, offset))
}

impl Drop for RawFile {
    fn drop(&mut self) {
        if let Ok(close) = self.method(|methods| methods.xClose, 0) {
            // SAFETY: the file is open, and closed only here.
            unsafe { close(self.as_ptr()) };
        }
    }
}

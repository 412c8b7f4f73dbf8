//! SQLite's VFS interface as safe Rust: a [`Vfs`] is registered under a name, and SQLite's calls
//! become calls of it and of its files. <https://sqlite.org/vfs.html>
//!
//! What is not about files (time, randomness, shared libraries) is the default VFS's.

use std::ffi::{CStr, CString, c_int, c_void};
use std::os::raw::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;
use std::time::Duration;

use libsql::ffi;

use super::raw_file::RawFile;
use super::raw_vfs::RawVfs;

/// A result code of SQLite's.
pub(super) type Code = c_int;

pub(super) fn checked(code: Code) -> Result<(), Code> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(code),
    }
}

fn code(done: Result<(), Code>) -> Code {
    match done {
        Ok(()) => ffi::SQLITE_OK,
        Err(code) => code,
    }
}

/// A file's name as SQLite gives it to `xOpen`: it lives until the file is closed, and SQLite can
/// find a URI's parameters behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filename(*const c_char);

impl Filename {
    pub(super) fn as_ptr(self) -> *const c_char {
        self.0
    }

    /// None for a temporary file.
    pub(super) fn path(&self) -> Option<&CStr> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: SQLite's names end with NUL.
        Some(unsafe { CStr::from_ptr(self.0) })
    }
}

pub(super) trait Vfs: Send + Sync + 'static {
    type File: File;

    /// The file, and the flags with which it was opened.
    fn open(&self, name: Filename, flags: c_int) -> Result<(Self::File, c_int), Code>;
    fn delete(&self, path: &CStr, sync_directory: bool) -> Result<(), Code>;
    fn access(&self, path: &CStr, flags: c_int) -> Result<bool, Code>;
    fn full_pathname(&self, path: &CStr) -> Result<CString, Code>;

    /// While SQLite waits for another connection's step in the write-ahead log.
    fn sleep(&self, time: Duration);
}

/// A file that is open. None is mapped into memory: pages come by `read`.
pub(super) trait File: 'static {
    /// What the file ends before is left as zeros, with `SQLITE_IOERR_SHORT_READ`.
    fn read(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), Code>;
    fn write(&mut self, data: &[u8], offset: u64) -> Result<(), Code>;
    fn truncate(&mut self, size: u64) -> Result<(), Code>;
    fn sync(&mut self) -> Result<(), Code>;
    fn size(&mut self) -> Result<u64, Code>;
    fn lock(&mut self, level: c_int) -> Result<(), Code>;
    fn unlock(&mut self, level: c_int) -> Result<(), Code>;
    fn check_reserved_lock(&mut self) -> Result<bool, Code>;
    fn sector_size(&mut self) -> c_int;
    fn device_characteristics(&mut self) -> c_int;
    fn shm_map(&mut self, region: c_int, size: c_int, extend: bool) -> (*mut c_void, Code);
    fn shm_lock(&mut self, first: c_int, count: c_int, flags: c_int) -> Result<(), Code>;
    fn shm_barrier(&mut self);
    fn shm_unmap(&mut self, delete: bool) -> Result<(), Code>;

    /// The file that answers this operation of `sqlite3_file_control`.
    fn controlled(&mut self, operation: c_int) -> Option<&mut RawFile>;
}

/// A VFS that SQLite knows, or has known: a connection may point to it for as long as it likes, so
/// it is never freed.
#[derive(Debug)]
pub(super) struct Registered<V: Vfs> {
    vfs: *mut ffi::sqlite3_vfs,
    inner: &'static V,
}

// SAFETY: SQLite locks its list of VFSs, of which `vfs` is a member; `V` may be shared.
unsafe impl<V: Vfs> Send for Registered<V> {}
// SAFETY: as above.
unsafe impl<V: Vfs> Sync for Registered<V> {}

impl<V: Vfs> Registered<V> {
    pub(super) fn new(name: CString, inner: V) -> Result<Registered<V>, Code> {
        let lower = RawVfs::default()?;
        let inner: &'static V = Box::leak(Box::new(inner));
        // SAFETY: the default VFS lives for ever.
        let default = unsafe { &*lower.as_ptr() };
        let vfs = ffi::sqlite3_vfs {
            iVersion: default.iVersion.min(2),
            szOsFile: c_int::try_from(size_of::<Open<V::File>>()).map_err(|_| ffi::SQLITE_ERROR)?,
            pNext: ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: ptr::from_ref(inner).cast_mut().cast(),
            xOpen: Some(open::<V>),
            xDelete: Some(delete::<V>),
            xAccess: Some(access::<V>),
            xFullPathname: Some(full_pathname::<V>),
            xSleep: Some(sleep::<V>),
            // The others look at nothing of theirs.
            ..*default
        };
        let registered = Registered {
            vfs: Box::into_raw(Box::new(vfs)),
            inner,
        };
        registered.register()?;
        Ok(registered)
    }

    pub(super) fn inner(&self) -> &'static V {
        self.inner
    }

    pub(super) fn register(&self) -> Result<(), Code> {
        // SAFETY: the structure lives for ever.
        checked(unsafe { ffi::sqlite3_vfs_register(self.vfs, 0) })
    }

    /// No connection can be opened with it any more; those that were go on.
    pub(super) fn unregister(&self) {
        // SAFETY: as above.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs) };
    }
}

#[repr(C)]
struct Open<F> {
    base: ffi::sqlite3_file,
    file: *mut F,
}

struct Methods<F>(std::marker::PhantomData<F>);

impl<F: File> Methods<F> {
    /// Version 2: no mapping of files.
    const METHODS: &'static ffi::sqlite3_io_methods = &ffi::sqlite3_io_methods {
        iVersion: 2,
        xClose: Some(close::<F>),
        xRead: Some(read::<F>),
        xWrite: Some(write::<F>),
        xTruncate: Some(truncate::<F>),
        xSync: Some(sync::<F>),
        xFileSize: Some(file_size::<F>),
        xLock: Some(lock::<F>),
        xUnlock: Some(unlock::<F>),
        xCheckReservedLock: Some(check_reserved_lock::<F>),
        xFileControl: Some(file_control::<F>),
        xSectorSize: Some(sector_size::<F>),
        xDeviceCharacteristics: Some(device_characteristics::<F>),
        xShmMap: Some(shm_map::<F>),
        xShmLock: Some(shm_lock::<F>),
        xShmBarrier: Some(shm_barrier::<F>),
        xShmUnmap: Some(shm_unmap::<F>),
        xFetch: None,
        xUnfetch: None,
    };
}

/// A panic must not unwind into C.
fn guarded<T>(panicked: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(panicked)
}

/// # Safety
/// `vfs` is one that [`Registered::new`] made of a `V`.
unsafe fn vfs_of<'v, V: Vfs>(vfs: *mut ffi::sqlite3_vfs) -> &'v V {
    // SAFETY: its data is a `V` that is never freed.
    unsafe { &*(*vfs).pAppData.cast::<V>() }
}

/// # Safety
/// `file` is one that `open` has filled, and no other call uses it.
unsafe fn file_of<'f, F: File>(file: *mut ffi::sqlite3_file) -> &'f mut F {
    // SAFETY: `open` put a file there, which `close` frees.
    unsafe { &mut *(*file.cast::<Open<F>>()).file }
}

unsafe extern "C" fn open<V: Vfs>(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    opened_with: *mut c_int,
) -> c_int {
    guarded(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments: room for an `Open`, and a place for the flags or null.
        // Without methods, SQLite closes nothing.
        unsafe {
            (*file).pMethods = ptr::null();
            let (opened, flags) = match vfs_of::<V>(vfs).open(Filename(name), flags) {
                Ok(opened) => opened,
                Err(code) => return code,
            };
            file.cast::<Open<V::File>>().write(Open {
                base: ffi::sqlite3_file {
                    pMethods: Methods::<V::File>::METHODS,
                },
                file: Box::into_raw(Box::new(opened)),
            });
            if let Some(opened_with) = opened_with.as_mut() {
                *opened_with = flags;
            }
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn delete<V: Vfs>(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync_directory: c_int,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_DELETE, || {
        // SAFETY: SQLite's own arguments.
        let (vfs, path) = unsafe { (vfs_of::<V>(vfs), CStr::from_ptr(path)) };
        code(vfs.delete(path, sync_directory != 0))
    })
}

unsafe extern "C" fn access<V: Vfs>(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    answer: *mut c_int,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_ACCESS, || {
        // SAFETY: SQLite's own arguments.
        let (vfs, path) = unsafe { (vfs_of::<V>(vfs), CStr::from_ptr(path)) };
        match vfs.access(path, flags) {
            Ok(allowed) => {
                // SAFETY: as above.
                unsafe { *answer = c_int::from(allowed) };
                ffi::SQLITE_OK
            }
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn full_pathname<V: Vfs>(
    vfs: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    length: c_int,
    full: *mut c_char,
) -> c_int {
    guarded(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: SQLite's own arguments.
        let (vfs, path) = unsafe { (vfs_of::<V>(vfs), CStr::from_ptr(path)) };
        match vfs.full_pathname(path) {
            Ok(found) => {
                let bytes = found.as_bytes_with_nul();
                if usize::try_from(length).is_ok_and(|length| bytes.len() <= length) {
                    // SAFETY: SQLite has room for `length` bytes.
                    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), full.cast(), bytes.len()) };
                    ffi::SQLITE_OK
                } else {
                    ffi::SQLITE_CANTOPEN
                }
            }
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn sleep<V: Vfs>(vfs: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    guarded(microseconds, || {
        // SAFETY: SQLite's own argument.
        let vfs = unsafe { vfs_of::<V>(vfs) };
        vfs.sleep(Duration::from_micros(
            u64::try_from(microseconds).unwrap_or(0),
        ));
        microseconds
    })
}

unsafe extern "C" fn close<F: File>(file: *mut ffi::sqlite3_file) -> c_int {
    guarded(ffi::SQLITE_IOERR_CLOSE, || {
        // SAFETY: SQLite's own argument, of which it makes no use afterwards.
        unsafe {
            drop(Box::from_raw((*file.cast::<Open<F>>()).file));
            (*file).pMethods = ptr::null();
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn read<F: File>(
    file: *mut ffi::sqlite3_file,
    buffer: *mut c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_READ, || {
        let (Ok(length), Ok(offset)) = (usize::try_from(length), u64::try_from(offset)) else {
            return ffi::SQLITE_IOERR_READ;
        };
        // SAFETY: SQLite's own arguments: the buffer has room for `length` bytes. They are written
        // before a reference to them is made, and stay zeros where nothing is read.
        let (file, buffer) = unsafe {
            ptr::write_bytes(buffer.cast::<u8>(), 0, length);
            (
                file_of::<F>(file),
                slice::from_raw_parts_mut(buffer.cast::<u8>(), length),
            )
        };
        code(file.read(buffer, offset))
    })
}

unsafe extern "C" fn write<F: File>(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    length: c_int,
    offset: i64,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_WRITE, || {
        let (Ok(length), Ok(offset)) = (usize::try_from(length), u64::try_from(offset)) else {
            return ffi::SQLITE_IOERR_WRITE;
        };
        // SAFETY: SQLite's own arguments: the data has `length` bytes.
        let (file, data) = unsafe {
            (
                file_of::<F>(file),
                slice::from_raw_parts(data.cast::<u8>(), length),
            )
        };
        code(file.write(data, offset))
    })
}

unsafe extern "C" fn truncate<F: File>(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    guarded(ffi::SQLITE_IOERR_TRUNCATE, || {
        // SAFETY: SQLite's own argument.
        let file = unsafe { file_of::<F>(file) };
        match u64::try_from(size) {
            Ok(size) => code(file.truncate(size)),
            Err(_) => ffi::SQLITE_IOERR_TRUNCATE,
        }
    })
}

unsafe extern "C" fn sync<F: File>(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    guarded(ffi::SQLITE_IOERR_FSYNC, || {
        // SAFETY: SQLite's own argument.
        code(unsafe { file_of::<F>(file) }.sync())
    })
}

unsafe extern "C" fn file_size<F: File>(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    guarded(ffi::SQLITE_IOERR_FSTAT, || {
        // SAFETY: SQLite's own argument.
        match unsafe { file_of::<F>(file) }.size() {
            Ok(bytes) => {
                // SAFETY: as above.
                unsafe { *size = i64::try_from(bytes).unwrap_or(i64::MAX) };
                ffi::SQLITE_OK
            }
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn lock<F: File>(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guarded(ffi::SQLITE_IOERR_LOCK, || {
        // SAFETY: SQLite's own argument.
        code(unsafe { file_of::<F>(file) }.lock(level))
    })
}

unsafe extern "C" fn unlock<F: File>(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    guarded(ffi::SQLITE_IOERR_UNLOCK, || {
        // SAFETY: SQLite's own argument.
        code(unsafe { file_of::<F>(file) }.unlock(level))
    })
}

unsafe extern "C" fn check_reserved_lock<F: File>(
    file: *mut ffi::sqlite3_file,
    answer: *mut c_int,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, || {
        // SAFETY: SQLite's own argument.
        match unsafe { file_of::<F>(file) }.check_reserved_lock() {
            Ok(locked) => {
                // SAFETY: as above.
                unsafe { *answer = c_int::from(locked) };
                ffi::SQLITE_OK
            }
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn file_control<F: File>(
    file: *mut ffi::sqlite3_file,
    operation: c_int,
    argument: *mut c_void,
) -> c_int {
    guarded(ffi::SQLITE_IOERR, || {
        // SAFETY: SQLite's own arguments.
        match unsafe { file_of::<F>(file) }.controlled(operation) {
            // SAFETY: the argument is what SQLite, or its caller, gives this operation.
            Some(file) => unsafe { file.file_control(operation, argument) },
            None => ffi::SQLITE_NOTFOUND,
        }
    })
}

unsafe extern "C" fn sector_size<F: File>(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite's own argument.
    guarded(0, || unsafe { file_of::<F>(file) }.sector_size())
}

unsafe extern "C" fn device_characteristics<F: File>(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite's own argument.
    guarded(0, || unsafe { file_of::<F>(file) }.device_characteristics())
}

unsafe extern "C" fn shm_map<F: File>(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    size: c_int,
    extend: c_int,
    memory: *mut *mut c_void,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: SQLite's own arguments.
        let (mapped, code) = unsafe { file_of::<F>(file) }.shm_map(region, size, extend != 0);
        // SAFETY: as above.
        unsafe { *memory = mapped };
        code
    })
}

unsafe extern "C" fn shm_lock<F: File>(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    guarded(ffi::SQLITE_IOERR_SHMLOCK, || {
        // SAFETY: SQLite's own argument.
        code(unsafe { file_of::<F>(file) }.shm_lock(first, count, flags))
    })
}

unsafe extern "C" fn shm_barrier<F: File>(file: *mut ffi::sqlite3_file) {
    // SAFETY: SQLite's own argument.
    guarded((), || unsafe { file_of::<F>(file) }.shm_barrier());
}

unsafe extern "C" fn shm_unmap<F: File>(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    guarded(ffi::SQLITE_IOERR_SHMMAP, || {
        // SAFETY: SQLite's own argument.
        code(unsafe { file_of::<F>(file) }.shm_unmap(delete != 0))
    })
}

//! The memory that a database's connections share for the index of its write-ahead log, and its locks:
//! <https://sqlite.org/walformat.html#the_wal_index_file_format>.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::AtomicU64;

use libsql::ffi;

use crate::vfs::bridge::Code;

const LOCKS: usize = ffi::SQLITE_SHM_NLOCK as usize;

#[derive(Debug, Default)]
pub(super) struct Shm {
    /// They stay where they are until nobody has them any more.
    regions: Vec<Box<[AtomicU64]>>,
    users: usize,
    shared: [usize; LOCKS],
    exclusive: u8,
}

/// What one connection has of it.
#[derive(Debug, Default)]
pub(super) struct Held {
    uses: bool,
    /// Bits by lock.
    shared: u8,
    exclusive: u8,
}

impl Shm {
    /// A region, or null where there is none and none is to be made.
    pub(super) fn map(
        &mut self,
        held: &mut Held,
        region: c_int,
        size: c_int,
        extend: bool,
    ) -> Result<*mut c_void, Code> {
        let (Ok(region), Ok(size)) = (usize::try_from(region), usize::try_from(size)) else {
            return Err(ffi::SQLITE_IOERR_SHMMAP);
        };
        if !held.uses {
            held.uses = true;
            self.users += 1;
        }
        while extend && self.regions.len() <= region {
            self.regions.push(zeros(size)?);
        }
        match self.regions.get(region) {
            Some(memory) => Ok(memory.as_ptr().cast_mut().cast()),
            None => Ok(ptr::null_mut()),
        }
    }

    pub(super) fn lock(
        &mut self,
        held: &mut Held,
        first: c_int,
        count: c_int,
        flags: c_int,
    ) -> Result<(), Code> {
        let bits = bits(first, count)?;
        let numbers = (0..LOCKS).filter(|number| bits & (1 << number) != 0);
        if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
            for number in numbers.filter(|number| held.shared & (1 << number) != 0) {
                self.shared[number] = self.shared[number].saturating_sub(1);
            }
            self.exclusive &= !(held.exclusive & bits);
            held.shared &= !bits;
            held.exclusive &= !bits;
            return Ok(());
        }
        // What it holds itself is in nobody's way.
        let others_exclusive = self.exclusive & !held.exclusive & bits != 0;
        if flags & ffi::SQLITE_SHM_SHARED != 0 {
            if others_exclusive {
                return Err(ffi::SQLITE_BUSY);
            }
            for number in numbers.filter(|number| held.shared & (1 << number) == 0) {
                self.shared[number] += 1;
            }
            held.shared |= bits;
            return Ok(());
        }
        let mine = |number: usize| usize::from(held.shared & (1 << number) != 0);
        let mut numbers = numbers;
        if others_exclusive || numbers.any(|number| self.shared[number] > mine(number)) {
            return Err(ffi::SQLITE_BUSY);
        }
        self.exclusive |= bits;
        held.exclusive |= bits;
        Ok(())
    }

    /// Lets go of all that the connection has.
    pub(super) fn unmap(&mut self, held: &mut Held) {
        let all = c_int::try_from(LOCKS).unwrap_or(0);
        let _ = self.lock(held, 0, all, ffi::SQLITE_SHM_UNLOCK);
        if std::mem::take(&mut held.uses) {
            self.users = self.users.saturating_sub(1);
        }
        if self.users == 0 {
            self.regions.clear();
        }
    }
}

fn zeros(size: usize) -> Result<Box<[AtomicU64]>, Code> {
    let words = size.div_ceil(size_of::<u64>());
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(words)
        .map_err(|_| ffi::SQLITE_IOERR_SHMSIZE)?;
    memory.resize_with(words, AtomicU64::default);
    Ok(memory.into_boxed_slice())
}

fn bits(first: c_int, count: c_int) -> Result<u8, Code> {
    let number = |number: c_int| usize::try_from(number).ok();
    match (number(first), number(count)) {
        (Some(first), Some(count)) if count > 0 && first + count <= LOCKS => {
            let ones = u8::MAX >> (LOCKS - count);
            Ok(ones << first)
        }
        _ => Err(ffi::SQLITE_IOERR_SHMLOCK),
    }
}

//! The bytes of a file, in parts that stay where they are as it grows.

use libsql::ffi;

use crate::vfs::bridge::Code;

const PART: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Content {
    /// Behind the file's end they are zeros.
    parts: Vec<Box<[u8]>>,
    size: usize,
}

impl Content {
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What lies behind the end is left as it is in the buffer.
    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> Result<(), Code> {
        let there = self.size.saturating_sub(offset).min(buffer.len());
        for (from, at, length) in pieces(offset, there) {
            let part = &self.parts[at / PART][at % PART..][..length];
            buffer[from..from + length].copy_from_slice(part);
        }
        match there == buffer.len() {
            true => Ok(()),
            false => Err(ffi::SQLITE_IOERR_SHORT_READ),
        }
    }

    pub(super) fn write(&mut self, data: &[u8], offset: usize) -> Result<(), Code> {
        let end = offset.checked_add(data.len()).ok_or(ffi::SQLITE_FULL)?;
        self.reserve(end)?;
        for (from, at, length) in pieces(offset, data.len()) {
            let part = &mut self.parts[at / PART][at % PART..][..length];
            part.copy_from_slice(&data[from..from + length]);
        }
        self.size = self.size.max(end);
        Ok(())
    }

    /// That there is no memory is the caller's error, and does not end the process.
    fn reserve(&mut self, size: usize) -> Result<(), Code> {
        let missing = size.div_ceil(PART).saturating_sub(self.parts.len());
        self.parts
            .try_reserve(missing)
            .map_err(|_| ffi::SQLITE_FULL)?;
        for _ in 0..missing {
            let mut part = Vec::new();
            part.try_reserve_exact(PART).map_err(|_| ffi::SQLITE_FULL)?;
            part.resize(PART, 0);
            self.parts.push(part.into_boxed_slice());
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, size: usize) -> Result<(), Code> {
        self.reserve(size)?;
        self.parts.truncate(size.div_ceil(PART));
        if size < self.size
            && !size.is_multiple_of(PART)
            && let Some(last) = self.parts.last_mut()
        {
            last[size % PART..].fill(0);
        }
        self.size = size;
        Ok(())
    }
}

/// A range by the parts that it lies in: where each begins in the range and in the file, and how long
/// it is.
fn pieces(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done;
        let piece = (PART - at % PART).min(length - done);
        let found = (done, at, piece);
        done += piece;
        (piece > 0).then_some(found)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(usize, Vec<u8>),
        Truncate(usize),
        Read(usize, usize),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let offset = 0..3 * PART;
        prop_oneof![
            (offset.clone(), any::<u8>(), 0..PART + 10)
                .prop_map(|(at, byte, length)| Step::Write(at, vec![byte; length])),
            offset.clone().prop_map(Step::Truncate),
            (offset, 0..PART).prop_map(|(at, length)| Step::Read(at, length)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn is_like_a_vector(steps in prop::collection::vec(any_step(), 1..20)) {
            let mut content = Content::default();
            let mut model: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Write(at, data) => {
                        content.write(&data, at).unwrap();
                        model.resize(model.len().max(at + data.len()), 0);
                        model[at..at + data.len()].copy_from_slice(&data);
                    }
                    Step::Truncate(size) => {
                        content.truncate(size).unwrap();
                        model.resize(size, 0);
                    }
                    Step::Read(at, length) => {
                        let mut buffer = vec![0; length];
                        let whole = content.read(&mut buffer, at).is_ok();
                        let mut wanted = model.clone();
                        wanted.resize(wanted.len().max(at + length), 0);
                        prop_assert_eq!(&buffer[..], &wanted[at..at + length]);
                        prop_assert_eq!(whole, length == 0 || at + length <= model.len());
                    }
                }
                prop_assert_eq!(content.size(), model.len());
            }
        }
    }
}

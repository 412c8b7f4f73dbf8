//! Frames as they go over the network: 24 bytes of header and a page, one after the other.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::local::WAL_FRAME_HEADER;
use crate::remote::Failure;

/// The protocol has no other size.
pub(super) const PAGE: usize = 4096;
pub(super) const FRAME: usize = WAL_FRAME_HEADER + PAGE;

/// What every database file begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

fn number(frame: &[u8], at: usize) -> u32 {
    frame
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}

/// The database's size in pages, where the frame is a transaction's last; else 0.
fn commits(frame: &[u8]) -> u32 {
    number(frame, 4)
}

/// How many of the frames are whole transactions.
pub(super) fn committed(frames: &[u8]) -> usize {
    let frames = frames.chunks_exact(FRAME);
    let count = frames.len();
    let after = frames.rev().take_while(|frame| commits(frame) == 0).count();
    count - after
}

/// Whether they have the same page, and commit alike. The rest of the header is each log's own.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.get(..8) == other.get(..8) && one.get(WAL_FRAME_HEADER..) == other.get(WAL_FRAME_HEADER..)
}

/// Refuses what cannot be a server's frames: inserted, they would damage the database.
pub(super) fn check(frames: &[u8]) -> Result<()> {
    if frames.is_empty() || !frames.len().is_multiple_of(FRAME) {
        return Err(nonsense(format!(
            "{} bytes are no frames, which have {FRAME} each",
            frames.len()
        )));
    }
    Ok(())
}

/// As [`check`], for whole transactions, and a database of so many pages.
pub(super) fn check_transactions(frames: &[u8], pages_before: u32) -> Result<()> {
    let mut pages = HashSet::new();
    // A database grows by the pages that are written to it, more or less.
    let count = u32::try_from(frames.len() / FRAME).unwrap_or(u32::MAX);
    let most = pages_before.saturating_add(count.saturating_mul(2).saturating_add(1024));
    for frame in frames.chunks_exact(FRAME) {
        let (page, size) = (number(frame, 0), commits(frame));
        if page > most || size > most {
            return Err(nonsense(format!(
                "page {page} of {size}, for a database of {pages_before} pages"
            )));
        }
        if page == 0 {
            return Err(nonsense("a frame without a page number"));
        }
        // SQLite itself writes a page anew only in a transaction's last frame. Inserted, the second
        // would take the place of the first, and the frames after it another number.
        if !pages.insert(page) && size == 0 {
            return Err(nonsense(format!("page {page} twice in a transaction")));
        }
        if page == 1 && !frame[WAL_FRAME_HEADER..].starts_with(MAGIC) {
            return Err(nonsense("a first page that is no database's"));
        }
        if size > 0 {
            // Pages beyond the end are those that the transaction freed.
            pages.clear();
        }
    }
    Ok(())
}

fn nonsense(what: impl Into<String>) -> Error {
    Failure::Protocol.error(format!("the server sent {}", what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(page: u32, size: u32) -> Vec<u8> {
        let mut frame = vec![0; FRAME];
        frame[..4].copy_from_slice(&page.to_be_bytes());
        frame[4..8].copy_from_slice(&size.to_be_bytes());
        if page == 1 {
            frame[WAL_FRAME_HEADER..][..16].copy_from_slice(MAGIC);
        }
        frame
    }

    #[test]
    fn transactions_end_with_the_frame_that_has_a_size() {
        for (frames, expected) in [
            (vec![], 0),
            (vec![(1, 0)], 0),
            (vec![(1, 0), (2, 2)], 2),
            (vec![(1, 1), (2, 2), (3, 0)], 2),
        ] {
            let frames = frames.iter().flat_map(|&(page, size)| frame(page, size));
            assert_eq!(committed(&frames.collect::<Vec<_>>()), expected);
        }
    }

    #[test]
    fn what_is_no_frames_is_refused() {
        assert!(check(&[]).is_err());
        assert!(check(&[0; FRAME - 1]).is_err());
        assert!(check(&[0; FRAME]).is_ok());
        let mut headless = frame(1, 1);
        headless[WAL_FRAME_HEADER] = 0;
        for wrong in [
            frame(0, 1),
            [frame(2, 0), frame(2, 0)].concat(),
            headless,
            frame(u32::MAX, 2),
            frame(2, u32::MAX),
        ] {
            assert_eq!(
                check_transactions(&wrong, 2).unwrap_err().code(),
                "protocol_error"
            );
        }
        for fine in [
            [frame(2, 0), frame(2, 2)].concat(),
            [frame(2, 2), frame(2, 2)].concat(),
            frame(1, 1),
        ] {
            assert!(check_transactions(&fine, 2).is_ok());
        }
    }

    #[test]
    fn a_logs_own_part_of_a_header_does_not_count() {
        let one = frame(1, 1);
        let mut other = one.clone();
        other[8..24].fill(9);
        assert!(same(&one, &other));
        other[FRAME - 1] = 1;
        assert!(!same(&one, &other));
    }
}

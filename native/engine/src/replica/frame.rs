//! A frame of a primary's log: a page as a transaction left it.

use bytes::Bytes;

use crate::error::Result;
use crate::remote::Failure;

/// The size of libSQL's pages; its servers have no other.
pub(super) const PAGE: usize = 4096;
const HEADER: usize = 24;
/// Bytes of a frame: number, checksum, page, size after, then the page.
pub(super) const FRAME: usize = HEADER + PAGE;

#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub number: u64,
    /// The page's number, from 1.
    pub page: u32,
    /// The database's size in pages after the transaction that this frame ends; 0: it does not.
    pub size_after: u32,
    bytes: Bytes,
}

impl Frame {
    pub(super) fn parse(bytes: Bytes) -> Result<Frame> {
        let wrong =
            |what: String| Failure::Protocol.error(format!("a frame of the primary: {what}"));
        if bytes.len() != FRAME {
            return Err(wrong(format!("{} bytes, not {FRAME}", bytes.len())));
        }
        let frame = Frame {
            number: u64::from_le_bytes(part(&bytes, 0)),
            page: u32::from_le_bytes(part(&bytes, 16)),
            size_after: u32::from_le_bytes(part(&bytes, 20)),
            bytes,
        };
        if frame.page == 0 {
            return Err(wrong(format!("frame {} is of page 0", frame.number)));
        }
        Ok(frame)
    }

    /// A page of one's own making.
    pub(super) fn of_page(number: u64, page: u32, size_after: u32, content: &[u8; PAGE]) -> Frame {
        let bytes = [&[0; HEADER], content.as_slice()].concat().into();
        Frame {
            number,
            page,
            size_after,
            bytes,
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.bytes[HEADER..]
    }

    /// Whether it ends a transaction.
    pub(super) fn commits(&self) -> bool {
        self.size_after != 0
    }
}

/// So many bytes from an offset; the caller has checked that they are there.
pub(super) fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// The first page of a database without anything in it, in WAL mode.
pub(super) fn empty_database() -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    page[16..18].copy_from_slice(&4096_u16.to_be_bytes());
    // Read and written as WAL; nothing reserved; the payload fractions that are always the same.
    page[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
    // Its size in pages.
    page[31] = 1;
    // The schema's table: a leaf without cells, whose content begins at the page's end.
    page[100] = 0x0d;
    page[105..107].copy_from_slice(&4096_u16.to_be_bytes());
    page
}

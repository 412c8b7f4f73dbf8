//! Frames of the primary go into the copy's write-ahead log.
//!
//! What one answer of the primary holds is inserted as one transaction, each page once, so that
//! readers never see an older state than before and a long way to go is short.

use std::collections::BTreeMap;

use super::frame::{Frame, PAGE};
use crate::error::{Error, Result};
use crate::local::{WAL_FRAME_HEADER, WalInsertion};
use crate::remote::Failure;

/// Pages that are kept in memory before they are written: 16 MB.
pub(super) const MOST_PAGES: usize = 4096;

/// What comes from the network.
#[derive(Debug)]
pub(super) enum Piece {
    Frame(Frame),
    /// All has come; the copy is at this frame then.
    Done(Option<u64>),
}

/// Answers the next piece; `None`: no more will come.
pub(super) type Pieces<'p> = &'p mut dyn FnMut() -> Option<Piece>;

/// The newest version of each page, up to the end of a transaction.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pages: BTreeMap<u32, Frame>,
}

impl Pages {
    pub(super) fn push(&mut self, frame: Frame) {
        self.pages.insert(frame.page, frame);
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Inserts them all but one, without a commit: the last one is left for that.
    pub(super) fn spill(&mut self, insertion: &mut Pen<'_>) -> Result<()> {
        let last = self.pages.pop_last();
        for frame in std::mem::take(&mut self.pages).values() {
            insertion.insert(frame, 0)?;
        }
        self.pages.extend(last);
        Ok(())
    }

    /// Inserts them and commits: the database has `size` pages then. Where one of them was to be
    /// beyond that, it is left out.
    pub(super) fn commit(&mut self, insertion: &mut Pen<'_>, size: u32) -> Result<()> {
        let mut pages = std::mem::take(&mut self.pages);
        pages.retain(|page, _| *page <= size);
        let Some((_, last)) = pages.pop_last() else {
            return Err(Failure::Protocol.error("a transaction of the primary without a page"));
        };
        for frame in pages.values() {
            insertion.insert(frame, 0)?;
        }
        insertion.insert(&last, size)
    }
}

/// Inserts frames, one after the other.
#[derive(Debug)]
pub(super) struct Pen<'c> {
    insertion: WalInsertion<'c>,
    buffer: Vec<u8>,
    cookie: u32,
}

impl<'c> Pen<'c> {
    /// `cookie` is added to the schema's cookie, which is in the first page.
    pub(super) fn new(insertion: WalInsertion<'c>, cookie: u32) -> Result<Pen<'c>> {
        if insertion.page_size() != PAGE {
            return Err(Error::InvalidArgument(format!(
                "the copy has pages of {} bytes, its primary of {PAGE}",
                insertion.page_size()
            )));
        }
        Ok(Pen {
            insertion,
            buffer: vec![0; WAL_FRAME_HEADER + PAGE],
            cookie,
        })
    }

    pub(super) fn insert(&mut self, frame: &Frame, size_after: u32) -> Result<()> {
        let buffer = &mut self.buffer;
        buffer[..4].copy_from_slice(&frame.page.to_be_bytes());
        buffer[4..8].copy_from_slice(&size_after.to_be_bytes());
        buffer[WAL_FRAME_HEADER..].copy_from_slice(frame.content());
        if frame.page == 1 {
            let at = WAL_FRAME_HEADER + 40..WAL_FRAME_HEADER + 44;
            let cookie = u32::from_be_bytes(super::frame::part(buffer, at.start));
            buffer[at].copy_from_slice(&cookie.wrapping_add(self.cookie).to_be_bytes());
        }
        self.insertion.insert(&self.buffer)
    }
}

/// How many frames came, and their bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Moved {
    pub frames: u64,
    pub bytes: u64,
}

impl Moved {
    pub(super) fn one(&mut self) {
        self.frames += 1;
        self.bytes += super::frame::FRAME as u64;
    }
}

/// Inserts frames as they come, and commits when all have: readers see nothing of them before.
/// Answers the frame that the copy is at.
pub(super) fn whole(
    pen: &mut Pen<'_>,
    frames: Pieces<'_>,
    moved: &mut Moved,
) -> Result<Option<u64>> {
    let mut pages = Pages::default();
    let mut size = 0;
    loop {
        match frames() {
            Some(Piece::Frame(frame)) => {
                moved.one();
                size = frame.size_after;
                pages.push(frame);
                if pages.len() >= MOST_PAGES {
                    pages.spill(pen)?;
                }
            }
            Some(Piece::Done(frame)) if size != 0 => {
                pages.commit(pen, size)?;
                return Ok(frame);
            }
            Some(Piece::Done(_)) => return Err(unfinished()),
            None => return Err(given_up()),
        }
    }
}

pub(super) fn unfinished() -> Error {
    Failure::Protocol.error("the primary's answer ends in the middle of a transaction")
}

/// Nobody waits for this error: whoever sent the frames has one of its own.
pub(super) fn given_up() -> Error {
    Failure::ConnectionLost.error("the frames did not come to an end")
}

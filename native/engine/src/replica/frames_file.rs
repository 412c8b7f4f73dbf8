//! A copy that is fed from a file of frames: the `wallog` of a sqld.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::copy::Copy;
use super::frame::{FRAME, Frame, PAGE, part};
use super::insert::{Moved, Piece};
use super::metadata::{Position, failed};
use super::open_files::canonical;
use super::shared::Shared;
use super::status::Synced;
use crate::error::{Error, Result};

const HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"SQLDWAL\0";
const VERSION: u32 = 2;

/// What a file of frames says of itself.
#[derive(Debug, Clone, Copy)]
struct Header {
    log: Uuid,
    first: u64,
    count: u64,
}

/// Brings a copy up to date from a file of frames: the `wallog` of a sqld. The copy is created
/// if it is not there. It is no replica of this process while that runs, and none is opened.
///
/// # Failure
/// The file is no log of frames, or ends in the middle of one; the copy follows another log, or
/// lacks frames before the file's first (`invalid_argument`): nothing is changed then. Another
/// process, or a [`Replica`](super::Replica) of this one, has the copy open (`busy`).
pub fn sync_frames(path: &Path, frames: &Path, encryption_key: Option<Vec<u8>>) -> Result<Synced> {
    let path = canonical(path)?;
    let mut file = BufReader::new(File::open(frames).map_err(|error| failed(frames, &error))?);
    let header = Header::read(frames, &mut file)?;
    header.check_length(frames, file.get_ref())?;
    let shared = Arc::new(Shared::new(path.display().to_string(), None));
    let (mut copy, _) = Copy::open(&path, encryption_key, shared)?;
    let position = start(&mut copy, frames, header)?;
    let end = header.first.saturating_add(header.count);
    let mut moved = Moved::default();
    let mut read = Ok(());
    let mut numbers = header.first..end;
    let mut next = || {
        let frame = numbers.find_map(|number| match read_frame(frames, &mut file, number) {
            Ok(_) if number < position.next() => None,
            frame => Some(frame),
        })?;
        frame
            .map(Piece::Frame)
            .map_err(|error| read = Err(error))
            .ok()
    };
    copy.apply(&mut next, &mut moved)?;
    read?;
    Ok(Synced {
        frame_no: copy.frame(),
        frames_synced: moved.frames,
    })
}

/// Where the copy goes on from, if it can.
fn start(copy: &mut Copy, frames: &Path, header: Header) -> Result<Position> {
    let position = copy.adopt(header.log).ok_or_else(|| {
        Error::InvalidArgument(format!(
            "{}: it is of another log than the copy",
            frames.display()
        ))
    })??;
    if position.next() < header.first {
        return Err(Error::InvalidArgument(format!(
            "{}: it begins with frame {}, and the copy lacks those from {} on",
            frames.display(),
            header.first,
            position.next()
        )));
    }
    Ok(position)
}

impl Header {
    fn read(path: &Path, file: &mut impl Read) -> Result<Header> {
        let mut bytes = [0; HEADER];
        fill(path, file, &mut bytes)?;
        let page_size = u32::from_le_bytes(part(&bytes, 52));
        let version = u32::from_le_bytes(part(&bytes, 48));
        let wrong = |what: String| {
            Err(Error::InvalidArgument(format!(
                "{}: {what}",
                path.display()
            )))
        };
        if !bytes.starts_with(MAGIC) {
            return wrong("it is no log of frames".to_owned());
        }
        if version != VERSION {
            return wrong(format!(
                "its version is {version}, and only {VERSION} is known"
            ));
        }
        if page_size as usize != PAGE {
            return wrong(format!("its pages have {page_size} bytes, not {PAGE}"));
        }
        Ok(Header {
            log: Uuid::from_u128(u128::from_le_bytes(part(&bytes, 16))),
            first: u64::from_le_bytes(part(&bytes, 32)),
            count: u64::from_le_bytes(part(&bytes, 40)),
        })
    }

    /// Nothing is taken from a file that does not have all that it says.
    fn check_length(self, path: &Path, file: &File) -> Result<()> {
        let length = file.metadata().map_err(|error| failed(path, &error))?.len();
        let needed = self
            .count
            .saturating_mul(FRAME as u64)
            .saturating_add(HEADER as u64);
        match length < needed {
            true => Err(too_short(path)),
            false => Ok(()),
        }
    }
}

fn read_frame(path: &Path, file: &mut impl Read, number: u64) -> Result<Frame> {
    let mut bytes = vec![0; FRAME];
    fill(path, file, &mut bytes)?;
    let frame = Frame::parse(Bytes::from(bytes))?;
    match frame.number == number {
        true => Ok(frame),
        false => Err(Error::InvalidArgument(format!(
            "{}: frame {} is where frame {number} should be",
            path.display(),
            frame.number
        ))),
    }
}

fn fill(path: &Path, file: &mut impl Read, bytes: &mut [u8]) -> Result<()> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => too_short(path),
        _ => failed(path, &error),
    })
}

fn too_short(path: &Path) -> Error {
    Error::InvalidArgument(format!(
        "{}: it ends too early for a log of frames",
        path.display()
    ))
}

//! Where the copy stands: `-info` and `-offline` together.

use super::files::Files;
use super::ledger::{Ledger, Salt};
use super::metadata::Metadata;
use super::trouble::Trouble;
use crate::error::{Error, Result};

#[derive(Debug)]
pub(super) struct Position {
    files: Files,
    metadata: Metadata,
    ledger: Ledger,
}

impl Position {
    /// `None`: there is no `-info`.
    pub(super) fn read(files: &Files) -> Result<Option<Position>> {
        let Some(mut metadata) = Metadata::read(&files.info())? else {
            return Ok(None);
        };
        let ledger = Ledger::read(&files.ledger())?;
        let ledger = match ledger {
            Some(ledger) if ledger.generation == metadata.generation => ledger,
            // The end of a generation was noted here, and not there yet.
            Some(ledger)
                if Some(ledger.generation) == metadata.generation.checked_add(1)
                    && ledger.ended == Some(metadata.durable_frame) =>
            {
                metadata = Metadata {
                    generation: ledger.generation,
                    durable_frame: 0,
                };
                metadata.write(&files.info())?;
                ledger
            }
            // Another program that knows the protocol was here, which leaves nothing of an ended
            // generation in the log.
            _ => Ledger {
                generation: metadata.generation,
                ..Ledger::default()
            },
        };
        Ok(Some(Position {
            files: files.clone(),
            metadata,
            ledger,
        }))
    }

    pub(super) fn generation(&self) -> u32 {
        self.metadata.generation
    }

    /// The generation's last frame that both sides have.
    pub(super) fn durable(&self) -> u32 {
        self.metadata.durable_frame
    }

    /// Where the generation's frame is in the log.
    pub(super) fn in_log(&self, frame: u32) -> u32 {
        self.ledger.base.saturating_add(frame)
    }

    /// Of this many frames in the log, those that the server lacks.
    pub(super) fn pending(&self, count: u32) -> u32 {
        count.saturating_sub(self.in_log(self.durable()))
    }

    /// Both sides have the generation's frames up to this one.
    pub(super) fn advance(&mut self, durable: u32) -> Result<()> {
        if durable == self.durable() {
            return Ok(());
        }
        let metadata = Metadata {
            durable_frame: durable,
            ..self.metadata
        };
        metadata.write(&self.files.info())?;
        self.metadata = metadata;
        Ok(())
    }

    /// The server has ended the generation with the last frame that both have. What comes after it
    /// in the log are frames of the next.
    pub(super) fn next_generation(&mut self, may_begin_anew: bool) -> Result<()> {
        let base = self.in_log(self.durable());
        let ledger = Ledger {
            generation: self.generation() + 1,
            ended: Some(self.durable()),
            base,
            salt: self.ledger.salt,
            folded: if may_begin_anew { base } else { 0 },
        };
        ledger.write(&self.files.ledger())?;
        let metadata = Metadata {
            generation: ledger.generation,
            durable_frame: 0,
        };
        metadata.write(&self.files.info())?;
        self.ledger = ledger;
        self.metadata = metadata;
        Ok(())
    }

    /// Whether it is still to be noted which log the next frames are in.
    pub(super) fn is_unsettled(&self) -> bool {
        self.ledger.salt.is_none() || self.ledger.folded > 0
    }

    /// Compares with the log as it is: its salt, and how many frames it has.
    ///
    /// # Failure
    /// It is not the log that the copy was left with.
    pub(super) fn settle(&mut self, salt: Option<Salt>, count: u32) -> Result<()> {
        let salt = salt.filter(|_| count > 0);
        let known = self.ledger.salt;
        let begun_anew = known.is_some() && known != salt;
        let settled = match self.ledger.folded {
            0 if begun_anew => return Err(self.replaced()),
            folded if begun_anew => Ledger {
                base: self.ledger.base - folded.min(self.ledger.base),
                salt,
                folded: 0,
                ..self.ledger
            },
            folded => Ledger {
                salt,
                folded: if count > folded { 0 } else { folded },
                ..self.ledger
            },
        };
        if settled != self.ledger {
            settled.write(&self.files.ledger())?;
            self.ledger = settled;
        }
        if count < self.in_log(self.durable()) {
            return Err(self.replaced());
        }
        Ok(())
    }

    fn replaced(&self) -> Error {
        Trouble::State.error(format!(
            "{} is not the write-ahead log that the copy was left with: another program has \
             written it into the database, or it was removed. What was written locally and not \
             pushed can no longer be told from the rest",
            self.files.log().display()
        ))
    }
}

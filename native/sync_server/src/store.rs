//! What the server has: a database file for each generation, and frames.

pub const PAGE: usize = 4096;
pub const HEADER: usize = 24;
pub const FRAME: usize = HEADER + PAGE;

#[derive(Debug, Clone, Default)]
struct Generation {
    file: Vec<u8>,
    frames: Vec<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub struct Store {
    generations: Vec<Generation>,
    /// Whether frames that it has already are a conflict, also if they are the same.
    pub strict: bool,
    batons: u64,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            generations: vec![Generation::default()],
            strict: true,
            batons: 0,
        }
    }
}

/// What became of a push.
#[derive(Debug)]
pub struct Pushed {
    pub conflict: bool,
    pub max_frame_no: usize,
    pub baton: String,
}

/// What there is to pull.
#[derive(Debug)]
pub enum Pulled {
    Frames(Vec<u8>),
    Nothing,
}

impl Store {
    /// Counted from 1.
    pub fn generation(&self) -> usize {
        self.generations.len()
    }

    /// The frames of the current generation.
    pub fn frames(&self) -> &[Vec<u8>] {
        &self.current().frames
    }

    fn current(&self) -> &Generation {
        &self.generations[self.generations.len() - 1]
    }

    fn current_mut(&mut self) -> &mut Generation {
        let last = self.generations.len() - 1;
        &mut self.generations[last]
    }

    pub(crate) fn is_empty(&self) -> bool {
        let first = &self.generations[0];
        self.generations.len() == 1 && first.file.is_empty() && first.frames.is_empty()
    }

    pub(crate) fn export(&self, generation: usize) -> Option<&[u8]> {
        let index = generation.checked_sub(1)?;
        Some(&self.generations.get(index)?.file)
    }

    pub(crate) fn pull(&self, generation: usize, from: usize, to: usize) -> Pulled {
        let frames = generation
            .checked_sub(1)
            .and_then(|index| self.generations.get(index))
            .map_or(&[][..], |generation| &generation.frames);
        let end = to.saturating_sub(1).min(frames.len());
        match frames.get(from.saturating_sub(1)..end) {
            Some(frames) if !frames.is_empty() => Pulled::Frames(frames.concat()),
            _ => Pulled::Nothing,
        }
    }

    pub(crate) fn push(&mut self, generation: usize, from: usize, body: &[u8]) -> Pushed {
        let current = self.generation();
        self.batons += 1;
        let baton = format!("baton-{}", self.batons);
        let strict = self.strict;
        let has = &mut self.current_mut().frames;
        let answer = |conflict, has: &Vec<Vec<u8>>| Pushed {
            conflict,
            max_frame_no: has.len(),
            baton,
        };
        if generation != current || from == 0 {
            return answer(true, has);
        }
        if from > has.len() + 1 {
            return answer(false, has);
        }
        let pushed = body.chunks(FRAME).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let known = has.len() + 1 - from;
        let same = pushed
            .iter()
            .zip(&has[from - 1..])
            .all(|(pushed, has)| pushed[..8] == has[..8] && pushed[HEADER..] == has[HEADER..]);
        if known > 0 && (strict || !same) {
            return answer(true, has);
        }
        has.extend(pushed.into_iter().skip(known));
        answer(false, has)
    }

    /// The current generation's file, with all its frames in it.
    pub fn database(&self) -> Vec<u8> {
        let current = self.current();
        let committed = current
            .frames
            .iter()
            .rposition(|frame| frame[4..8] != [0; 4])
            .map_or(0, |last| last + 1);
        let mut file = current.file.clone();
        for frame in &current.frames[..committed] {
            let number = |at: usize| {
                let bytes = [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
                u32::from_be_bytes(bytes) as usize
            };
            let end = number(0) * PAGE;
            if file.len() < end {
                file.resize(end, 0);
            }
            file[end - PAGE..end].copy_from_slice(&frame[HEADER..]);
            if number(4) > 0 {
                file.resize(number(4) * PAGE, 0);
            }
        }
        file
    }

    /// Writes the frames into the file, and begins a generation.
    pub fn checkpoint(&mut self) {
        let file = self.database();
        self.generations.push(Generation {
            file,
            frames: Vec::new(),
        });
    }

    /// Loses frames, as a server does that was restored from a backup.
    pub fn truncate(&mut self, frames: usize) {
        self.current_mut().frames.truncate(frames);
    }

    /// Has this database from now on, as its only generation.
    pub fn replace(&mut self, file: Vec<u8>) {
        self.generations = vec![Generation {
            file,
            frames: Vec::new(),
        }];
    }
}

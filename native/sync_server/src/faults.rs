//! How the server can fail.

use crate::State;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Info,
    Export,
    Pull,
    Push,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This status, with this text.
    Status(u16, String),
    /// Status 200, with this text.
    Body(String),
    /// The answer without its last bytes, as if it were all of it.
    Short(usize),
    /// The answer with so many bytes of nothing after it.
    Long(usize),
    /// The answer with its bytes turned round.
    Garbled,
    /// The connection ends before anything is done.
    CutBefore,
    /// It is done, and the connection ends before the answer.
    CutAfter,
    /// The connection ends in the middle of the answer.
    CutWithin,
    /// It is done, and answered when the server recovers.
    Hang,
    /// To be asked of this address instead.
    Moved(String),
}

#[derive(Debug)]
pub(crate) struct Planned {
    endpoint: Endpoint,
    fault: Fault,
    times: usize,
}

impl State {
    pub(crate) fn plan(&mut self, endpoint: Endpoint, fault: Fault, times: usize) {
        self.faults.push(Planned {
            endpoint,
            fault,
            times,
        });
    }

    pub(crate) fn next_fault(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let planned = self
            .faults
            .iter_mut()
            .find(|planned| planned.endpoint == endpoint && planned.times > 0)?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}

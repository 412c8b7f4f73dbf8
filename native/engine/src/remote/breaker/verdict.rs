//! What a call tells of its server.

use super::Certainty;
use crate::error::Error;
use crate::remote::answer::Failed;
use crate::remote::failure::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::remote) enum Verdict {
    /// The server is there, whatever it said: an error of SQL, a refused token.
    Answered,
    Failed(Certainty, String),
    /// It is there, but has too much to do; or it was not asked.
    Neither,
}

pub(in crate::remote) fn verdict<T>(answer: &Result<T, Failed>) -> Verdict {
    let failed = match answer {
        Ok(_) => return Verdict::Answered,
        Err(failed) => failed,
    };
    let certainty = match failed {
        Failed::StreamGone(_) | Failed::Unparsed(_) => return Verdict::Answered,
        Failed::NotRun(error) | Failed::Refused(error) => match failure(error) {
            Some(Failure::ConnectionRefused | Failure::HostNotFound | Failure::Tls) => {
                Certainty::Certain
            }
            // Also what the server says of a text that is no UTF-8.
            Some(Failure::Server) => Certainty::Doubtful,
            Some(Failure::Overloaded | Failure::Timeout) | None => return Verdict::Neither,
            Some(_) => return Verdict::Answered,
        },
        Failed::Cut(_) | Failed::Late => Certainty::Doubtful,
    };
    let reason = match failed {
        Failed::NotRun(error) | Failed::Refused(error) | Failed::Cut(error) => error.to_string(),
        _ => "the server did not answer within the deadline".to_owned(),
    };
    Verdict::Failed(certainty, reason)
}

fn failure(error: &Error) -> Option<Failure> {
    match error {
        Error::Remote { failure, .. } => Some(*failure),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::protocol::ServerError;

    fn of(failed: Failed) -> Option<Certainty> {
        match verdict::<()>(&Err(failed)) {
            Verdict::Failed(certainty, reason) => {
                assert!(!reason.is_empty());
                Some(certainty)
            }
            Verdict::Answered | Verdict::Neither => None,
        }
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_away() {
        for failure in [
            Failure::ConnectionRefused,
            Failure::HostNotFound,
            Failure::Tls,
        ] {
            let failed = Failed::NotRun(failure.error("no"));
            assert_eq!(of(failed), Some(Certainty::Certain));
        }
    }

    #[test]
    fn one_that_does_not_answer_may_be_away() {
        assert_eq!(of(Failed::Late), Some(Certainty::Doubtful));
        for failed in [
            Failed::Cut(Failure::ConnectionLost.error("no")),
            Failed::Refused(Failure::Server.error("503")),
        ] {
            assert_eq!(of(failed), Some(Certainty::Doubtful));
        }
    }

    #[test]
    fn one_that_answers_is_there() {
        for failed in [
            Failed::StreamGone("expired".to_owned()),
            Failed::Unparsed(ServerError::default()),
            Failed::NotRun(Failure::Unauthorized.error("no")),
            Failed::NotRun(Failure::Forbidden.error("no")),
            Failed::NotRun(Failure::NotFound.error("no")),
            Failed::Refused(Failure::Protocol.error("400")),
        ] {
            assert_eq!(verdict::<()>(&Err(failed)), Verdict::Answered);
        }
        assert_eq!(verdict(&Ok(())), Verdict::Answered);
    }

    #[test]
    fn what_was_not_asked_tells_nothing() {
        for error in [
            Failure::Overloaded.error("429"),
            Failure::Timeout.error("the deadline has passed before it"),
            Error::InvalidArgument("uri".to_owned()),
        ] {
            assert_eq!(verdict::<()>(&Err(Failed::NotRun(error))), Verdict::Neither);
        }
    }
}

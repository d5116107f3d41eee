//! Why a request was not done, for the client's code and for the person.

use perilune_live::protocol::{Code, Failure};
use serde_json::{Value as Json, json};

/// The reason of an unsuccessful response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Reason,
    text: String,
    is_shown: bool,
}

/// Kinds of refusals. The number is the error's id in the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The arguments lack something or have a wrong type.
    BadArguments = 1,
    /// A request that this adapter does not have.
    UnknownRequest = 2,
    /// Not now: before `initialize`, twice, without a program, after its end.
    OutOfOrder = 3,
    /// It needs a program that stands still.
    NotStopped = 4,
    /// The client withdrew it.
    Cancelled = 5,
    /// The program could not be started or reached.
    NoProgram = 6,
    /// The program answered that it cannot.
    Refused = 7,
    /// A defect of Perilune.
    Internal = 8,
}

impl Refusal {
    /// A refusal that the client may keep to itself.
    pub fn new(reason: Reason, text: impl Into<String>) -> Refusal {
        Refusal { reason, text: text.into(), is_shown: false }
    }

    /// Asks the client to show the text to the person.
    pub fn shown(self) -> Refusal {
        Refusal { is_shown: true, ..self }
    }

    /// The request was withdrawn.
    pub fn cancelled() -> Refusal {
        Refusal::new(Reason::Cancelled, "the request was cancelled")
    }

    /// The program ended, now or before.
    pub fn ended() -> Refusal {
        Refusal::new(Reason::OutOfOrder, "the program has ended")
    }

    /// It needs a program that stands still.
    pub fn not_stopped() -> Refusal {
        Refusal::new(Reason::NotStopped, "the program is running: pause it first")
    }

    /// What is wrong, for people.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The response's `message`; the protocol fixes two of them.
    pub fn message(&self) -> &str {
        match self.reason {
            Reason::Cancelled => "cancelled",
            Reason::NotStopped => "notStopped",
            _ => &self.text,
        }
    }

    /// The response's body.
    pub fn body(&self) -> Json {
        let error = json!({ "id": self.reason as i64, "format": self.text, "showUser": self.is_shown });
        json!({ "error": error })
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        let reason = match failure.code {
            Code::NotStopped => return Refusal::not_stopped(),
            Code::Ended => Reason::NoProgram,
            Code::Internal => Reason::Internal,
            _ => Reason::Refused,
        };
        Refusal::new(reason, failure.message)
    }
}

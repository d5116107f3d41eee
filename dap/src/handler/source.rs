//! Where code came from, and the text of what came from no file.

use perilune_live::protocol::{self as live, Sources};
use serde_json::Value as Json;

use crate::envelope::Call;
use crate::refusal::{Reason, Refusal};
use crate::session::{Order, Outcome, Session, to_json};
use crate::types::argument::SourceText;
use crate::types::body;

/// `loadedSources`.
pub fn loaded(session: &mut Session, call: &Call, _: Json) -> Outcome {
    session.ask(call, Order::InTurn, Sources {}, |session, result| {
        // What has neither path nor number, such as an evaluation, cannot be shown.
        let shown = result.sources.iter().filter(|source| source.path.is_some() || source.id.is_some());
        let sources = shown.map(|source| session.convention.source_out(source)).collect();
        to_json(body::LoadedSources { sources })
    })
}

/// `source`.
pub fn text(session: &mut Session, call: &Call, arguments: SourceText) -> Outcome {
    let from_source = arguments.source.and_then(|source| source.source_reference);
    let number = from_source.filter(|number| *number != 0).unwrap_or(arguments.source_reference);
    let id = session.convention.source_in(number).and_then(|source| source.id);
    let id = id.ok_or_else(|| Refusal::new(Reason::BadArguments, format!("there is no source {number}")))?;
    session.ask(call, Order::InTurn, live::Source { id }, |_, result| {
        to_json(body::SourceText { content: result.text, mime_type: "text/x-lua" })
    })
}

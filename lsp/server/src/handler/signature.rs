//! `textDocument/signatureHelp`.

use crate::store::Snapshot;
use tower_lsp_server::ls_types::*;

pub(crate) fn handle(snapshot: &Snapshot, at: &TextDocumentPositionParams) -> Option<SignatureHelp> {
    let (file, offset) = super::place(snapshot, at)?;
    let help = snapshot.workspace.signature_help(file.id, offset)?;
    let parameter = |label| ParameterInformation { label: ParameterLabel::Simple(label), documentation: None };
    let signature = SignatureInformation {
        label: help.label,
        documentation: help.documentation.map(Documentation::String),
        parameters: Some(help.params.into_iter().map(parameter).collect()),
        active_parameter: Some(help.active),
    };
    Some(SignatureHelp { signatures: vec![signature], active_signature: Some(0), active_parameter: Some(help.active) })
}

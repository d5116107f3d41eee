//! The parameters of the call that the cursor is in.

use crate::entity::Signature;
use crate::hover::describe;
use crate::standard;
use crate::workspace::{FileId, Identities, Workspace};
use crate::{Document, Span};
use perilune_syntax::SyntaxKind;

/// Tokens that are looked at on the way back to the opening parenthesis.
const REACH: usize = 5000;

/// About a call that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureHelp {
    /// `string.rep(s, n [, sep]) -> string`.
    pub label: String,
    /// The parameters; each stands in the label, in this order.
    pub params: Vec<String>,
    /// Which parameter the cursor is at.
    pub active: u32,
    /// The comment above the function, or what the manual has.
    pub documentation: Option<String>,
}

impl Workspace {
    /// About the innermost call around a byte whose parenthesis is open there.
    pub fn signature_help(&self, file: FileId, offset: u32) -> Option<SignatureHelp> {
        let source = self.file(file)?;
        let call = open_call(source.document(), source.analysis().tokens(source.document().text()), offset)?;
        let (_, identity) = self.name_at(file, call.name.start)?;
        let identities = Identities::new(self);
        let value = identities.value(identity.clone());
        let candidates = [identity, value];
        let mut definers = candidates.iter().flat_map(|identity| identities.definers(identity));
        let known = definers.find_map(|(file, id)| {
            let source = self.file(file)?;
            let signature = source.analysis().entity(id).signature.as_deref()?;
            let path = source.analysis().path(id);
            let documentation = describe(source.document(), source.analysis(), id).comment;
            Some(call.help(&path, signature, documentation))
        });
        known.or_else(|| {
            let item = candidates.iter().find_map(|identity| standard::item(&identity.global_path()?))?;
            let mut help = call.help(item.path, &item.signature()?, Some(format!("{} (§{})", item.text, item.section)));
            help.label = item.declaration();
            Some(help)
        })
    }
}

/// A call whose arguments are being written.
struct OpenCall {
    name: Span,
    /// Commas between its parenthesis and the cursor.
    commas: u32,
    is_method: bool,
}

impl OpenCall {
    fn help(&self, path: &str, signature: &Signature, documentation: Option<String>) -> SignatureHelp {
        let mut params: Vec<String> = signature.labels().map(String::from).collect();
        match (self.is_method, signature.is_method) {
            (true, false) if !params.is_empty() && params[0] != "..." => drop(params.remove(0)),
            (false, true) => params.insert(0, "self".into()),
            _ => {}
        }
        let last = (params.len() as u32).saturating_sub(1);
        let active = if signature.is_vararg { self.commas.min(last) } else { self.commas };
        SignatureHelp { label: format!("{path}({})", params.join(", ")), params, active, documentation }
    }
}

/// Walks back from the cursor to the parenthesis that is open there.
fn open_call(document: &Document, tokens: &[(SyntaxKind, Span)], offset: u32) -> Option<OpenCall> {
    use SyntaxKind::*;
    let end = tokens.partition_point(|(_, span)| span.start < offset);
    let is_inside = |(kind, span): &(SyntaxKind, Span)| {
        *kind == Comment && offset <= span.end && !document.slice(*span).ends_with(']')
    };
    if tokens[..end].last().is_some_and(is_inside) {
        return None;
    }
    let mut back = tokens[..end].iter().rev().filter(|(kind, _)| !kind.is_trivia()).take(REACH).peekable();
    let (mut depth, mut commas) = (0u32, 0);
    while let Some((kind, _)) = back.next() {
        match kind {
            RightParen | RightBrace | RightBracket | End | Until => depth += 1,
            LeftParen if depth == 0 => match back.peek() {
                Some((Name, name)) => {
                    let name = *name;
                    back.next();
                    let is_method = matches!(back.peek(), Some((Colon, _)));
                    let before = back.find(|(kind, _)| !matches!(kind, Dot | Colon | Name));
                    let is_definition = before.is_some_and(|(kind, _)| *kind == Function);
                    return (!is_definition).then_some(OpenCall { name, commas, is_method });
                }
                _ => commas = 0,
            },
            LeftBrace | LeftBracket if depth == 0 => commas = 0,
            LeftParen | LeftBrace | LeftBracket => depth -= 1,
            Function | Do | If | Repeat => depth = depth.checked_sub(1)?,
            Comma if depth == 0 => commas += 1,
            Local | Return | While | For | Semicolon | Then | Else if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

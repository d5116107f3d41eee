//! The short form of a chunk's name that messages begin with.

const ID_SIZE: usize = 60;

/// Shortens a chunk name as `luaO_chunkid` does.
#[must_use]
pub fn chunk_id(name: &[u8]) -> Vec<u8> {
    match name.first() {
        Some(b'=') => name[1..].iter().copied().take(ID_SIZE - 1).collect(),
        Some(b'@') => file_id(&name[1..]),
        _ => text_id(name),
    }
}

fn file_id(path: &[u8]) -> Vec<u8> {
    if path.len() < ID_SIZE {
        return path.to_vec();
    }
    let kept = ID_SIZE - 1 - 3;
    [b"...", &path[path.len() - kept..]].concat()
}

fn text_id(text: &[u8]) -> Vec<u8> {
    let room = ID_SIZE - (b"[string \"".len() + b"...".len() + b"\"]".len()) - 1;
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let whole = line.len() == text.len() && text.len() < room;
    let shown = if whole { text } else { &line[..line.len().min(room)] };
    let dots: &[u8] = if whole { b"" } else { b"..." };
    [b"[string \"", shown, dots, b"\"]"].concat()
}

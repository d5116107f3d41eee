//! The payloads of the Debug Adapter Protocol that this adapter uses, and no others.
//!
//! Field names are the protocol's. `tests/protocol.txt` lists them all, and a
//! test holds every message that is sent, and every argument that is taken,
//! against that list.

pub mod argument;
pub mod body;

use serde::{Deserialize, Serialize};

/// Where code came from: a path, or a reference for the request `source`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// Short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Path, or URI if the client wants those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Not 0: the text must be asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_reference: Option<i64>,
}

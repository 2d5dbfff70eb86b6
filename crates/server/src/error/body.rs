//! The body of an error: one element, one line, below 1 KiB.
//!
//! Notary's client reads at most 1,024 bytes of an error; a longer one does not parse there, and
//! its user sees nothing of it.

use serde::Serialize;

use crate::wire;
use countersign_access::AccessItem;
use countersign_trust::MissingKeys;
use countersign_tuf::keys::KeyId;

/// The longest body, in bytes.
const MAX_BYTES: usize = 1023;

/// What a code says of this case. The order of members is part of the contract.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Detail<'a> {
    /// `{}`.
    Empty {},
    /// The rights that a caller lacks.
    Items(Vec<MissingItem<'a>>),
    /// The IDs of keys that the server lacks.
    MissingKeys {
        #[serde(rename = "FoundKeys")]
        found: usize,
        #[serde(rename = "NeededKeys")]
        needed: usize,
        #[serde(rename = "MissingKeyIDs")]
        missing: Vec<&'a str>,
    },
    /// Why an update is refused.
    Refusal {
        #[serde(rename = "Name")]
        name: &'static str,
        #[serde(rename = "Error")]
        error: RefusalError<'a>,
    },
    /// A sentence or a name.
    Text(String),
}

/// One right, as Notary writes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MissingItem<'a> {
    #[serde(rename = "Type")]
    kind: &'a str,
    class: &'a str,
    name: std::borrow::Cow<'a, str>,
    action: &'a str,
}

#[derive(Serialize)]
pub(super) struct RefusalError<'a> {
    #[serde(rename = "Missing", skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
    #[serde(rename = "Msg")]
    message: String,
}

impl<'a> Detail<'a> {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(super) fn items(items: &'a [AccessItem]) -> Self {
        let missing = |item: &'a AccessItem| MissingItem {
            kind: item.kind,
            class: "",
            name: item.name.as_str().into(),
            action: item.action,
        };
        Self::Items(items.iter().map(missing).collect())
    }

    pub(super) fn refusal(
        name: &'static str,
        missing: Option<&'a str>,
        reason: &impl ToString,
    ) -> Self {
        Self::Refusal { name, error: RefusalError { missing, message: reason.to_string() } }
    }

    pub(super) fn missing_keys(keys: &'a MissingKeys) -> Self {
        Self::MissingKeys {
            found: keys.found,
            needed: keys.needed,
            missing: keys.missing.iter().map(KeyId::as_str).collect(),
        }
    }

    /// Leaves out at least `excess` bytes of what may be long, from its end.
    fn cut(&mut self, excess: usize) {
        match self {
            Self::Empty {} => {}
            // Each name loses all of it: one that fits twice need not be looked for.
            Self::Items(items) => items.iter_mut().for_each(|item| {
                let name = item.name.to_mut();
                cut_text(name, excess);
            }),
            Self::MissingKeys { missing, .. } => {
                let mut gone = 0;
                while gone < excess
                    && let Some(id) = missing.pop()
                {
                    gone += wire::json(&id).len();
                }
            }
            Self::Refusal { error, .. } => cut_text(&mut error.message, excess),
            Self::Text(text) => cut_text(text, excess),
        }
    }
}

/// The body for `code`; a `detail` that is too long is cut.
pub(super) fn envelope(code: &str, message: &str, mut detail: Option<Detail<'_>>) -> Vec<u8> {
    let whole = write(code, message, detail.as_ref());
    let Some(excess) = whole.len().checked_sub(MAX_BYTES).filter(|excess| *excess > 0) else {
        return whole;
    };
    if let Some(detail) = &mut detail {
        detail.cut(excess);
    }
    write(code, message, detail.as_ref())
}

#[derive(Serialize)]
struct Envelope<'a> {
    errors: [Element<'a>; 1],
}

#[derive(Serialize)]
struct Element<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a Detail<'a>>,
}

fn write(code: &str, message: &str, detail: Option<&Detail<'_>>) -> Vec<u8> {
    let mut bytes = wire::json(&Envelope { errors: [Element { code, message, detail }] });
    bytes.push(b'\n');
    bytes
}

fn cut_text(text: &mut String, excess: usize) {
    let mut gone = 0;
    while gone < excess
        && let Some(character) = text.pop()
    {
        gone += wire::escaped_len(character);
    }
}

//! The documents: their outer form, their signed parts, and the raw bytes beside the parsed view.
//!
//! Nothing in here believes anything: reading checks shape and structure only. What a document
//! says counts once [`crate::verify`] has made it a `Verified` one.
//!
//! Source: server spec 3.1, 3.2.

mod draft;
mod file_meta;
mod key_map;
mod limits;
mod parse;
mod root;
mod snapshot;
mod targets;
mod timestamp;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::canonical::{self, NotCanonical};
use crate::json::{JsonError, Kind, Node, Object, Tree};
use crate::keys::{KeyId, SignatureMethod};
use crate::names::{RoleName, Version};
use crate::reason::{Reason, StructureFault};
use crate::time::Expires;
use parse::Parsed;

pub use draft::{Draft, DraftSignature};
pub use file_meta::FileMeta;
pub use limits::{DocumentLimits, MAX_DEPTH, OverLimit, Size};
pub use parse::Unreadable;
#[cfg(test)]
pub(crate) use parse::read_tree;
pub use root::Root;
pub use snapshot::Snapshot;
pub use targets::{Delegation, Target, Targets};
pub use timestamp::Timestamp;

/// A document's outer form: the exact bytes, the signed part as a JSON value, the signatures.
#[derive(Clone, Debug)]
pub struct Envelope {
    tree: Arc<Tree>,
    /// Where in the tree the signed part is.
    signed: usize,
    /// Where in the bytes it is, if they are canonical there.
    message: Option<Range<usize>>,
    signatures: Vec<Signature>,
    trailing: Option<u8>,
    claimed_version: i64,
}

/// One signature of a document, as stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which key is said to have made it.
    pub key_id: KeyId,
    /// How it is said to be made.
    pub method: SignatureMethod,
    /// The signature's bytes.
    pub bytes: Vec<u8>,
}

impl Envelope {
    /// Reads the outer form, and of the signed part just enough to know version, type and expiry.
    ///
    /// Bytes behind the JSON value are not refused here but by [`Envelope::refuse_trailing`]:
    /// Notary notices them later than a syntax error, and as another error.
    ///
    /// # Errors
    /// [`JsonError`] when the bytes do not begin with a JSON object of this form.
    pub fn parse(raw: Bytes) -> Result<Self, JsonError> {
        match Self::parse_within(raw, &DocumentLimits::NONE) {
            Ok((envelope, _)) => Ok(envelope),
            Err(Unreadable::Json(error)) => Err(error),
            // There is none that it could be over.
            Err(Unreadable::OverLimit(_)) => Err(JsonError::Syntax),
        }
    }

    /// The same of a document that is within these limits. Says how much it holds.
    ///
    /// Takes time in proportion to the bytes, and memory to the JSON values in it, of which there
    /// are no more than the limit says.
    ///
    /// # Errors
    /// [`Unreadable`]; a limit comes before a fault behind it.
    pub fn parse_within(raw: Bytes, limits: &DocumentLimits) -> Result<(Self, Size), Unreadable> {
        let Parsed { tree, end, as_written, size } = parse::parse(raw.clone(), limits)?;
        let tree = Arc::new(tree);
        let rest = raw.get(end..).unwrap_or_default();
        let trailing =
            rest.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let outer = Object::new(tree.root(), "document", &["signatures", "signed"])?;
        let signatures = outer.list("signatures")?.map(read_signature).collect::<Result<_, _>>()?;
        let signed = outer.get("signed");
        let claimed_version = match signed {
            Some(signed) => read_common(signed)?.1,
            None => 0,
        };
        let written = if as_written { outer.raw_value("signed", end) } else { None };
        let message = match (signed, written) {
            (Some(signed), Some(written)) if signed.plain_length() == Some(written.len()) => {
                let start = written.as_ptr().addr().saturating_sub(raw.as_ptr().addr());
                Some(start..start.saturating_add(written.len()))
            }
            _ => None,
        };
        let signed = signed.map_or(usize::MAX, Node::position);
        Ok((Self { signed, message, signatures, trailing, claimed_version, tree }, size))
    }

    /// Passes a document with nothing but white space behind it.
    ///
    /// # Errors
    /// [`JsonError::Trailing`] otherwise.
    pub fn refuse_trailing(&self) -> Result<&Self, JsonError> {
        match self.trailing {
            None => Ok(self),
            Some(byte) => Err(JsonError::Trailing(byte)),
        }
    }

    /// The exact bytes.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        self.tree.raw()
    }

    /// The version that the document states, unchecked; 0 when it states none.
    #[must_use]
    pub fn claimed_version(&self) -> i64 {
        self.claimed_version
    }

    /// The signed part; null when there is none.
    pub(crate) fn signed(&self) -> Node<'_> {
        self.tree.at(self.signed)
    }

    /// What the signatures are over: the canonical form of the signed part.
    ///
    /// Most documents are written in it, and it is taken from where it stands then.
    pub(crate) fn message(&self) -> Result<Cow<'_, [u8]>, NotCanonical> {
        match self.message.clone().and_then(|place| self.raw().get(place)) {
            Some(written) => Ok(Cow::Borrowed(written)),
            None => canonical::of_node(self.signed()).map(Cow::Owned),
        }
    }

    pub(crate) fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// A type of document.
pub trait Document: Sized {
    /// Reads the signed part of `role`'s document: its members, then the rules of its structure.
    ///
    /// # Errors
    /// [`Reason`] that names the first member or rule that is wrong.
    fn read(role: &RoleName, signed: Node<'_>) -> Result<Self, Reason>;

    /// What every document states.
    fn header(&self) -> &Header;
}

/// What every document states of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its version.
    pub version: Version,
    /// When it expires.
    pub expires: Expires,
}

/// Members that [`Header`] is read from.
const HEADER_MEMBERS: [&str; 3] = ["_type", "expires", "version"];

impl Header {
    /// Reads the header and checks type and version, in this order.
    fn read(role: &RoleName, signed: Node<'_>, expected: &'static str) -> Result<Self, Reason> {
        let (found, number, expires) = read_common(signed)?;
        let fault = |fault| Reason::Structure { role: role.clone(), fault };
        if found != expected {
            return Err(fault(StructureFault::Type { expected, found: found.to_owned() }));
        }
        if number < 1 {
            return Err(fault(StructureFault::Version));
        }
        let version = Version::new(number).ok_or(Reason::VersionTooHigh(number))?;
        Ok(Self { version, expires })
    }
}

fn read_common(signed: Node<'_>) -> Result<(&str, i64, Expires), JsonError> {
    let object = Object::new(signed, "signed", &HEADER_MEMBERS)?;
    let kind = object.text("_type")?;
    let expires = match object.get("expires") {
        None => Expires::absent(),
        Some(value) => {
            let text = if let Kind::Text(text) = value.kind() { Some(text.as_str()) } else { None };
            text.and_then(Expires::parse)
                .ok_or_else(|| crate::json::wrong_type("expires", "an RFC 3339 time"))?
        }
    };
    Ok((kind, object.integer("version")?, expires))
}

fn read_signature(value: Node<'_>) -> Result<Signature, JsonError> {
    let object = Object::new(value, "signature", &["keyid", "method", "sig"])?;
    Ok(Signature {
        key_id: KeyId::claimed(object.text("keyid")?),
        method: SignatureMethod::parse(object.text("method")?),
        bytes: object.base64("sig")?,
    })
}

#[cfg(test)]
mod tests;

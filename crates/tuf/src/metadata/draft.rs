//! Documents that the server writes: a snapshot or timestamp before it is signed.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{FileMeta, Snapshot, Timestamp};
use crate::canonical::{self, NotCanonical};
use crate::digest::Digests;
use crate::keys::{KeyId, SignatureMethod};
use crate::names::{RoleName, Version};
use crate::time;

/// A document to be signed. Its message is canonical already, and is written as it is signed.
#[derive(Clone, Debug)]
pub struct Draft<T> {
    message: Vec<u8>,
    kind: PhantomData<T>,
}

/// A signature to put on a [`Draft`].
#[derive(Clone, Debug)]
pub struct DraftSignature {
    /// The key that made it.
    pub key_id: KeyId,
    /// Its method.
    pub method: SignatureMethod,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Draft<Snapshot> {
    /// A snapshot that takes over every entry of `previous` and replaces those of `changed`.
    ///
    /// # Errors
    /// [`NotCanonical`] when an entry's length has no canonical form.
    pub fn snapshot<'a>(
        previous: Option<&Snapshot>,
        changed: impl IntoIterator<Item = (&'a RoleName, FileMeta)>,
        version: Version,
        expires: DateTime<Utc>,
    ) -> Result<Self, NotCanonical> {
        let mut meta: BTreeMap<String, FileMeta> =
            previous.map(|snapshot| snapshot.meta().clone()).unwrap_or_default();
        meta.extend(changed.into_iter().map(|(role, entry)| (role.as_str().to_owned(), entry)));
        Self::new("Snapshot", meta, version, expires)
    }
}

impl Draft<Timestamp> {
    /// A timestamp for the snapshot with these bytes.
    ///
    /// # Errors
    /// [`NotCanonical`] never in practice: every number is an integer below 2^53.
    pub fn timestamp(
        snapshot: &[u8],
        digests: &Digests,
        version: Version,
        expires: DateTime<Utc>,
    ) -> Result<Self, NotCanonical> {
        let name = RoleName::Snapshot.as_str().to_owned();
        let meta = BTreeMap::from([(name, FileMeta::of(snapshot, digests))]);
        Self::new("Timestamp", meta, version, expires)
    }
}

impl<T> Draft<T> {
    fn new(
        kind: &str,
        meta: BTreeMap<String, FileMeta>,
        version: Version,
        expires: DateTime<Utc>,
    ) -> Result<Self, NotCanonical> {
        let meta: serde_json::Map<String, Value> =
            meta.into_iter().map(|(name, entry)| (name, entry.to_value())).collect();
        let signed = json!({
            "_type": kind,
            "expires": time::to_rfc3339(expires),
            "meta": meta,
            "version": version.get(),
        });
        Ok(Self { message: canonical::to_bytes(&signed)?, kind: PhantomData })
    }

    /// The bytes to sign.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The document's bytes. Whether the signatures are any good is for [`crate::verify`] to say.
    #[must_use]
    pub fn with_signatures(&self, signatures: &[DraftSignature]) -> Bytes {
        let mut out = br#"{"signed":"#.to_vec();
        out.extend_from_slice(&self.message);
        out.extend_from_slice(br#","signatures":["#);
        for (i, signature) in signatures.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(br#"{"keyid":"#);
            canonical::write_string(&mut out, signature.key_id.as_str());
            out.extend_from_slice(br#","method":"#);
            canonical::write_string(&mut out, signature.method.as_str());
            out.extend_from_slice(br#","sig":"#);
            canonical::write_string(&mut out, &STANDARD.encode(&signature.bytes));
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        Bytes::from(out)
    }
}

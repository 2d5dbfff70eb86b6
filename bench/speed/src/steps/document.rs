//! A collection in memory, and the steps on it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::num::NonZeroU32;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use countersign_forge::key::Key;
use countersign_forge::repository::{Repository, ServerKeys};
use countersign_tests::upload;
use countersign_tuf::canonical;
use countersign_tuf::digest::Digests;
use countersign_tuf::keys::{KeyId, SignatureMethod};
use countersign_tuf::metadata::{Draft, DraftSignature, Targets};
use countersign_tuf::names::{Gun, RoleName, Version};
use countersign_tuf::rules::{
    Circumstances, Decision, Stored, Update, UploadedPart, decide, stored_root,
};
use countersign_tuf::verify::{RoleKeys, Unverified};
use ring::digest::{SHA256, SHA512, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::Value;

use super::incoming::Incoming;
use crate::material::list;

const GUN: &str = "example.com/app";

/// A collection as it is stored, and the next version of its targets.
pub(super) struct Document {
    gun: Gun,
    now: DateTime<Utc>,
    stored: Stored,
    next: Bytes,
    signed: Value,
    parsed: Unverified<Targets>,
    keys: RoleKeys,
    snapshot: (Bytes, Digests),
    signer: Signer,
    incoming: Incoming,
}

/// A loaded key, and a signature by it.
struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    message: Vec<u8>,
    signature: DraftSignature,
}

impl Document {
    /// One with so many targets.
    pub(super) fn new(targets: usize) -> Result<Self> {
        let (gun, now) = (Gun::parse(GUN)?, upload::now());
        let snapshot_key = Key::ecdsa([2; 32]);
        let server = ServerKeys {
            timestamp: Key::ecdsa([1; 32]).to_json(),
            snapshot: Some(snapshot_key.to_json()),
        };
        let mut repository = Repository::new(GUN, 7, now, &server);
        list(&mut repository, targets);
        let first = update(&repository, &["root", "targets"])?;
        let decision = decide(&gun, &first, &Stored::default(), circumstances(now));
        let decision = decision.map_err(|refusal| anyhow!("refused: {refusal:?}"))?;
        let Decision::NeedsSnapshot(waiting) = decision else { bail!("the server signs it") };
        let snapshot = waiting.draft().with_signatures(&[DraftSignature {
            key_id: KeyId::claimed(&snapshot_key.id()),
            method: SignatureMethod::parse(snapshot_key.method()),
            bytes: snapshot_key.sign(waiting.draft().message()),
        }]);
        let root = bytes(&repository, "root")?;
        let stored = Stored {
            versions: BTreeMap::from([
                (RoleName::Root, Version::FIRST),
                (RoleName::Targets, Version::FIRST),
                (RoleName::Snapshot, Version::FIRST),
                (RoleName::Timestamp, Version::FIRST),
            ]),
            snapshot: Some(Stored::read_snapshot(snapshot.clone())?),
            root: Some(root.clone()),
            ..Stored::default()
        };
        repository.bump("targets");
        let next = bytes(&repository, "targets")?;
        let mut whole: Value = serde_json::from_slice(&next)?;
        let signed = whole.get_mut("signed").map(Value::take).context("nothing is signed")?;
        let parsed = Unverified::parse(RoleName::Targets, next.clone())?;
        let keys = stored_root(&gun, root, now)?.content().role_keys(&RoleName::Targets);
        let digests = Digests::of(&snapshot);
        let (snapshot, signer) = ((snapshot, digests), Signer::new()?);
        let incoming = Incoming::new(&next)?;
        Ok(Self { gun, now, stored, next, signed, parsed, keys, snapshot, signer, incoming })
    }

    /// One step, by its name.
    pub(super) fn step(&self, name: &str) -> Result<()> {
        let name = name.strip_prefix("step/").unwrap_or(name);
        match name.split('/').next().unwrap_or(name) {
            "hash" => drop(black_box((digest(&SHA256, &self.next), digest(&SHA512, &self.next)))),
            "multipart" => self.incoming.read()?,
            "parse" => drop(black_box(self.parse()?)),
            "canonicalise" => drop(black_box(canonical::to_bytes(&self.signed)?)),
            "bare-verify" => self.signer.verify()?,
            "verify" => drop(black_box(self.parsed.clone().verify(&self.keys)?)),
            "judge" => self.judge()?,
            "bare-sign" => drop(black_box(self.signer.sign(&self.signer.message)?)),
            "sign" => {
                let draft = self.draft()?;
                let bytes = self.signer.sign(draft.message())?;
                let signature = DraftSignature { bytes, ..self.signer.signature.clone() };
                drop(black_box(draft.with_signatures(&[signature])));
            }
            "draft" => {
                let signatures = std::slice::from_ref(&self.signer.signature);
                drop(black_box(self.draft()?.with_signatures(signatures)));
            }
            _ => bail!("{name:?} is no step"),
        }
        Ok(())
    }

    fn parse(&self) -> Result<Unverified<Targets>> {
        Ok(Unverified::parse(RoleName::Targets, self.next.clone())?)
    }

    fn judge(&self) -> Result<()> {
        let part = UploadedPart::parse(RoleName::Targets, self.next.clone())?;
        let update = Update::new(vec![part]);
        let decision = decide(&self.gun, &update, &self.stored, circumstances(self.now));
        let decision = decision.map_err(|refusal| anyhow!("refused: {refusal:?}"))?;
        drop(black_box(decision));
        Ok(())
    }

    fn draft(&self) -> Result<Draft<countersign_tuf::metadata::Timestamp>> {
        let (snapshot, digests) = &self.snapshot;
        let expires = self.now + Duration::days(14);
        Ok(Draft::timestamp(snapshot, digests, Version::FIRST, expires)?)
    }
}

impl Signer {
    fn new() -> Result<Self> {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let sealed =
            EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(|_| anyhow!("no key is made"))?;
        let pair = EcdsaKeyPair::from_pkcs8(kind, sealed.as_ref(), &random)
            .map_err(|error| anyhow!("a new key does not load: {error}"))?;
        // About as long as a timestamp.
        let message = vec![b'x'; 450];
        let made = pair.sign(&random, &message).map_err(|_| anyhow!("no signature"))?;
        let signature = DraftSignature {
            key_id: KeyId::claimed(&"0".repeat(64)),
            method: SignatureMethod::parse("ecdsa"),
            bytes: made.as_ref().to_vec(),
        };
        Ok(Self { pair, random, message, signature })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let made = self.pair.sign(&self.random, message).map_err(|_| anyhow!("no signature"))?;
        Ok(made.as_ref().to_vec())
    }

    fn verify(&self) -> Result<()> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.pair.public_key());
        let verified = key.verify(&self.message, &self.signature.bytes);
        verified.map_err(|_| anyhow!("a bad signature"))
    }
}

fn circumstances(now: DateTime<Utc>) -> Circumstances {
    let snapshot_lifetime = Duration::days(3 * 365);
    Circumstances { now, snapshot_lifetime, max_version_step: NonZeroU32::new(1000) }
}

fn update(repository: &Repository, roles: &[&str]) -> Result<Update> {
    let mut parts = Vec::new();
    for (role, bytes) in repository.parts(roles) {
        parts.push(UploadedPart::parse(RoleName::parse(&role)?, bytes.into())?);
    }
    ensure!(parts.len() == roles.len(), "a document is missing");
    Ok(Update::new(parts))
}

fn bytes(repository: &Repository, role: &str) -> Result<Bytes> {
    let parts = repository.parts(&[role]);
    let (_, bytes) = parts.into_iter().next().with_context(|| format!("no {role}"))?;
    Ok(bytes.into())
}

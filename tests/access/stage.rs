//! Who signs tokens: keys that both servers trust, and strangers' keys.

use std::net::TcpListener;
use std::path::Path;

use anyhow::Result;
use countersign_tests::upload::now;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::forge::{Certificate, Jws, Key, Kind, Standing};
use crate::server::{ISSUER, SERVICE};

/// A key with its own certificate.
pub(crate) struct Signer {
    pub(crate) key: Key,
    pub(crate) certificate: Certificate,
}

impl Signer {
    fn make(folder: &Path, name: &str, kind: Kind) -> Result<Self> {
        let key = Key::make(folder, name, kind)?;
        let certificate = Certificate::own(folder, name, &key, Standing::Authority)?;
        Ok(Self { key, certificate })
    }

    fn under(folder: &Path, name: &str, standing: Standing, issuer: &Self) -> Result<Self> {
        let key = Key::make(folder, name, Kind::P256)?;
        let issuer = (&issuer.certificate, &issuer.key);
        let certificate = Certificate::under(folder, name, &key, standing, issuer)?;
        Ok(Self { key, certificate })
    }
}

/// Everybody who signs.
pub(crate) struct Stage {
    /// P-256, in the bundle: most tokens are signed with it.
    pub(crate) trusted: Signer,
    /// The others in the bundle, which is CA of `leaf` and of `middle`.
    pub(crate) rsa: Signer,
    pub(crate) p384: Signer,
    pub(crate) p521: Signer,
    /// Not in the bundle, but issued by `trusted`.
    pub(crate) leaf: Signer,
    /// An authority that `trusted` issued, and what that one issued.
    pub(crate) middle: Signer,
    pub(crate) deep: Signer,
    /// Nobody here knows these.
    pub(crate) stranger: Signer,
    pub(crate) strange_rsa: Signer,
    pub(crate) strange_ed25519: Key,
    /// Where nobody may call.
    trap: TcpListener,
    folder: TempDir,
}

impl Stage {
    pub(crate) fn set() -> Result<Self> {
        let folder = TempDir::new()?;
        let path = folder.path();
        let trusted = Signer::make(path, "trusted", Kind::P256)?;
        let middle = Signer::under(path, "middle", Standing::Authority, &trusted)?;
        let trap = TcpListener::bind("127.0.0.1:0")?;
        trap.set_nonblocking(true)?;
        Ok(Self {
            rsa: Signer::make(path, "rsa", Kind::Rsa)?,
            p384: Signer::make(path, "p384", Kind::P384)?,
            p521: Signer::make(path, "p521", Kind::P521)?,
            leaf: Signer::under(path, "leaf", Standing::Leaf, &trusted)?,
            deep: Signer::under(path, "deep", Standing::Leaf, &middle)?,
            stranger: Signer::make(path, "stranger", Kind::P256)?,
            strange_rsa: Signer::make(path, "strange-rsa", Kind::Rsa)?,
            strange_ed25519: Key::make(path, "strange-ed25519", Kind::Ed25519)?,
            trusted,
            middle,
            trap,
            folder,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificates that both servers trust.
    pub(crate) fn bundle(&self) -> String {
        let trusted = [&self.trusted, &self.rsa, &self.p384, &self.p521];
        trusted.iter().map(|signer| signer.certificate.pem()).collect()
    }

    /// A URL at which a call is noticed.
    pub(crate) fn trap_url(&self) -> Result<String> {
        Ok(format!("http://{}/keys", self.trap.local_addr()?))
    }

    /// Whether anybody called there.
    pub(crate) fn somebody_called(&self) -> bool {
        self.trap.accept().is_ok()
    }

    /// A token for everything on `gun` and on the catalog, which nothing is wrong with.
    pub(crate) fn good(&self, gun: &str) -> Jws {
        good_of(&self.trusted.key, gun)
    }

    /// [`Stage::good`], signed, as a value of `Authorization`.
    pub(crate) fn pass(&self, gun: &str) -> Result<String> {
        Ok(format!("Bearer {}", self.good(gun).sign(&self.trusted.key)?))
    }
}

/// A token for everything on `gun` and on the catalog, for a key that it names by its ID.
pub(crate) fn good_of(key: &Key, gun: &str) -> Jws {
    Jws::of(key, &claims(gun)).kid(key)
}

/// So many seconds from now.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    now().timestamp() + seconds
}

/// One entry of `access`.
pub(crate) fn entry(kind: &str, name: &str, actions: &[&str]) -> Value {
    json!({"type": kind, "name": name, "actions": actions})
}

fn claims(gun: &str) -> Value {
    json!({
        "iss": ISSUER,
        "sub": "alice",
        "aud": SERVICE,
        "exp": in_seconds(300),
        "nbf": in_seconds(-10),
        "iat": in_seconds(-10),
        "jti": "a5f0c1",
        "access": [entry("repository", gun, &["*"]), entry("registry", "catalog", &["*"])],
    })
}

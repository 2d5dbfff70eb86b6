//! A delegate as Notary's guides describe one: a user who holds one delegation key, in a trust
//! directory of their own, and has given the owner a certificate for it.
//!
//! What never comes in: what the owner delegates to them.

use anyhow::Result;

use crate::peers::certs::{Curve, Pair};
use crate::peers::notary_client::NotaryClient;
use crate::session::Session;

/// A user who holds one delegation key and nothing else.
#[derive(Debug)]
pub struct Signer {
    /// The user.
    pub client: NotaryClient,
    /// The path of the certificate that the owner is given.
    pub certificate: String,
    /// The key's ID in hex, as `notary key list` shows it.
    pub key_id: String,
}

impl Signer {
    /// A signer with a P-256 key.
    ///
    /// # Errors
    /// The key cannot be made or imported.
    pub async fn with_ecdsa(s: &mut Session, name: &str) -> Result<Self> {
        let pair = Pair::ecdsa(s.directory(), name, name)?;
        Self::join(s, name, &pair).await
    }

    /// A signer with an ECDSA key on another curve.
    ///
    /// # Errors
    /// The key cannot be made or imported.
    pub async fn with_curve(s: &mut Session, name: &str, curve: Curve) -> Result<Self> {
        let pair = Pair::on_curve(s.directory(), name, name, curve).await?;
        Self::join(s, name, &pair).await
    }

    /// A signer with a 2048-bit RSA key.
    ///
    /// # Errors
    /// The key cannot be made or imported.
    pub async fn with_rsa(s: &mut Session, name: &str) -> Result<Self> {
        let pair = Pair::rsa(s.directory(), name, name).await?;
        Self::join(s, name, &pair).await
    }

    /// A new user called `name` who imports the pair's key.
    ///
    /// # Errors
    /// The client does not import the key.
    pub async fn join(s: &mut Session, name: &str, pair: &Pair) -> Result<Self> {
        let client = s.client(name)?;
        let key = pair.key.to_string_lossy();
        s.ok(&client, &["key", "import", &key, "--role", name]).await?;
        let key_id = s.key_id(&client, name).await?;
        let certificate = pair.certificate.to_string_lossy().into_owned();
        Ok(Self { client, certificate, key_id })
    }
}

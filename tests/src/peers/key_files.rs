//! Private keys without a certificate, in the files that `notary key rotate -k` takes, and what
//! `openssl` signs with them.
//!
//! What never comes in: keys with certificates, which are [`super::certs`]'.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

use super::certs::succeeds;
use super::process::find;

const ED25519_LENGTH: usize = 32;
const PEM_LINE: usize = 64;

/// A 2048-bit RSA key in the file `NAME.key`, PKCS#1 as `openssl genrsa` wrote it of old.
///
/// # Errors
/// `openssl` is missing or fails.
pub async fn rsa(directory: &Path, name: &str) -> Result<PathBuf> {
    let file = directory.join(format!("{name}.key"));
    openssl(&["genrsa", "-traditional", "-out", &file.to_string_lossy(), "2048"]).await?;
    Ok(file)
}

/// The public half of a key in the file `NAME.pub`, as `docker trust signer add` takes it.
///
/// # Errors
/// `openssl` is missing or fails.
pub async fn public_half(key: &Path) -> Result<PathBuf> {
    let file = key.with_extension("pub");
    let (key, out) = (key.to_string_lossy(), file.to_string_lossy());
    openssl(&["pkey", "-in", &key, "-pubout", "-out", &out]).await?;
    Ok(file)
}

/// An Ed25519 key in the file `NAME.key`, in the one unsealed form that the client reads: public
/// key, seed, and the public key again (signer spec 7.5).
///
/// # Errors
/// `openssl` is missing or fails.
pub async fn ed25519(directory: &Path, name: &str) -> Result<PathBuf> {
    let made = directory.join(format!("{name}.pkcs8")).to_string_lossy().into_owned();
    let listed = directory.join(format!("{name}.spki")).to_string_lossy().into_owned();
    openssl(&["genpkey", "-algorithm", "ed25519", "-outform", "DER", "-out", &made]).await?;
    let public = ["pkey", "-inform", "DER", "-in", &made, "-pubout", "-outform", "DER"];
    openssl(&[&public[..], &["-out", &listed]].concat()).await?;
    // Both forms end with the 32 bytes that they wrap.
    let (seed, public) = (fs::read(made)?, fs::read(listed)?);
    let seed = seed.last_chunk::<ED25519_LENGTH>().context("a short private key")?;
    let public = public.last_chunk::<ED25519_LENGTH>().context("a short public key")?;
    let body = STANDARD.encode([&public[..], seed, public].concat());
    let mut pem = "-----BEGIN ED25519 PRIVATE KEY-----\n".to_owned();
    for line in body.as_bytes().chunks(PEM_LINE) {
        pem.push_str(std::str::from_utf8(line)?);
        pem.push('\n');
    }
    pem.push_str("-----END ED25519 PRIVATE KEY-----\n");
    let file = directory.join(format!("{name}.key"));
    fs::write(&file, pem)?;
    Ok(file)
}

/// Signs with an RSA key as Notary does: PSS over SHA-256 with a salt of 32 bytes (method
/// `rsapss`, signer spec 2.3).
///
/// # Errors
/// `openssl` is missing or fails, or the directory cannot be written.
pub async fn sign_rsapss(directory: &Path, key: &Path, message: &[u8]) -> Result<Vec<u8>> {
    let (signed, signature) = (directory.join("to-sign"), directory.join("signature"));
    fs::write(&signed, message)?;
    let (key, out) = (key.to_string_lossy(), signature.to_string_lossy());
    let digest = ["dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss"];
    let salt = ["-sigopt", "rsa_pss_saltlen:32", "-sign", &key, "-out", &out];
    openssl(&[&digest[..], &salt, &[&signed.to_string_lossy()]].concat()).await?;
    Ok(fs::read(signature)?)
}

async fn openssl(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(find("openssl", "openssl")?);
    command.args(arguments);
    succeeds(command).await
}

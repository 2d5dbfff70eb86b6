//! Throwaway certificates: a CA with leaves for the Go pair, and the pairs that signers bring.
//!
//! What never comes in: certificates of Countersign, which makes its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio::process::Command;

use super::process::find;

/// A throwaway authority whose leaves are good for localhost, as TLS server and as client.
#[derive(Debug)]
pub struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one called `name` and writes its certificate to `ca.crt` below `directory`.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        fs::write(directory.join("ca.crt"), params.self_signed(&key)?.pem())?;
        Ok(Self { directory: directory.to_owned(), issuer: Issuer::new(params, key) })
    }

    /// Where the authority's certificate is.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// Issues `NAME.crt` and `NAME.key` for localhost and 127.0.0.1.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn leaf(&self, name: &str) -> Result<Pair> {
        self.issue(name, named(name))
    }

    /// The same, whose time is over.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn ended_leaf(&self, name: &str) -> Result<Pair> {
        let mut params = named(name);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.issue(name, params)
    }

    fn issue(&self, name: &str, mut params: CertificateParams) -> Result<Pair> {
        let key = KeyPair::generate()?;
        params.subject_alt_names =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?
                .subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Pair::write(&self.directory, name, &certificate.pem(), &key.serialize_pem())
    }
}

/// A curve of ECDSA keys other than the client's own P-256.
#[derive(Debug, Clone, Copy)]
pub enum Curve {
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

/// A certificate with its private key, as two PEM files.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, unsealed unless [`Pair::seal`] was called.
    pub key: PathBuf,
}

impl Pair {
    /// A P-256 key with a self-signed certificate, made here.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn ecdsa(directory: &Path, file: &str, common_name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = named(common_name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?;
        Self::write(directory, file, &certificate.pem(), &key.serialize_pem())
    }

    /// A 2048-bit RSA key with a self-signed certificate, made by `openssl`.
    ///
    /// # Errors
    /// `openssl` is missing or fails.
    pub async fn rsa(directory: &Path, file: &str, common_name: &str) -> Result<Self> {
        Self::from_openssl(directory, file, common_name, &["rsa:2048"]).await
    }

    /// An ECDSA key on `curve` with a self-signed certificate, made by `openssl`.
    ///
    /// # Errors
    /// `openssl` is missing or fails.
    pub async fn on_curve(
        directory: &Path,
        file: &str,
        common_name: &str,
        curve: Curve,
    ) -> Result<Self> {
        let group = match curve {
            Curve::P384 => "ec_paramgen_curve:P-384",
            Curve::P521 => "ec_paramgen_curve:P-521",
        };
        Self::from_openssl(directory, file, common_name, &["ec", "-pkeyopt", group]).await
    }

    /// Seals the private key as the notary client expects a root key to be.
    ///
    /// The client reads PBES2 with AES-256-CBC and HMAC-SHA1 only (signer spec 7.3).
    ///
    /// # Errors
    /// `openssl` is missing or fails.
    pub async fn seal(&self, passphrase: &str) -> Result<()> {
        let sealed = self.key.with_extension("sealed");
        let mut command = Command::new(find("openssl", "openssl")?);
        command.args(["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"]);
        command.arg("-passout").arg(format!("pass:{passphrase}"));
        command.arg("-in").arg(&self.key).arg("-out").arg(&sealed);
        succeeds(command).await?;
        let body = fs::read_to_string(&sealed)?;
        let (first, rest) = body.split_once('\n').context("an empty PEM file")?;
        fs::write(&self.key, format!("{first}\nrole: root\n\n{rest}"))?;
        Ok(())
    }

    async fn from_openssl(
        directory: &Path,
        file: &str,
        common_name: &str,
        new_key: &[&str],
    ) -> Result<Self> {
        let pair = Self::named(directory, file);
        let subject = format!("/CN={}", common_name.replace('/', "\\/"));
        let mut command = Command::new(find("openssl", "openssl")?);
        command.args(["req", "-x509", "-nodes", "-days", "3650", "-newkey"]).args(new_key);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-subj", &subject]);
        command.arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.certificate);
        succeeds(command).await?;
        Ok(pair)
    }

    fn write(directory: &Path, file: &str, certificate: &str, key: &str) -> Result<Self> {
        let pair = Self::named(directory, file);
        fs::write(&pair.certificate, certificate)?;
        fs::write(&pair.key, key)?;
        Ok(pair)
    }

    fn named(directory: &Path, file: &str) -> Self {
        Self {
            certificate: directory.join(format!("{file}.crt")),
            key: directory.join(format!("{file}.key")),
        }
    }
}

/// Valid for so long that the client does not warn of the end.
fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params
}

pub(super) async fn succeeds(mut command: Command) -> Result<()> {
    let output = command.output().await?;
    ensure!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

//! Private keys of every kind that tokens are signed with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_tests::peers::process::find;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::DecodePrivateKey as _;
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, RsaKeyPair};
use serde_json::{Value, json};

/// A kind of key, named as its tokens name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    P384,
    P521,
    Rsa,
    /// Twice as long.
    Rsa4096,
    Ed25519,
}

impl Kind {
    /// The one algorithm that fits an elliptic curve; for RSA the usual one of three.
    pub(crate) const fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
            Self::Rsa | Self::Rsa4096 => "RS256",
            Self::Ed25519 => "EdDSA",
        }
    }

    const fn hash(self) -> Hash {
        match self {
            Self::P256 | Self::Rsa | Self::Rsa4096 | Self::Ed25519 => Hash::Sha256,
            Self::P384 => Hash::Sha384,
            Self::P521 => Hash::Sha512,
        }
    }

    const fn openssl(self) -> &'static [&'static str] {
        match self {
            Self::P256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::P384 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            Self::P521 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            Self::Rsa => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Self::Rsa4096 => &["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
            Self::Ed25519 => &["ED25519"],
        }
    }
}

/// What a signature is made over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, message).as_ref().to_vec()
    }
}

/// A private key with what the world may know of it.
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// The private key in PEM, for `openssl`.
    pub(crate) file: PathBuf,
    /// The public key as SubjectPublicKeyInfo in DER.
    pub(crate) public: Vec<u8>,
    private: Private,
}

enum Private {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl Key {
    /// Makes one; its file is `NAME.key` in `folder`.
    pub(crate) fn make(folder: &Path, name: &str, kind: Kind) -> Result<Self> {
        let file = folder.join(format!("{name}.key"));
        let mut command = Command::new(find("openssl", "openssl")?);
        command.args(["genpkey", "-quiet", "-algorithm"]).args(kind.openssl());
        succeeds(command.arg("-out").arg(&file))?;
        let mut command = Command::new(find("openssl", "openssl")?);
        command.args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&file);
        let public = succeeds(&mut command)?;
        let private = Private::read(kind, &der_in(&file)?)?;
        Ok(Self { kind, file, public, private })
    }

    /// A signature as tokens carry it: r ‖ s on a curve, PKCS#1 v1.5 with RSA.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.sign_over(self.kind.hash(), message)
    }

    /// The same over another hash than the kind's own.
    pub(crate) fn sign_over(&self, hash: Hash, message: &[u8]) -> Result<Vec<u8>> {
        let hashed = hash.of(message);
        Ok(match &self.private {
            Private::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign_prehash(&hashed)?;
                made.to_bytes().to_vec()
            }
            Private::P384(key) => {
                let made: p384::ecdsa::Signature = key.sign_prehash(&hashed)?;
                made.to_bytes().to_vec()
            }
            Private::P521(key) => {
                let made: p521::ecdsa::Signature = key.sign_prehash(&hashed)?;
                made.to_bytes().to_vec()
            }
            Private::Rsa(key) => rsa(
                key,
                match hash {
                    Hash::Sha256 => &signature::RSA_PKCS1_SHA256,
                    Hash::Sha384 => &signature::RSA_PKCS1_SHA384,
                    Hash::Sha512 => &signature::RSA_PKCS1_SHA512,
                },
                message,
            )?,
            Private::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        })
    }

    /// With RSA the newer padding that Notary does not know; else as [`Key::sign`].
    pub(crate) fn sign_pss(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.private {
            Private::Rsa(key) => rsa(key, &signature::RSA_PSS_SHA256, message),
            _ => self.sign(message),
        }
    }

    /// On P-256 the signature in DER, as certificates carry it; else as [`Key::sign`].
    pub(crate) fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.private {
            Private::P256(key) => {
                let made: p256::ecdsa::Signature = key.sign_prehash(&Hash::Sha256.of(message))?;
                Ok(made.to_der().as_bytes().to_vec())
            }
            _ => self.sign(message),
        }
    }

    /// The public key as a member `jwk` has it, without a `kid`.
    pub(crate) fn jwk(&self) -> Value {
        let curve = |name: &str, length: usize| {
            let point = self.public.get(self.public.len() - 2 * length..).unwrap_or_default();
            let (x, y) = point.split_at(length);
            json!({"kty": "EC", "crv": name, "x": base64(x), "y": base64(y)})
        };
        match &self.private {
            Private::P256(_) => curve("P-256", 32),
            Private::P384(_) => curve("P-384", 48),
            Private::P521(_) => curve("P-521", 66),
            Private::Rsa(key) => {
                let numbers = signature::RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "n": base64(&numbers.n), "e": base64(&numbers.e)})
            }
            Private::Ed25519(_) => {
                let point = self.public.get(self.public.len() - 32..).unwrap_or_default();
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64(point)})
            }
        }
    }

    /// The key's ID in the form of docker's libtrust (server spec 2.4).
    pub(crate) fn id(&self) -> String {
        let digest = Hash::Sha256.of(&self.public);
        let text = data_encoding::BASE32_NOPAD.encode(digest.get(..30).unwrap_or_default());
        let groups = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group));
        groups.collect::<Vec<_>>().join(":")
    }

    /// The public key in PEM.
    pub(crate) fn public_pem(&self) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(&self.public)
        )
    }
}

impl Private {
    fn read(kind: Kind, pkcs8: &[u8]) -> Result<Self> {
        let unfit = || anyhow!("openssl made a key that is no {kind:?} key");
        Ok(match kind {
            Kind::P256 => Self::P256(p256::SecretKey::from_pkcs8_der(pkcs8)?.into()),
            Kind::P384 => Self::P384(p384::SecretKey::from_pkcs8_der(pkcs8)?.into()),
            Kind::P521 => Self::P521(p521::SecretKey::from_pkcs8_der(pkcs8)?.into()),
            Kind::Rsa | Kind::Rsa4096 => {
                let key = RsaKeyPair::from_pkcs8(pkcs8);
                Self::Rsa(Box::new(key.map_err(|_| unfit())?))
            }
            Kind::Ed25519 => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8);
                Self::Ed25519(Box::new(key.map_err(|_| unfit())?))
            }
        })
    }
}

fn rsa(
    key: &RsaKeyPair,
    padding: &'static dyn signature::RsaEncoding,
    message: &[u8],
) -> Result<Vec<u8>> {
    let mut made = vec![0; key.public().modulus_len()];
    key.sign(padding, &SystemRandom::new(), message, &mut made)
        .map_err(|_| anyhow!("the RSA key does not sign"))?;
    Ok(made)
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes in a file with one PEM block.
pub(super) fn der_in(file: &Path) -> Result<Vec<u8>> {
    let text = fs::read_to_string(file)?;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).with_context(|| format!("{} is no PEM file", file.display()))
}

/// What a command prints, which must end well.
pub(super) fn succeeds(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

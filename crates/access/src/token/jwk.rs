//! JSON Web Keys (RFC 7517, 7518, 8037), as far as they are public and may sign tokens.

use thiserror::Error;

use super::algorithm::Algorithm;
use super::base64url;
use super::members::{self, BadMembers, Members, Value};
use super::public_key::{BadPublicKey, Curve, PublicKey, rsa_public_key};

const KNOWN: [&str; 12] =
    ["alg", "crv", "d", "e", "key_ops", "kid", "kty", "n", "use", "x", "x5c", "y"];

/// A public key with what its JWK says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwk {
    /// The key.
    pub key: PublicKey,
    /// The name that the JWK gives it.
    pub kid: Option<String>,
    /// The one algorithm that it is for, if the JWK names one that is known.
    pub algorithm: Option<Algorithm>,
    /// Whether it is for checking signatures: neither `use` nor `key_ops` says otherwise.
    pub checks_signatures: bool,
    /// The private half is there too.
    pub has_private_half: bool,
    /// Certificates in standard base64, the key's own first. `None` when there is no list.
    pub certificates: Option<Vec<String>>,
}

/// JSON is no JWK of a key that may sign tokens.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadJwk {
    /// It does not have the form of one.
    #[error(transparent)]
    Members(#[from] BadMembers),
    /// A kind of key that signs no tokens here.
    #[error("no key of kind {0:?} signs tokens here")]
    Kind(String),
    /// A number in it is missing or malformed.
    #[error("member {0:?} is missing or malformed")]
    Number(&'static str),
    /// The numbers are no key.
    #[error(transparent)]
    Key(#[from] BadPublicKey),
}

impl Jwk {
    /// Reads a JWK.
    ///
    /// # Errors
    /// [`BadJwk`] when it is none, or of a key that cannot sign tokens.
    pub fn parse(text: &[u8]) -> Result<Self, BadJwk> {
        Self::of(&members::parse(text)?)
    }

    pub(super) fn of(value: &Value) -> Result<Self, BadJwk> {
        let members = Members::of(value, &KNOWN)?;
        let key = match (members.text("kty")?.unwrap_or_default(), members.text("crv")?) {
            ("EC", Some("P-256")) => ec(&members, Curve::P256)?,
            ("EC", Some("P-384")) => ec(&members, Curve::P384)?,
            ("EC", Some("P-521")) => ec(&members, Curve::P521)?,
            ("OKP", Some("Ed25519")) => {
                let point = number(&members, "x")?.try_into();
                PublicKey::ed25519(point.map_err(|_| BadJwk::Number("x"))?)?
            }
            ("RSA", _) => {
                let (modulus, exponent) = (number(&members, "n")?, number(&members, "e")?);
                let pkcs1 = rsa_public_key(&modulus, &exponent).ok_or(BadJwk::Number("n"))?;
                PublicKey::rsa(pkcs1)?
            }
            (kind, Some(curve)) => return Err(BadJwk::Kind(format!("{kind} {curve}"))),
            (kind, None) => return Err(BadJwk::Kind(kind.to_owned())),
        };
        let operations = members.texts("key_ops")?;
        let checks = operations.is_none_or(|operations| operations.contains(&"verify"));
        Ok(Self {
            key,
            kid: members.text("kid")?.map(str::to_owned),
            algorithm: members.text("alg")?.and_then(Algorithm::parse),
            checks_signatures: checks && members.text("use")?.is_none_or(|usage| usage == "sig"),
            has_private_half: members.has("d"),
            certificates: certificates(&members)?,
        })
    }
}

/// A list that has something else than texts in it is no list that could be verified.
fn certificates(members: &Members<'_>) -> Result<Option<Vec<String>>, BadMembers> {
    match members.get("x5c") {
        Some(Value::List(_)) => {
            let texts = members.texts("x5c")?.unwrap_or_default();
            Ok(Some(texts.into_iter().map(str::to_owned).collect()))
        }
        _ => Ok(None),
    }
}

fn ec(members: &Members<'_>, curve: Curve) -> Result<PublicKey, BadJwk> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = number(members, name)?;
        if coordinate.len() != curve.coordinate() {
            return Err(BadJwk::Number(name));
        }
        point.extend(coordinate);
    }
    Ok(PublicKey::ec(curve, point)?)
}

fn number(members: &Members<'_>, name: &'static str) -> Result<Vec<u8>, BadJwk> {
    let bytes = members.text(name)?.and_then(base64url::decode);
    bytes.filter(|bytes| !bytes.is_empty()).ok_or(BadJwk::Number(name))
}

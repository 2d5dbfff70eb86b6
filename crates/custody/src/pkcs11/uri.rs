//! How a row names a key in a token: a `pkcs11:` URI with the token's label and the key's ID.
//!
//! Source: RFC 7512, of which this is the part that names one object.

use std::fmt;

/// The name of a private key in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    token: String,
    id: Vec<u8>,
}

impl TokenUri {
    /// The key with this `CKA_ID` in the token with this label.
    pub(super) fn new(token: &str, id: &[u8]) -> Self {
        Self { token: token.to_owned(), id: id.to_vec() }
    }

    /// The name that these bytes of a row are; `None` when they are none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let path = str::from_utf8(bytes).ok()?.strip_prefix("pkcs11:")?;
        let (mut token, mut id) = (None, None);
        for attribute in path.split(';') {
            match attribute.split_once('=')? {
                ("token", value) if token.is_none() => {
                    token = Some(String::from_utf8(decoded(value)?).ok()?);
                }
                ("id", value) if id.is_none() => id = Some(decoded(value)?),
                ("type", "private") => {}
                _ => return None,
            }
        }
        let (token, id) = (token?, id?);
        (!token.is_empty() && !id.is_empty()).then_some(Self { token, id })
    }

    /// The label of the token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The `CKA_ID` of the key.
    #[must_use]
    pub fn id(&self) -> &[u8] {
        &self.id
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkcs11:token=")?;
        for byte in self.token.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(byte))?;
                }
                other => write!(f, "%{other:02X}")?,
            }
        }
        f.write_str(";id=")?;
        self.id.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
        f.write_str(";type=private")
    }
}

/// The bytes that percent-encoding stands for.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
        bytes.push(digit(rest.next()?)? << 4 | digit(rest.next()?)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for token in ["countersign", "Büro; Token=1 %20", "a"] {
            let uri = TokenUri::new(token, &[0, 0x7f, 0xab]);
            assert_eq!(TokenUri::parse(uri.to_string().as_bytes()), Some(uri));
        }
        assert_eq!(
            TokenUri::new("two words", &[1, 0xfe]).to_string(),
            "pkcs11:token=two%20words;id=%01%FE;type=private"
        );
    }

    #[test]
    fn what_names_no_private_key_of_one_token_is_no_name() {
        for text in [
            "",
            "pkcs11:",
            "pkcs11:token=a",
            "pkcs11:id=%01",
            "pkcs11:token=;id=%01",
            "pkcs11:token=a;id=",
            "pkcs11:token=a;id=%0",
            "pkcs11:token=a;id=%zz",
            "pkcs11:token=a;token=b;id=%01",
            "pkcs11:token=a;id=%01;type=public",
            "pkcs11:token=a;id=%01;pin-value=1234",
            "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ci.a.b.c.d",
        ] {
            assert_eq!(TokenUri::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(TokenUri::parse(b"pkcs11:token=\xff;id=%01"), None);
    }
}

//! Seals bytes under a passphrase into a compact JWE, and opens one.
//!
//! Written is exactly the Go signer's form; read are also the forms that it reads, without
//! compression. Everything that costs or allocates is bounded before it is done.
//!
//! Source: signer spec 3.2; RFC 7516 section 7.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::content::{self, GCM_IV_BYTES, SealedContent};
use super::fault::Fault;
use super::jwe_header::JweHeader;
use super::key_wrap::{self, Rounds};
use super::passphrase::Passphrase;

/// The longest token that is read, in bytes. The longest known, of an RSA key, has about 2 KiB.
const TOKEN_MAX_BYTES: usize = 16 * 1024;

/// Seals `plaintext`; the result is ASCII. Slow on purpose: call it off the async threads.
pub(super) fn seal(
    plaintext: &[u8],
    passphrase: &Passphrase,
    rounds: Rounds,
) -> Result<Vec<u8>, Fault> {
    let header = JweHeader::of_new(rounds, passphrase.derived().salt(rounds, random)?);
    let mut cek = Zeroizing::new(vec![0; header.enc.key_bytes()]);
    fill_random(&mut cek)?;
    let wrapped = key_wrap::wrap(&header, passphrase, &cek)?;
    let encoded_header = URL_SAFE_NO_PAD.encode(header.to_json()?);
    let iv: [u8; GCM_IV_BYTES] = random()?;
    let sealed = content::seal(&cek, iv, encoded_header.as_bytes(), plaintext)?;
    let mut token = encoded_header.clone();
    for part in [&wrapped, &sealed.iv, &sealed.ciphertext, &sealed.tag] {
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(part, &mut token);
    }
    Ok(token.into_bytes())
}

/// Opens `token`. Slow on purpose: call it off the async threads.
pub(super) fn open(token: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(Fault::Token("it is longer than 16 KiB"));
    }
    let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header_part, wrapped, iv, ciphertext, tag] = parts.as_slice() else {
        return Err(Fault::Token("it has not five parts"));
    };
    let header = JweHeader::parse(&decode(header_part)?)?;
    let sealed = SealedContent {
        aad: header_part,
        iv: decode(iv)?,
        ciphertext: decode(ciphertext)?,
        tag: decode(tag)?,
    };
    let cek = key_wrap::unwrap(&header, passphrase, &decode(wrapped)?)?;
    content::open(header.enc, &cek, &sealed)
}

/// Fills `bytes` from the system's source of randomness.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), Fault> {
    SystemRandom::new().fill(bytes).map_err(|_| Fault::Sealing("the system gives no random bytes"))
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

fn decode(part: &[u8]) -> Result<Vec<u8>, Fault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Token("a part is not base64url text"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.into()).unwrap()
    }

    fn quick() -> Rounds {
        Rounds::new(1_000).unwrap()
    }

    fn token() -> Vec<u8> {
        seal(b"the plaintext", &passphrase("right"), quick()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_was_sealed_opens_again(
            plaintext in proptest::collection::vec(any::<u8>(), 0..300),
            secret in "\\PC{1,40}",
        ) {
            let secret = passphrase(&secret);
            let token = seal(&plaintext, &secret, quick()).unwrap();
            prop_assert_eq!(open(&token, &secret).unwrap().to_vec(), plaintext);
        }

        #[test]
        fn no_changed_byte_opens(place in any::<prop::sample::Index>(), to in any::<u8>()) {
            let mut token = token();
            let place = place.index(token.len());
            prop_assume!(token[place] != to);
            token[place] = to;
            prop_assert!(open(&token, &passphrase("right")).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_not_open(token in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(open(&token, &passphrase("right")).is_err());
        }
    }

    /// Signer spec 3.2: the column sizes of rows with 8192 rounds, and the parts' lengths.
    #[test]
    fn new_token_has_the_go_signers_shape() {
        for (plaintext_bytes, token_bytes) in [(121, 365), (96, 331)] {
            let plaintext = vec![7; plaintext_bytes];
            let token = seal(&plaintext, &passphrase("right"), Rounds::default()).unwrap();
            assert_eq!(token.len(), token_bytes);
            let parts: Vec<Vec<u8>> =
                token.split(|byte| *byte == b'.').map(|part| decode(part).unwrap()).collect();
            let lengths: Vec<usize> = parts.iter().skip(1).map(Vec::len).collect();
            assert_eq!(lengths, [40, 12, plaintext_bytes, 16]);
            let header = String::from_utf8(parts[0].clone()).unwrap();
            assert!(
                header.starts_with(
                    r#"{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":8192,"p2s":""#
                ),
                "{header}"
            );
        }
    }

    #[test]
    fn same_plaintext_is_never_sealed_to_the_same_token() {
        let (one, two) = (token(), token());
        let parts = |token: &[u8]| {
            token.split(|byte| *byte == b'.').map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        for (one, two) in parts(&one).iter().zip(parts(&two)) {
            assert_ne!(one, &two);
        }
    }

    #[test]
    fn wrong_passphrase_does_not_open() {
        for secret in ["wrong", "right ", "Right"] {
            assert_eq!(open(&token(), &passphrase(secret)).unwrap_err(), Fault::DoesNotOpen);
        }
    }

    #[test]
    fn each_damaged_part_is_refused() {
        let token = token();
        let parts: Vec<Vec<u8>> = token.split(|b| *b == b'.').map(<[u8]>::to_vec).collect();
        for damaged in 0..5 {
            for change in [|_: &[u8]| Vec::new(), |part: &[u8]| part[..part.len() - 4].to_vec()] {
                let mut parts = parts.clone();
                parts[damaged] = change(&parts[damaged]);
                let token = parts.join(&b'.');
                assert!(open(&token, &passphrase("right")).is_err(), "part {damaged}");
            }
        }
    }

    #[test]
    fn other_numbers_of_parts_are_refused() {
        let longer = [token(), b".AAAA".to_vec()].concat();
        for token in [b"".to_vec(), b"....".to_vec(), b"a.b.c".to_vec(), longer] {
            assert!(open(&token, &passphrase("right")).is_err());
        }
    }

    #[test]
    fn token_over_the_limit_is_refused_and_just_under_opens() {
        let secret = passphrase("right");
        let sealed_of = |bytes: usize| seal(&vec![1; bytes], &secret, quick()).unwrap();
        let fits = sealed_of(12_000);
        assert!(fits.len() <= TOKEN_MAX_BYTES);
        assert!(open(&fits, &secret).is_ok());
        let over = sealed_of(12_300);
        assert!(over.len() > TOKEN_MAX_BYTES);
        assert_eq!(open(&over, &secret).unwrap_err(), Fault::Token("it is longer than 16 KiB"));
    }
}

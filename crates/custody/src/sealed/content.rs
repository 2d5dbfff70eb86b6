//! Authenticated encryption of the content under its key, for the two algorithms that are read.
//!
//! Source: signer spec 3.2; RFC 7518 sections 5.2.5 (A256CBC-HS512) and 5.3 (A256GCM).

use aes_gcm::aead::AeadInOut as _;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use aes_kw::aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha512;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::jwe_header::ContentAlg;

/// The length of A256GCM's IV.
pub(super) const GCM_IV_BYTES: usize = 12;

/// Half of the A256CBC-HS512 key: first the MAC key, then the encryption key.
const CBC_HALF_KEY_BYTES: usize = 32;

/// The parts of a token that content encryption makes. `aad` is the encoded header part.
pub(super) struct SealedContent<'a> {
    pub(super) aad: &'a [u8],
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

/// Encrypts `plaintext` with A256GCM under a fresh key and IV.
pub(super) fn seal<'a>(
    cek: &[u8],
    iv: [u8; GCM_IV_BYTES],
    aad: &'a [u8],
    plaintext: &[u8],
) -> Result<SealedContent<'a>, Fault> {
    let failed = Fault::Sealing("the content cannot be encrypted");
    let cipher = Aes256Gcm::new_from_slice(cek).map_err(|_| failed.clone())?;
    // Encrypted in place, in memory that is wiped if anything fails before.
    let mut buffer = Zeroizing::new(plaintext.to_vec());
    let tag = cipher
        .encrypt_inout_detached(&iv.into(), aad, buffer.as_mut_slice().into())
        .map_err(|_| failed)?;
    Ok(SealedContent { aad, iv: iv.to_vec(), ciphertext: buffer.to_vec(), tag: tag.to_vec() })
}

/// Decrypts, or tells nothing about why not.
pub(super) fn open(
    enc: ContentAlg,
    cek: &[u8],
    sealed: &SealedContent<'_>,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    match enc {
        ContentAlg::A256Gcm => open_gcm(cek, sealed),
        ContentAlg::A256CbcHs512 => open_cbc_hs512(cek, sealed),
    }
    .ok_or(Fault::DoesNotOpen)
}

fn open_gcm(cek: &[u8], sealed: &SealedContent<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new_from_slice(cek).ok()?;
    let iv = sealed.iv.as_slice().try_into().ok()?;
    let tag = sealed.tag.as_slice().try_into().ok()?;
    let mut buffer = Zeroizing::new(sealed.ciphertext.clone());
    cipher.decrypt_inout_detached(iv, sealed.aad, buffer.as_mut_slice().into(), tag).ok()?;
    Some(buffer)
}

/// The tag is the first half of an HMAC over header, IV, ciphertext and the header's bit length;
/// it is compared before anything is decrypted, so padding errors tell nothing.
fn open_cbc_hs512(cek: &[u8], sealed: &SealedContent<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let (mac_key, cipher_key) = cek.split_at_checked(CBC_HALF_KEY_BYTES)?;
    let aad_bits = u64::try_from(sealed.aad.len()).ok()?.checked_mul(8)?;
    let mut mac = Hmac::<Sha512>::new_from_slice(mac_key).ok()?;
    for part in [sealed.aad, &sealed.iv, &sealed.ciphertext, &aad_bits.to_be_bytes()] {
        mac.update(part);
    }
    let full = mac.finalize().into_bytes();
    let expected = full.get(..CBC_HALF_KEY_BYTES)?;
    if !bool::from(expected.ct_eq(&sealed.tag)) {
        return None;
    }
    let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(cipher_key, &sealed.iv).ok()?;
    let mut buffer = Zeroizing::new(sealed.ciphertext.clone());
    let length = decryptor.decrypt_padded::<Pkcs7>(&mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

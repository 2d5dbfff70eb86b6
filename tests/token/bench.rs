//! A token in this process, by the module that fails on request.

use std::time::Duration;

use anyhow::Result;
use countersign_custody::pkcs11::{Pin, Token, TokenError, TokenKey, TokenSettings};
use countersign_tests::peers::softhsm::{LABEL, PIN, SoftHsm};
use countersign_tuf::keys::{ServerKeyAlgorithm, verify_signature};
use countersign_tuf::names::{Gun, ServerRole};

/// How long a call may take, where a test does not say it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const MESSAGE: &[u8] = br#"{"_type":"Timestamp","version":1}"#;

/// The token that every [`SoftHsm`] has.
pub(crate) async fn token(hsm: &SoftHsm) -> Result<Token> {
    Ok(load(hsm, LABEL, PIN).await?)
}

/// A token by label and PIN, in at most three sessions.
pub(crate) async fn load(hsm: &SoftHsm, label: &str, pin: &str) -> Result<Token, TokenError> {
    load_with(hsm, label, pin, PATIENCE).await
}

/// The same with so much patience.
pub(crate) async fn load_with(
    hsm: &SoftHsm,
    label: &str,
    pin: &str,
    patience: Duration,
) -> Result<Token, TokenError> {
    let module = hsm
        .faulty_module()
        .map_err(|error| TokenError::Module { path: hsm.tokens(), reason: error.to_string() })?;
    let settings = TokenSettings { module, label: label.to_owned(), sessions: 3, patience };
    Token::load(settings, pin_of(pin)).await
}

pub(crate) fn pin_of(pin: &str) -> Pin {
    Pin::new(pin.into()).unwrap()
}

pub(crate) fn gun() -> Gun {
    Gun::parse("registry.example/team/app").unwrap()
}

/// A new key.
pub(crate) async fn make(
    token: &Token,
    algorithm: ServerKeyAlgorithm,
) -> Result<TokenKey, TokenError> {
    TokenKey::make(token, algorithm, &gun(), ServerRole::Timestamp).await
}

/// Signs, and proves that the signature is the key's.
pub(crate) async fn sign_well(key: &TokenKey) -> Result<()> {
    let signature = key.sign(MESSAGE).await?;
    let method = key.public().key_type().server_method();
    let is_good =
        method.is_some_and(|method| verify_signature(key.public(), &method, MESSAGE, &signature));
    anyhow::ensure!(is_good, "the signature does not verify");
    Ok(())
}

/// How many objects the files of the token hold.
pub(crate) fn objects(hsm: &SoftHsm) -> usize {
    let folders = std::fs::read_dir(hsm.tokens()).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    files
        .filter(|file| file.as_ref().unwrap().path().extension() == Some("object".as_ref()))
        .count()
}

//! The passphrase that seals the server's keys: the operator's, or one made on the first start.
//!
//! Source: contract section 1.

use std::path::Path;

use countersign_config::sections::keys::Keys;
use countersign_custody::sealed::Passphrase;
use ring::rand::{SecureRandom as _, SystemRandom};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, Hold, make_private_dir, write_private_file};
use crate::exit::Failure;
use crate::flags::environment;

/// 256 bits.
const RANDOM_BYTES: usize = 32;

/// The passphrase to start with. `_hold` shows that no other server writes into `dir`.
pub(crate) fn obtain(keys: &Keys, dir: &DataDir, _hold: &Hold) -> Result<Passphrase, Failure> {
    let path = dir.key_passphrase();
    let secret = match keys.passphrase(&environment)? {
        Some(given) => given,
        None => made_or_kept(&path, &dir.database())?,
    };
    Passphrase::new(secret).ok_or_else(|| failed(&path, "is empty", "put the first one back"))
}

/// The passphrase that a start would use; `None` where it would make one. Makes nothing.
pub(crate) fn look(keys: &Keys, dir: &DataDir) -> Result<Option<Passphrase>, Failure> {
    let path = dir.key_passphrase();
    let secret = match keys.passphrase(&environment)? {
        Some(given) => Some(given),
        None => kept(&path, &dir.database())?,
    };
    let whole = |secret| {
        Passphrase::new(secret).ok_or_else(|| failed(&path, "is empty", "put the first one back"))
    };
    secret.map(whole).transpose()
}

/// The passphrase that is given or was made before; `None` where there is neither, which is no
/// trouble for whoever seals new keys under another alias.
pub(crate) fn if_any(keys: &Keys, dir: &DataDir) -> Result<Option<Passphrase>, Failure> {
    let path = dir.key_passphrase();
    let there = path.try_exists();
    let there = there.map_err(|error| failed(&path, error, "let this user read it"))?;
    if keys.passphrase(&environment)?.is_some() || there {
        return look(keys, dir);
    }
    Ok(None)
}

/// One that nobody has, where a first start would make one.
pub(crate) fn stand_in(dir: &DataDir) -> Result<Passphrase, Failure> {
    let path = dir.key_passphrase();
    let text = SecretString::from(random_text(&path)?.as_str());
    Passphrase::new(text).ok_or_else(|| failed(&path, "is empty", "mend the system"))
}

/// The passphrase of an earlier start; `None` before the first.
fn kept(path: &Path, database: &Path) -> Result<Option<SecretString>, Failure> {
    let look = |error: std::io::Error| failed(path, error, "let this user read it");
    if path.try_exists().map_err(look)? {
        let secret = countersign_config::read_secret_file("made on the first start", path)?;
        return Ok(Some(secret));
    }
    if database.try_exists().map_err(look)? {
        return Err(failed(
            path,
            "is missing, but there is a database whose keys it sealed",
            "put it back, or give the passphrase in COUNTERSIGN_KEY_PASSPHRASE_FILE",
        ));
    }
    Ok(None)
}

fn made_or_kept(path: &Path, database: &Path) -> Result<SecretString, Failure> {
    if let Some(secret) = kept(path, database)? {
        return Ok(secret);
    }
    let text = random_text(path)?;
    let keep = || {
        path.parent().map_or(Ok(()), make_private_dir)?;
        write_private_file(path, text.as_bytes())
    };
    keep().map_err(|error| failed(path, error, "make the data directory writable"))?;
    Ok(SecretString::from(text.as_str()))
}

/// A new passphrase; `path` is where it is to be.
pub(crate) fn random_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut random = Zeroizing::new([0; RANDOM_BYTES]);
    SystemRandom::new()
        .fill(random.as_mut())
        .map_err(|_| failed(path, "the system gives no randomness", "mend the system"))?;
    Ok(Zeroizing::new(hex::encode(random.as_ref())))
}

fn failed(path: &Path, problem: impl ToString, mend: &'static str) -> Failure {
    Failure::Passphrase { path: path.to_owned(), problem: problem.to_string(), mend }
}

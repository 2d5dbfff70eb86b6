//! All passphrases that open and seal the server's keys: our own, and those that Notary's signer
//! has by alias.
//!
//! New keys are sealed under the alias that the key database says, which is our own until
//! `countersign keys rotate-passphrase` changes it; unless `NOTARY_SIGNER_DEFAULT_ALIAS` names one: then
//! under that one, as the signer does.
//!
//! Source: contract section 1, signer spec 3.4.

use countersign_config::sections::keys::Keys;
use countersign_config::{AliasPassphrase, ConfigError, SignerVariables, folded_alias};
use countersign_custody::sealed::{DEFAULT_ALIAS, Passphrase, PassphraseSource as _, Passphrases};

use crate::data_dir::{DataDir, Hold};
use crate::exit::Failure;
use crate::flags::{environment, variable_names};
use crate::key_passphrase;
use crate::key_source::{KeptFile, KeySource, readable};

/// The passphrases to start with. `hold` shows that no other server writes into `dir`.
pub(crate) fn obtain(keys: &Keys, dir: &DataDir, hold: &Hold) -> Result<Passphrases, Failure> {
    ring(&variables()?, keys, dir, || key_passphrase::obtain(keys, dir, hold))
}

/// The same where a file of Notary's signer names the alias of new keys.
pub(crate) fn obtain_under(
    alias: &str,
    keys: &Keys,
    dir: &DataDir,
    hold: &Hold,
) -> Result<Passphrases, Failure> {
    ring(&variables()?.under(alias), keys, dir, || key_passphrase::obtain(keys, dir, hold))
}

/// The passphrases that a start would use. Makes nothing: what a start would make is replaced by
/// one that opens nothing.
pub(crate) fn look(keys: &Keys, dir: &DataDir) -> Result<Passphrases, Failure> {
    look_under(None, keys, dir)
}

/// The same where a file of Notary's signer may name the alias of new keys.
pub(crate) fn look_under(
    alias: Option<&str>,
    keys: &Keys,
    dir: &DataDir,
) -> Result<Passphrases, Failure> {
    ring(&variables_under(alias)?, keys, dir, || match key_passphrase::look(keys, dir)? {
        Some(found) => Ok(found),
        None => key_passphrase::stand_in(dir),
    })
}

/// What the environment says to Notary's signer of passphrases.
pub(crate) fn variables() -> Result<SignerVariables, ConfigError> {
    SignerVariables::find(variable_names(), &environment)
}

/// The same where a file of Notary's signer may name the alias of new keys.
pub(crate) fn variables_under(alias: Option<&str>) -> Result<SignerVariables, ConfigError> {
    let said = variables()?;
    Ok(match alias {
        Some(alias) => said.under(alias),
        None => said,
    })
}

/// The alias of new keys.
pub(crate) fn default_alias(variables: &SignerVariables) -> &str {
    variables.default_alias().unwrap_or(DEFAULT_ALIAS)
}

/// Whether `alias` is our own, however it is spelt.
pub(crate) fn is_ours(alias: &str) -> bool {
    folded_alias(alias) == folded_alias(DEFAULT_ALIAS)
}

fn ring(
    variables: &SignerVariables,
    keys: &Keys,
    dir: &DataDir,
    ours: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Passphrases, Failure> {
    let kept = KeptFile::all(dir).map_err(|error| Failure::Passphrase {
        path: dir.secrets(),
        problem: error.to_string(),
        mend: "let this user read it",
    })?;
    let mut kept: Vec<(String, Passphrase)> =
        kept.iter().filter_map(|file| Some((file.alias.clone(), readable(file)?))).collect();
    let source = KeySource::of(keys, dir);
    let mut ring = match variables.default_alias() {
        Some(alias) => pinned(alias, &source, keys, dir, ours)?,
        None => following(&mut kept, keys, dir, ours)?,
    };
    for (alias, passphrase) in kept {
        ring = ring.with(&alias, passphrase);
    }
    for given in variables.given().iter().filter(|given| !is_ours(&given.alias)) {
        ring = ring.with(&given.alias, read(given)?);
    }
    Ok(ring.asking(source))
}

/// New keys stay under `alias`.
fn pinned(
    alias: &str,
    source: &KeySource,
    keys: &Keys,
    dir: &DataDir,
    ours: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Passphrases, Failure> {
    if is_ours(alias) {
        return Ok(Passphrases::new(alias, ours()?).pinned());
    }
    // What is given and cannot be read is told, and not passed over as in `find`.
    let given = match source.given(alias)? {
        Some(given) => Some(given),
        None => source.find(alias).into_iter().next(),
    };
    let ring = Passphrases::new(alias, given.ok_or_else(|| without_passphrase(alias))?).pinned();
    Ok(match key_passphrase::if_any(keys, dir)? {
        Some(ours) => ring.with(DEFAULT_ALIAS, ours),
        None => ring,
    })
}

/// New keys are under our own alias, or, where the operator has put the first passphrase away, under
/// that of one that is kept. What the key database says holds all the same.
fn following(
    kept: &mut Vec<(String, Passphrase)>,
    keys: &Keys,
    dir: &DataDir,
    ours: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Passphrases, Failure> {
    if let Some(ours) = key_passphrase::if_any(keys, dir)? {
        return Ok(Passphrases::new(DEFAULT_ALIAS, ours));
    }
    match kept.pop() {
        Some((alias, passphrase)) => Ok(Passphrases::new(&alias, passphrase)),
        None => Ok(Passphrases::new(DEFAULT_ALIAS, ours()?)),
    }
}

fn read(given: &AliasPassphrase) -> Result<Passphrase, Failure> {
    let secret = given.read(&environment)?;
    let empty = || ConfigError::UnusableSecret {
        origin: given.variable.clone(),
        problem: "is empty",
        mend: "write the passphrase into it",
    };
    Ok(Passphrase::new(secret).ok_or_else(empty)?)
}

fn without_passphrase(alias: &str) -> Failure {
    let variable = format!("NOTARY_SIGNER_{}", folded_alias(alias));
    Failure::Usage(format!(
        "new keys are to be sealed under the alias {alias:?} (NOTARY_SIGNER_DEFAULT_ALIAS, or storage.default_alias in Notary's file), and \
         {variable} is not set: set it, or {variable}_FILE to a file that holds the passphrase"
    ))
}

//! What `countersign signer` would meet at its start, without making anything.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_config::{NotaryConfig, Settings};
use countersign_custody::{Home, NoSuchHome};

use super::{certificates, database, exposed, token};
use crate::commands::serve::key_plan;
use crate::commands::signer::default_alias;
use crate::data_dir::DataDir;
use crate::database::Databases;
use crate::exit::Failure;
use crate::key_ring;

/// What is odd and keeps it from nothing, one line each; or everything that does.
pub(super) fn look(
    settings: &Settings,
    notary: Option<&NotaryConfig>,
    dir: &DataDir,
) -> Result<String, Vec<Failure>> {
    let mut problems: Vec<Failure> = dir.look().err().into_iter().collect();
    let alias = default_alias(notary);
    let passphrases = key_ring::look_under(alias.as_deref(), &settings.keys, dir)
        .map_err(|problem| problems.push(problem))
        .map_or(None, |found| Some(Arc::new(found)));
    let doubts = certificates(settings, dir).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    problems.extend(token(settings).err());
    problems.extend(homes(settings).err());
    let databases = Databases::of_keys(settings, dir);
    let findings = databases
        .and_then(|databases| database(&databases, passphrases))
        .unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
    if !problems.is_empty() {
        return Err(problems);
    }
    let lines = findings.iter().map(ToString::to_string).chain(doubts);
    let mut text: String = lines.map(|line| format!("warning: {line}\n")).collect();
    text.push_str(&exposed(dir, private_files(settings)));
    Ok(text)
}

/// A signer has no other signer to send keys to.
fn homes(settings: &Settings) -> Result<(), Failure> {
    let elsewhere = key_plan(settings).homes().find(|home| *home == Home::Remote);
    match elsewhere {
        Some(home) => Err(Failure::Usage(NoSuchHome(home).to_string())),
        None => Ok(()),
    }
}

fn private_files(settings: &Settings) -> Vec<PathBuf> {
    let files = [
        settings.tls.own().map(|own| own.key.to_owned()),
        settings.keys.passphrase_file.clone(),
        settings.pkcs11.pin_file().map(ToOwned::to_owned),
    ];
    files.into_iter().flatten().collect()
}

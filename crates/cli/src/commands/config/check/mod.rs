//! `countersign config check`: what serve or signer would meet at its start, without making anything.
//!
//! Asks in the order of the start, so that the first problem is the one that it would stop at.

mod signer;

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_access::RulesWarning;
use countersign_config::{Effective, Program, Settings};
use countersign_custody::sealed::{
    AliasFinding, OpenError, Passphrases, prove_passphrases, try_aliases,
};
use countersign_server::Tokens;
use countersign_server::tls::{Identity, TlsError};
use countersign_server::{RulesFileError, read_rules};
use countersign_trust::{Clock as _, SystemClock};
use tokio::runtime::Runtime;

use crate::certificates::{client_policy, doubts_about_lists};
use crate::custody::{KnownSigner, token};
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::Failure;
use crate::key_source::KeptFile;
use crate::token_settings::token_settings;
use crate::{audit_log, flags, key_ring, token_desk};

/// Says that all is well, or everything that is not.
pub(super) fn run(effective: Effective) -> Result<(), Failure> {
    let ignored = effective.ignored();
    let Effective { program, settings, notary, .. } = effective;
    let dir = DataDir::at(settings.server.data_dir())?;
    let (name, found) = match program {
        Program::Server => ("serve", look(&settings, &dir)),
        Program::Signer => ("signer", signer::look(&settings, notary.as_ref(), &dir)),
    };
    let warnings = found.map_err(Failure::Several)?;
    let notes = flags::notary_notes(notary).into_iter();
    let notes = notes.chain(ignored.iter().map(ToString::to_string));
    let mut text: String = notes.map(|note| format!("note: {note}\n")).collect();
    text.push_str(&warnings);
    text.push_str(&format!(
        "all is well: {name} can start on {} with its data in {} (the address was not tried)\n",
        settings.server.listen,
        dir.path().display()
    ));
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

/// What is odd and keeps serve from nothing, one line each; or everything that does.
fn look(settings: &Settings, dir: &DataDir) -> Result<String, Vec<Failure>> {
    let mut problems: Vec<Failure> = dir.look().err().into_iter().collect();
    let rules = rules(settings).unwrap_or_else(|problem| {
        problems.push(problem.into());
        String::new()
    });
    let passphrases = match key_ring::look(&settings.keys, dir) {
        Ok(found) => Some(Arc::new(found)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let doubts = certificates(settings, dir).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    problems.extend(KnownSigner::load(&settings.signer, SystemClock.now()).err());
    problems.extend(token_desk::look(settings, dir, SystemClock.now()));
    problems.extend(token_keys(settings).err());
    problems.extend(audit_log::look(&settings.audit).err());
    problems.extend(token(settings).err());
    let databases = Databases::of(settings, dir);
    let findings = databases
        .and_then(|databases| database(&databases, passphrases))
        .unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut text: String = findings.iter().map(|finding| format!("warning: {finding}\n")).collect();
    text.push_str(&rules);
    text.extend(doubts.iter().map(|doubt| format!("warning: {doubt}\n")));
    if settings.tls.plain_http {
        text.push_str("warning: plain HTTP: nothing that is sent is encrypted\n");
    }
    text.push_str(&exposed(dir, private_files(settings)));
    Ok(text)
}

/// What is odd about the rules, one line each.
fn rules(settings: &Settings) -> Result<String, RulesFileError> {
    let Some(path) = &settings.access.rules else { return Ok(String::new()) };
    let warnings = read_rules(path)?.warnings();
    let line = |warning: &RulesWarning| {
        format!("warning: {}:{}: {warning}\n", path.display(), warning.line())
    };
    Ok(warnings.iter().map(line).collect())
}

/// What to look at about the revocation lists of clients, where all the certificates are usable.
fn certificates(settings: &Settings, dir: &DataDir) -> Result<Vec<String>, Failure> {
    if settings.tls.plain_http {
        return Ok(Vec::new());
    }
    let now = SystemClock.now();
    let doubts = doubts_about_lists(&client_policy(settings, now)?, now);
    if let Some(own) = settings.tls.own() {
        Identity::load(own.cert, own.key)?.valid_at(now)?;
        return Ok(doubts);
    }
    let certs = dir.certs();
    let there = |name: &str| certs.join(name).exists();
    let (ca, cert, key) = (there("ca.crt"), there("server.crt"), there("server.key"));
    // Without an authority only an empty directory can be filled; without its key only a whole
    // one can be used.
    let lost = match (ca, there("ca.key")) {
        (false, _) if cert || key => Some("ca.crt"),
        (true, false) if !cert => Some("server.crt"),
        (true, false) if !key => Some("server.key"),
        _ => None,
    };
    if let Some(missing) = lost {
        return Err(TlsError::Incomplete { dir: certs, missing }.into());
    }
    if cert && key {
        let identity = Identity::load(&certs.join("server.crt"), &certs.join("server.key"))?;
        if !there("ca.key") {
            identity.valid_at(now)?;
        }
    }
    Ok(doubts)
}

/// The files of the keys of tokens; URLs are not asked.
fn token_keys(settings: &Settings) -> Result<(), Failure> {
    if let Some(tokens) = token_settings(&settings.access) {
        Tokens::load(tokens, Arc::new(SystemClock))?;
    }
    Ok(())
}

/// The token that may hold keys. Its PIN is not tried.
fn token(settings: &Settings) -> Result<(), Failure> {
    let runtime = Runtime::new()
        .map_err(|error| Failure::System { action: "start threads", reason: error.to_string() })?;
    let looked = runtime.block_on(token::look(&settings.pkcs11));
    // A module that hangs does not hold the command up.
    runtime.shutdown_background();
    looked
}

/// A database that is not there will be made.
fn database(
    databases: &Databases,
    passphrases: Option<Arc<Passphrases>>,
) -> Result<Vec<AliasFinding>, Failure> {
    let runtime = Runtime::new()
        .map_err(|error| Failure::System { action: "start threads", reason: error.to_string() })?;
    runtime.block_on(async {
        let Some(stores) = databases.look().await? else { return Ok(Vec::new()) };
        let tried = match passphrases {
            Some(passphrases) => try_passphrases(&stores, passphrases).await,
            None => Ok(Vec::new()),
        };
        stores.close().await;
        tried.map_err(|error| Failure::of_custody(error, databases.keys()))
    })
}

async fn try_passphrases(
    stores: &Stores,
    passphrases: Arc<Passphrases>,
) -> Result<Vec<AliasFinding>, OpenError> {
    let keys = stores.keys();
    let findings = try_aliases(&*stores.key_aliases(), &*keys, &passphrases).await?;
    prove_passphrases(&*keys, passphrases).await?;
    Ok(findings)
}

/// One line for each private thing that other users of this machine can read: what the data
/// directory has, and these `files`.
fn exposed(dir: &DataDir, files: Vec<PathBuf>) -> String {
    let mut private: Vec<PathBuf> = vec![dir.path().to_owned(), dir.key_passphrase()];
    private.extend(KeptFile::all(dir).into_iter().flatten().map(|file| file.path));
    private.extend(files);
    let lines = private.iter().filter(|path| is_open_to_others(path)).map(|path| {
        let path = path.display();
        format!("warning: other users can look into {path}: run chmod go-rwx on it\n")
    });
    lines.collect()
}

/// The private files that the settings of a server name.
fn private_files(settings: &Settings) -> Vec<PathBuf> {
    let files = [
        settings.tls.own().map(|own| own.key.to_owned()),
        settings.keys.passphrase_file.clone(),
        settings.signer.shown().map(|shown| shown.key.to_owned()),
        settings.pkcs11.pin_file().map(Path::to_owned),
        settings.tokens.own_key().map(|own| own.key.to_owned()),
        settings.tokens.users.clone(),
    ];
    files.into_iter().flatten().collect()
}

fn is_open_to_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

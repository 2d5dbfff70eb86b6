//! Exit codes, and the one line that says why.
//!
//! Never in here: what a command does.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use countersign_config::ConfigError;
use countersign_custody::CustodyError;
use countersign_custody::pkcs11::TokenError;
use countersign_custody::sealed::OpenError;
use countersign_server::tls::TlsError;
use countersign_server::{RulesFileError, ServeError, TokenKeysError, UsersFileError};
use countersign_storage::StorageError;
use thiserror::Error;

use crate::backup_manifest::Unsound;
use crate::database::Place;
use crate::key_ring;

/// Why a command did not do what it was asked. Each text is one line: cause, then mend.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Some of the doctor's checks failed.
    #[error("{failed} of {all} checks failed: do what is said below each of them")]
    Ailing { failed: usize, all: usize },
    /// Lines of an audit log were removed, changed or moved.
    #[error(
        "{broken} of {all} audit logs are not whole: see what is said of each; compare with a copy \
         that was kept elsewhere"
    )]
    AuditBroken { broken: usize, all: usize },
    /// An audit log lacks a line that it had.
    #[error(
        "no line has the hash {hash}: lines were removed from the end, or a file of the audit log \
         was not given"
    )]
    AuditCut { hash: String },
    /// A file of an audit log cannot be used.
    #[error("{}: {problem}: {mend}", path.display())]
    AuditFile { path: PathBuf, problem: String, mend: &'static str },
    /// A backup cannot be written, read or put back.
    #[error("{}: {problem}: {mend}", path.display())]
    Backup { path: PathBuf, problem: String, mend: &'static str },
    /// The operator's certificates, or the generated ones, cannot be used.
    #[error("{0}")]
    Certificate(#[from] TlsError),
    /// The keys of tokens cannot be used.
    #[error("{0}")]
    TokenKeys(#[from] TokenKeysError),
    /// A certificate cannot be shown.
    #[error("{}: {problem}: {mend}", path.display())]
    CertificateFile { path: PathBuf, problem: String, mend: &'static str },
    /// A setting is wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The data directory cannot be made, read or written.
    #[error(
        "the data directory {} cannot be used ({reason}): make it writable for this user, or \
         choose another with --data-dir",
        path.display()
    )]
    DataDir { path: PathBuf, reason: String },
    /// The database holds what cannot be.
    #[error("the database {database} cannot be used ({reason}): restore it from a backup")]
    DatabaseDamaged { database: String, reason: String },
    /// The database was written by a newer version.
    #[error(
        "the database {database} was migrated by a newer version of countersign (migration {found}, this \
         version knows up to {known}): start that version, or restore a backup from before it"
    )]
    DatabaseNewer { database: String, found: i64, known: i64 },
    /// The database server does not let us work there, and would not later either.
    #[error(
        "the database {database} refuses ({reason}): correct its URL, or what that user may do"
    )]
    DatabaseRefuses { database: String, reason: String },
    /// The database cannot be opened now.
    #[error("the database {database} cannot be opened now ({reason}): mend that and start again")]
    DatabaseUnavailable { database: String, reason: String },
    /// The target of an import holds what did not come from its source.
    #[error("nothing is imported into {database}: {reason}")]
    ForeignChanges { database: String, reason: String },
    /// An import was asked to stop.
    #[error("the import was stopped in good order: run it again to go on")]
    ImportStopped { number: u8 },
    /// Another server holds the data directory.
    #[error(
        "another countersign serve or signer uses the data directory {}: stop it, or give this one another \
         with --data-dir",
        path.display()
    )]
    InUse { path: PathBuf },
    /// A second signal came while requests were finishing.
    #[error("ended by a second {} without waiting for what was in flight", name)]
    Interrupted { name: &'static str, number: u8 },
    /// Keys do not open, so that they cannot be sealed anew.
    #[error(
        "{keys} keys do not open and stay as they are ({resealed} others were sealed anew): see what \
         is said of each, give their passphrases or restore them, and run it again, or with \
         --leave-unopened"
    )]
    KeysUnopened { keys: usize, resealed: u64 },
    /// Keys that roots name cannot be used.
    #[error(
        "{unwell} of {all} GUNs have keys that do not sign: restore or rotate them, see what is \
         said of each"
    )]
    KeysFail { unwell: u64, all: u64 },
    /// Keys were not let go of.
    #[error("{left} of {all} keys stay as they are: see what is said of each")]
    KeysKept { left: usize, all: usize },
    /// The token has keys that no row names.
    #[error(
        "the token has {count} keys of ours that no row names: see what is said of each; countersign keys \
         purge --leftover removes one"
    )]
    KeysLeftOver { count: usize },
    /// Where keys live cannot be reached.
    #[error("keys cannot be reached now ({reason}): mend that and give the same command again")]
    KeysUnavailable { reason: String },
    /// An import is done, but for some things.
    #[error(
        "{guns} GUNs and {rows} damaged rows were left out, {keys} keys cannot sign: see the report, \
         mend the source or give the passphrases, and run it again"
    )]
    LeftOut { guns: usize, keys: usize, rows: usize },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address} ({reason}): stop what uses it, or choose another with {setting}"
    )]
    Listen { address: std::net::SocketAddr, reason: io::Error, setting: &'static str },
    /// The token of the keys is configured without a PIN.
    #[error(
        "no PIN is given for the token {token:?}: name a file that holds it as pkcs11.pin_file, or \
         set COUNTERSIGN_PKCS11_PIN_FILE to one"
    )]
    NoPin { token: String },
    /// The rules do not allow what was asked about.
    #[error("not allowed: see what standard output says")]
    NotAllowed,
    /// Some keys could not be moved.
    #[error("{left} of {all} keys were not moved and are as they were: see what is said of each")]
    NotMoved { left: u64, all: u64 },
    /// What was restored is in place, and some of it could not be signed again.
    #[error(
        "{stuck} of {all} GUNs could not be signed again and are as they were when the backup was \
         taken: mend what is said of each, or have its owner publish again"
    )]
    NotSigned { stuck: u64, all: u64 },
    /// Standard output was closed.
    #[error("cannot write to standard output ({0}): do not close it early")]
    Output(io::Error),
    /// The passphrase of the keys is missing or cannot be kept.
    #[error("{}: {problem}: {mend}", path.display())]
    Passphrase { path: PathBuf, problem: String, mend: &'static str },
    /// Servers go on sealing new keys under another alias.
    #[error(
        "all is done, but these go on sealing new keys under another alias: {processes}: start them \
         with NOTARY_SIGNER_DEFAULT_ALIAS {alias} or without, and run it again with --alias {alias}"
    )]
    PassphraseClung { processes: String, alias: String },
    /// Servers lack the new passphrase.
    #[error("the new passphrase is not known to {processes}, and {state}: {mend}")]
    PassphraseLacking { processes: String, state: String, mend: String },
    /// The file of rules cannot be used.
    #[error("{0}")]
    Rules(#[from] RulesFileError),
    /// Several things are wrong, in the order in which serve would meet them.
    #[error("{} problems", _0.len())]
    Several(Vec<Failure>),
    /// The server stopped by itself.
    #[error("{0}")]
    Serve(#[from] ServeError),
    /// Nothing could be signed.
    #[error("nothing can be signed now ({reason}): mend that and give the same command again")]
    Signing { reason: String },
    /// The system refused something that every program needs.
    #[error("cannot {action} ({reason}): free memory, threads or file handles and start again")]
    System { action: &'static str, reason: String },
    /// What is stored is not as it should be.
    #[error("{unsound} of {all} GUNs are not sound: restore them, or see what is said of each")]
    Unsound { unsound: u64, all: u64 },
    /// The token of the keys cannot be used.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
    /// The file of users of the token service cannot be used.
    #[error("{0}")]
    Users(#[from] UsersFileError),
    /// The keys of one alias were sealed with another passphrase.
    #[error(
        "wrong passphrase: the keys of alias {alias:?} in {database} were sealed with another one: \
         give that one in {variable}, or in the file that {variable}_FILE names"
    )]
    WrongAliasPassphrase { database: String, alias: String, variable: String },
    /// The keys were sealed with another passphrase.
    #[error(
        "wrong passphrase: the keys in {database} were sealed with another one: give that one in \
         COUNTERSIGN_KEY_PASSPHRASE_FILE, or put the first secrets/key-passphrase back"
    )]
    WrongPassphrase { database: String },
}

/// Each exit code with its meaning, as help and documentation list them.
pub(crate) const EXIT_CODES: [(u8, &str); 23] = [
    (
        0,
        "done; for serve and signer: asked to stop by SIGTERM or SIGINT, and stopped in good order",
    ),
    (1, "anything that has no code of its own"),
    (2, "a flag, an environment variable or the configuration file is wrong"),
    (3, "the data directory cannot be made, read or written"),
    (4, "another server uses the data directory"),
    (5, "the passphrase of the keys is wrong, missing or cannot be kept"),
    (6, "the address cannot be listened on; often another program has the port"),
    (7, "a certificate or its key is missing, wrong, expired or does not fit"),
    (8, "the database was migrated by a newer version"),
    (9, "the database is damaged, or is not one of countersign's"),
    (10, "the database cannot be opened now"),
    (11, "a check of doctor failed"),
    (12, "the database refuses: a wrong user, password, name or certificate, or no right"),
    (13, "check found GUNs that are not sound, or import could not move or use all"),
    (14, "the target of an import holds changes that did not come from its source"),
    (15, "a backup cannot be written, is not whole, or has no room to be put back"),
    (16, "restore is done, but some GUNs could not be signed again"),
    (17, "audit verify found that an audit log is not whole"),
    (18, "a file of the audit log cannot be used, or another server writes it"),
    (19, "access explain was asked for something that the rules do not allow"),
    (20, "keys rotate-passphrase is not at its end: a server lacks it, or keys do not open"),
    (
        21,
        "keys verify found keys that do not sign or that no row names, or keys retire or purge left \
         some as they are",
    ),
    (22, "the token of the keys cannot be used: its module, its label or its PIN"),
];

impl Failure {
    /// What opening the store at `place` met.
    pub(crate) fn of_storage(error: StorageError, place: &Place) -> Self {
        let database = place.to_string();
        match (error, place) {
            (StorageError::Newer { found, known }, _) => {
                Self::DatabaseNewer { database, found, known }
            }
            (StorageError::Unavailable { reason }, _) => {
                Self::DatabaseUnavailable { database, reason }
            }
            (StorageError::Other(reason), Place::MySql(_) | Place::Postgres(_)) => {
                Self::DatabaseRefuses { database, reason }
            }
            (
                damaged @ (StorageError::Corrupt { .. }
                | StorageError::Other(_)
                | StorageError::Unstorable { .. }),
                _,
            ) => Self::DatabaseDamaged { database, reason: damaged.to_string() },
        }
    }

    /// What opening custody over the store at `place` met.
    pub(crate) fn of_custody(error: OpenError, place: &Place) -> Self {
        let database = place.to_string();
        match error {
            OpenError::WrongPassphrase { .. } => Self::WrongPassphrase { database },
            OpenError::WrongAliasPassphrase { alias, .. } if key_ring::is_ours(&alias) => {
                Self::WrongPassphrase { database }
            }
            OpenError::WrongAliasPassphrase { alias, variable } => {
                Self::WrongAliasPassphrase { database, alias, variable }
            }
            OpenError::Custody(CustodyError::Unavailable { reason }) => {
                Self::DatabaseUnavailable { database, reason }
            }
            OpenError::Custody(full @ CustodyError::TooManyPending { .. }) => {
                Self::DatabaseUnavailable { database, reason: full.to_string() }
            }
            OpenError::Custody(
                damaged @ (CustodyError::BadKey { .. }
                | CustodyError::Other(_)
                | CustodyError::UnstorableGun { .. }),
            ) => Self::DatabaseDamaged { database, reason: damaged.to_string() },
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Serve(_) | Self::Signing { .. } | Self::System { .. } => 1,
            Self::Config(_) | Self::Rules(_) | Self::Usage(_) | Self::Users(_) => 2,
            Self::DataDir { .. } => 3,
            Self::InUse { .. } => 4,
            Self::Passphrase { .. }
            | Self::WrongAliasPassphrase { .. }
            | Self::WrongPassphrase { .. } => 5,
            Self::Listen { .. } => 6,
            Self::Certificate(_) | Self::CertificateFile { .. } | Self::TokenKeys(_) => 7,
            Self::DatabaseNewer { .. } => 8,
            Self::DatabaseDamaged { .. } => 9,
            Self::DatabaseUnavailable { .. } | Self::KeysUnavailable { .. } => 10,
            Self::Ailing { .. } => 11,
            Self::DatabaseRefuses { .. } => 12,
            Self::LeftOut { .. } | Self::NotMoved { .. } | Self::Unsound { .. } => 13,
            Self::ForeignChanges { .. } => 14,
            Self::Backup { .. } => 15,
            Self::NotSigned { .. } => 16,
            Self::AuditBroken { .. } | Self::AuditCut { .. } => 17,
            Self::AuditFile { .. } => 18,
            Self::NotAllowed => 19,
            Self::KeysUnopened { .. }
            | Self::PassphraseClung { .. }
            | Self::PassphraseLacking { .. } => 20,
            Self::KeysFail { .. } | Self::KeysKept { .. } | Self::KeysLeftOver { .. } => 21,
            Self::NoPin { .. } | Self::Token(_) => 22,
            Self::Several(problems) => problems.first().map_or(1, Self::code),
            // The shell's convention for an end by a signal.
            Self::ImportStopped { number } | Self::Interrupted { number, .. } => {
                number.saturating_add(128)
            }
        }
    }
}

impl From<Unsound> for Failure {
    fn from(Unsound { path, problem }: Unsound) -> Self {
        Self::Backup { path, problem, mend: "use another backup" }
    }
}

/// Says on standard error what went wrong, if anything, and gives the exit code.
pub(crate) fn conclude(outcome: Result<(), Failure>) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    let problems = match &failure {
        Failure::Several(problems) => problems.as_slice(),
        one => std::slice::from_ref(one),
    };
    for problem in problems {
        // Causes come from systems and libraries; whatever they hold, each is one line.
        let line = problem.to_string().replace(|c: char| c.is_control(), " ");
        // When standard error is closed too, the exit code is all that can be said.
        writeln!(io::stderr(), "countersign: {line}").ok();
    }
    ExitCode::from(failure.code())
}

/// The exit codes as the foot of a help text.
pub(crate) fn help() -> String {
    let rows = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:>2}  {meaning}"));
    let signals =
        "\n  130, 143  ended at once by a second SIGINT or SIGTERM; an import by the first";
    format!("Exit codes:{}{signals}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_code() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exit-codes.md");
        let page = std::fs::read_to_string(page).unwrap();
        let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
        for (code, meaning) in EXIT_CODES {
            let row = format!("| {code} | {meaning} |");
            assert!(listed.iter().any(|line| line.starts_with(&row)), "{row}");
        }
    }
}

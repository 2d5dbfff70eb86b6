//! All settings, from their four sources.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::overrides::Overrides;
use crate::sections::access::Access;
use crate::sections::audit::Audit;
use crate::sections::caching::Caching;
use crate::sections::clock::Clock;
use crate::sections::database::Database;
use crate::sections::expiry::Expiry;
use crate::sections::keys::Keys;
use crate::sections::limits::Limits;
use crate::sections::log::Log;
use crate::sections::pkcs11::Pkcs11;
use crate::sections::repositories::Repositories;
use crate::sections::retention::Retention;
use crate::sections::server::Server;
use crate::sections::signer::Signer;
use crate::sections::signing::Signing;
use crate::sections::tls::Tls;
use crate::sections::tokens::Tokens;
use crate::{ConfigError, Effective};

/// All settings; one field per section of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Settings {
    /// Files, address, names.
    pub server: Server,
    /// The operator's own certificate.
    pub tls: Tls,
    /// Who may have what.
    pub access: Access,
    /// The built-in token service.
    pub tokens: Tokens,
    /// Which collections this server is for.
    pub repositories: Repositories,
    /// Where metadata and keys are kept.
    pub database: Database,
    /// Keys that the server makes and holds.
    pub keys: Keys,
    /// For whom the signer signs.
    pub signing: Signing,
    /// The signer that holds keys.
    pub signer: Signer,
    /// The token that may hold them.
    pub pkcs11: Pkcs11,
    /// What clients and proxies may keep.
    pub caching: Caching,
    /// What a client may ask of the server.
    pub limits: Limits,
    /// How long signatures are valid.
    pub expiry: Expiry,
    /// What is kept of the past.
    pub retention: Retention,
    /// A clock that went back.
    pub clock: Clock,
    /// The log.
    pub log: Log,
    /// The record of what was changed and refused.
    pub audit: Audit,
}

impl Settings {
    /// The settings that hold: `flags` over the environment over the file over the defaults.
    ///
    /// `variable` looks an environment variable up; an empty one counts as not set. The file is
    /// the one that `--config` or `COUNTERSIGN_CONFIG` names; without either there is none.
    ///
    /// # Errors
    /// When a source cannot be read or holds something that is not a setting.
    pub fn load(
        flags: &Overrides,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        Effective::load(flags, variable).map(|effective| effective.settings)
    }

    /// Takes the relative paths of a file from `base`, the directory that it is in.
    pub(crate) fn rebase(&mut self, base: &Path) {
        self.server.rebase(base);
        self.tls.rebase(base);
        self.access.rebase(base);
        self.tokens.rebase(base);
        self.database.rebase(base);
        self.signer.rebase(base);
        self.audit.rebase(base);
        self.pkcs11.rebase(base);
        let rebased = |path: PathBuf| base.join(path);
        self.keys.passphrase_file = self.keys.passphrase_file.take().map(rebased);
    }
}

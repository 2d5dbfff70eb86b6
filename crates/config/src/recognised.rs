//! For which of the two programs a file of settings is, by what is in it.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use toml::de::DeTable;

use crate::document::{has_notarys_extension, has_notarys_keys};
use crate::followed::is_of_server_alone;
use crate::overrides::config_file;
use crate::{ConfigError, Overrides, Program, notary};

impl Program {
    /// The program that the file of settings is for, which `flags` or the environment name: the
    /// signer where it is the configuration of Notary's signer, or ours with a section `[signing]` and
    /// none that a signer does not follow; otherwise the server.
    ///
    /// A file that cannot be read counts as a server's: loading it says what is wrong with it.
    ///
    /// # Errors
    /// When the environment does not say which file it is.
    pub fn recognised(
        flags: &Overrides,
        variable: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let environment = Overrides::from_environment(variable)?;
        let Some((named_by, path)) = config_file(flags, &environment) else {
            return Ok(Self::Server);
        };
        Ok(if is_signers(named_by, path) { Self::Signer } else { Self::Server })
    }
}

fn is_signers(named_by: &'static str, path: &Path) -> bool {
    if has_notarys_extension(path) {
        return notary::is_signers(named_by, path);
    }
    let Ok(text) = fs::read_to_string(path) else { return false };
    let Ok(table) = DeTable::parse(&text) else { return false };
    if has_notarys_keys(table.get_ref()) {
        return notary::is_signers(named_by, path);
    }
    let sections: Vec<&str> = table.get_ref().keys().map(|name| name.get_ref().as_ref()).collect();
    sections.contains(&"signing") && !sections.into_iter().any(is_of_server_alone)
}

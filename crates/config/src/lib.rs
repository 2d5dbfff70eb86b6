//! Settings from file, environment and flags.
//!
//! Flags win over environment variables, those over the file, and the file over the defaults.
//! The file is TOML; a key that it may not have is refused with the nearest one that it may.
//! Notary's own file is read too; [`NotaryConfig`] is what it says beside settings.
//!
//! Never in here: anything that acts on a setting.
//!
//! To add a key: a field in its section's file under [`sections`], with a doc comment (what it is,
//! unit, default, range) and a type that parses; its default in the same file; the crate that
//! obeys it gets it from the command in a settings type of its own. To add a section: a file with
//! one type, and a field of [`Settings`].

mod compared;
mod database_url;
mod debugging;
mod document;
mod effective;
mod error;
mod followed;
mod host_name;
mod import_source;
mod key_rules;
mod keys_url;
mod nearest;
mod notary;
mod number;
mod overrides;
mod program;
mod recognised;
mod secret;
pub mod sections;
mod settings;
mod signer_variables;
mod variables;

pub use compared::compared_database;
pub use database_url::DatabaseUrl;
pub use debugging::Debugging;
pub use effective::{Effective, Ignored, Listed, Origin};
pub use error::ConfigError;
pub use host_name::{HostName, NotAHostName};
pub use import_source::{ImportFlags, ImportSource};
pub use key_rules::{KeyHome, Rule as KeyRule};
pub use keys_url::{KeysUrl, NotAKeysUrl};
pub use notary::advice_on_variable as advice_on_notary_variable;
pub use notary::{Engine, NotaryConfig, NotarySigner, NotaryStorage};
pub use overrides::Overrides;
pub use program::Program;
pub use secret::from_file as read_secret_file;
pub use settings::Settings;
pub use signer_variables::{
    AliasPassphrase, SignerVariables, folded as folded_alias, names_an_alias,
};
pub use variables::advice as advice_on_variable;

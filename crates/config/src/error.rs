//! Why settings cannot be used: cause, then mend, in one line.
//!
//! Never in here: the value of a secret.

use std::path::PathBuf;

use thiserror::Error;

/// Why settings cannot be used. Every text is one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// `[access]` does not say enough.
    #[error("{cause}: {mend}")]
    AccessHalfSet {
        /// The setting, and what is wrong with it.
        cause: String,
        /// What to do.
        mend: String,
    },
    /// A value that its setting cannot have.
    #[error("{origin} = {value}: {mend}")]
    BadValue {
        /// Where it was written: a flag, an environment variable, or file, line, column and key.
        origin: String,
        /// The value as it was written.
        value: String,
        /// What is expected instead.
        mend: String,
    },
    /// Only one of certificate and key was given.
    #[error("{given} is set without {missing}: set both, or neither for a generated certificate")]
    HalfIdentity {
        /// The setting that was given.
        given: &'static str,
        /// The setting that was not.
        missing: &'static str,
    },
    /// Only one of certificate and key for the signer was given.
    #[error("{given} is set without {missing}: set both, or neither to show the signer none")]
    HalfShown {
        /// The setting that was given.
        given: &'static str,
        /// The setting that was not.
        missing: &'static str,
    },
    /// A setting about a signer, and there is none.
    #[error(
        "{key} is set, and there is no signer: name it (--signer, COUNTERSIGN_SIGNER or \
         signer.address), or take it out"
    )]
    NoSigner {
        /// The setting.
        key: &'static str,
    },
    /// A token of which not enough is said.
    #[error(
        "{given} is set without {missing}: a token needs its module and its label, or leave [pkcs11] \
         out"
    )]
    HalfToken {
        /// The setting that was given.
        given: &'static str,
        /// The setting that was not.
        missing: &'static str,
    },
    /// A setting about certificates of clients, who are asked for none.
    #[error(
        "{key} is set, and clients are asked for no certificate: name the authority that issues \
         theirs (--client-ca, COUNTERSIGN_CLIENT_CA or tls.client_ca), or take it out"
    )]
    NoClientAuthority {
        /// The setting.
        key: &'static str,
    },
    /// A section's name with something else than keys.
    #[error("{origin}: `{section}` is a section: write its keys below a line [{section}]")]
    NotASection {
        /// File, line and column.
        origin: String,
        /// The section.
        section: String,
    },
    /// A list that must have tables in it.
    #[error("{origin}: `{path}` is a list of tables: write their keys below a line [[{path}]]")]
    NotTables {
        /// File, line and column.
        origin: String,
        /// The list.
        path: String,
    },
    /// A file of JSON under a name that does not say so.
    #[error(
        "{}: the file is JSON: if it is Notary's, give it a name that ends in .json; \
         countersign's own is TOML", path.display()
    )]
    JsonByAnotherName {
        /// The file.
        path: PathBuf,
    },
    /// What Notary's file, or a variable over it, says cannot be obeyed.
    #[error("{origin}: {cause}: {mend}")]
    Notary {
        /// The file and the key, or the variable.
        origin: String,
        /// What is wrong, without a secret.
        cause: String,
        /// What to do.
        mend: String,
    },
    /// TLS is both turned off and configured.
    #[error(
        "plain HTTP (tls.plain_http, or Notary's file without server.tls_cert_file) goes with no \
         certificate and no authority of clients: set certificate and key for TLS, or take \
         these out"
    )]
    PlainHttpWithTls,
    /// A setting that a signer does not follow, and whose author may count on it.
    #[error("{key} does not hold for a signer: {mend}")]
    NotForSigner {
        /// The setting.
        key: &'static str,
        /// What to do.
        mend: &'static str,
    },
    /// The file is not TOML.
    #[error("{origin}: {problem}: mend the line; the file must be TOML")]
    NotToml {
        /// File, line and column.
        origin: String,
        /// What the parser said.
        problem: String,
    },
    /// What a signer cannot start without.
    #[error("a signer needs {missing}: set it")]
    SignerNeeds {
        /// What is missing, and why.
        missing: &'static str,
    },
    /// The token service without anybody to serve.
    #[error(
        "[tokens] is configured without users: name a file of them as tokens.users, or take the \
         section out"
    )]
    TokensWithoutUsers,
    /// A secret was given in two ways that could differ.
    #[error("{first} and {second} are both set: set one of them")]
    TwoSecrets {
        /// One way.
        first: String,
        /// The other way.
        second: String,
    },
    /// A file of settings or of a secret cannot be read.
    #[error("{} ({named_by}) cannot be read: {reason}: name a file that this user may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        named_by: &'static str,
        /// What the system said.
        reason: String,
    },
    /// A key that the file may not have.
    #[error("{origin}: unknown key `{key}`: {mend}")]
    UnknownKey {
        /// File, line and column.
        origin: String,
        /// The key with its section.
        key: String,
        /// The nearest right name, or the names there are.
        mend: String,
    },
    /// The settings hold something that cannot be written as text.
    #[error("the settings cannot be shown ({reason}): use paths that are UTF-8")]
    Unshowable {
        /// What is wrong.
        reason: String,
    },
    /// A secret that cannot be one.
    #[error("{origin} {problem}: {mend}")]
    UnusableSecret {
        /// The setting or file that holds it.
        origin: String,
        /// What is wrong with it, without its value.
        problem: &'static str,
        /// What to do.
        mend: &'static str,
    },
}

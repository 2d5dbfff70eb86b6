//! The flags of `countersign signer`.

use std::path::PathBuf;

use clap::Args;
use countersign_config::{DatabaseUrl, Overrides};

use crate::flags::{LogFlags, database_url};

/// What a signer needs to know. What flags do not say may be in the environment or in the file.
#[derive(Debug, Args)]
pub(super) struct SignerFlags {
    /// The file of settings, in TOML, or that of Notary's signer as it stands
    /// [env: COUNTERSIGN_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where database and secrets are kept; made when missing [default: ./countersign-data]
    /// [env: COUNTERSIGN_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7899]
    /// [env: COUNTERSIGN_LISTEN]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// The database of the keys: sqlite:PATH, postgres://USER@HOST/NAME or mysql://USER@HOST/NAME,
    /// without a password [default: countersign.db in the data directory]
    /// [env: COUNTERSIGN_DATABASE_URL, or COUNTERSIGN_DATABASE_URL_FILE for a file that holds it,
    /// each with a password]
    #[arg(long, value_name = "URL", value_parser = database_url)]
    database: Option<DatabaseUrl>,
    /// The signer's certificate chain in PEM [env: COUNTERSIGN_TLS_CERT]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate in PEM [env: COUNTERSIGN_TLS_KEY]
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The authorities in PEM whose certificates clients must show, or certificates of clients
    /// themselves [env: COUNTERSIGN_CLIENT_CA]
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
}

impl SignerFlags {
    /// What the flags say, for whoever reads the settings more than once.
    pub(super) fn overrides(self, log: LogFlags) -> Overrides {
        Overrides {
            config: self.config,
            data_dir: self.data_dir,
            listen: self.listen,
            database: self.database,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            client_ca: self.client_ca,
            ..log.overrides()
        }
    }
}

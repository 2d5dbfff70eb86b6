//! `[signing]`: for whom `countersign signer` signs.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::server::parse_listen;

/// The section `[signing]`. Only `countersign signer` looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Signing {
    /// The names of the clients that may ask for anything, as `tls.client_name` reads them in their
    /// certificates.
    ///
    /// Default: none, which means every client that shows a certificate that `tls.client_ca` lets
    /// in.
    #[serde(deserialize_with = "names")]
    pub clients: BTreeSet<String>,
    /// Whether a client must say for which GUN and role it wants a key, as a server of countersign
    /// does and Notary's does not.
    ///
    /// Default: false.
    pub require_gun: bool,
    /// The IP address and port where `GET /metrics` is answered over plain HTTP; port 0 takes a free
    /// one.
    ///
    /// Default: none, which means nowhere.
    #[serde(deserialize_with = "address")]
    pub metrics_listen: Option<SocketAddr>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    parse_listen(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    let names = BTreeSet::<String>::deserialize(deserializer)?;
    if names.contains("") {
        return Err(D::Error::custom("write the names of clients; an empty one names nobody"));
    }
    Ok(names)
}

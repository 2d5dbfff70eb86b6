//! `[server]`: where the server keeps its files, where it listens, what it is called.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::HostName;
use crate::number::{count, in_seconds, seconds};

/// The section `[server]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Server {
    /// The directory of the database, the secrets and the generated certificates.
    ///
    /// Default: `countersign-data` in the working directory.
    data_dir: Option<PathBuf>,
    /// The IP address and port to listen on; port 0 takes a free one.
    ///
    /// Default: `127.0.0.1:4443`.
    #[serde(deserialize_with = "listen_address")]
    pub listen: SocketAddr,
    /// More names by which clients reach the server: DNS names and IP addresses that the generated
    /// certificate shall hold.
    ///
    /// Default: none.
    pub hosts: Vec<HostName>,
    /// Whether the server only reads: publishes, deletions and new keys are answered 503, and nothing
    /// is signed again. For the time in which another takes over.
    ///
    /// Default: false.
    pub read_only: bool,
    /// How long the server goes on taking requests once it is asked to stop, while
    /// `/_countersign/ready` answers 503 already, so that a load balancer sends them elsewhere.
    ///
    /// Unit: seconds. Default: 0. Range: 0 to 3600.
    #[serde(
        rename = "handover_seconds",
        deserialize_with = "seconds::<_, 0, 3600>",
        serialize_with = "in_seconds"
    )]
    pub handover: Duration,
    /// How long requests in flight may take to finish once no new ones are taken.
    ///
    /// Unit: seconds. Default: 30. Range: 0 to 3600.
    #[serde(
        rename = "drain_seconds",
        deserialize_with = "seconds::<_, 0, 3600>",
        serialize_with = "in_seconds"
    )]
    pub drain: Duration,
    /// Through how many proxies requests come that add the address of whom they got a request from
    /// to `X-Forwarded-For`: the client's is that many entries from the right.
    ///
    /// Default: 0, which means that the header is not looked at. Range: 0 to 16.
    #[serde(deserialize_with = "count::<_, _, 0, 16>")]
    pub trusted_hops: usize,
}

impl Server {
    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new("countersign-data"))
    }

    /// Where a path of the file is taken from when it is relative.
    pub(crate) fn rebase(&mut self, base: &Path) {
        self.data_dir = self.data_dir.take().map(|path| base.join(path));
    }

    pub(crate) fn set_data_dir(&mut self, path: PathBuf) {
        self.data_dir = Some(path);
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            data_dir: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4443)),
            hosts: Vec::new(),
            read_only: false,
            handover: Duration::ZERO,
            drain: Duration::from_secs(30),
            trusted_hops: 0,
        }
    }
}

/// The address in `text`, or what to write instead.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(
        |_| "write an IP address and a port, such as 127.0.0.1:4443, 0.0.0.0:4443 or [::1]:4443",
    )
}

fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parse_listen(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

//! The certificates of a data directory: made on the first start, renewed on later ones.
//!
//! A file that this program did not make is never overwritten. Source: contract section 1.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rcgen::KeyPair;
use zeroize::Zeroizing;

use super::TlsError;
use super::files::{self, Secrecy};
use super::issue::{self, Authority, Bearer, Host, Leaf};
use super::validity::Stage;

/// The files of a data directory, ready for [`super::Identity::load`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFiles {
    /// The authority's certificate, which clients trust.
    pub ca_cert: PathBuf,
    /// The server's certificate.
    pub cert: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// What was done.
    pub action: Action,
}

/// What [`ensure`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: what is there is used as it is.
    Kept,
    /// A new authority and a certificate by it.
    Made,
    /// A new certificate by the authority that was there; clients notice nothing.
    Reissued,
}

/// Sees to it that `certs_dir` holds `ca.crt`, `server.crt` and `server.key`.
///
/// Made when nothing is there. Issued again by the same authority when the certificate is in the
/// last third of its life, when one of `hosts` (names or addresses) is not in it, or when it is
/// missing. Without `ca.key`, or with a certificate by another authority, what is there is used as
/// it is. The certificate also names localhost, 127.0.0.1, ::1 and the machine.
///
/// # Errors
/// [`TlsError`] when a file cannot be read or written, a host is no name, or some files are
/// missing that cannot be made without overwriting others.
pub fn ensure(
    certs_dir: &Path,
    hosts: &[String],
    now: DateTime<Utc>,
) -> Result<GeneratedFiles, TlsError> {
    let asked = parse_hosts(hosts)?;
    files::make_dir(certs_dir)?;
    let paths = Paths::below(certs_dir);
    let action = match paths.present()? {
        Present { ca_cert: false, ca_key: false, cert: false, key: false } => {
            make(&paths, new_key(&paths.ca_key)?, &asked, now)?
        }
        Present { ca_cert: false, ca_key: true, cert: false, key: false } => {
            make(&paths, issue::load_key(&paths.ca_key)?, &asked, now)?
        }
        Present { ca_cert: true, ca_key: true, cert: true, key: true } => {
            renew(&paths, &asked, now)?
        }
        Present { ca_cert: true, ca_key: true, .. } => complete(&paths, &asked, now)?,
        Present { ca_cert: true, ca_key: false, cert: true, key: true } => Action::Kept,
        present => {
            return Err(TlsError::Incomplete {
                dir: certs_dir.to_owned(),
                missing: present.first_missing(),
            });
        }
    };
    Ok(GeneratedFiles { ca_cert: paths.ca_cert, cert: paths.cert, key: paths.key, action })
}

struct Paths {
    ca_cert: PathBuf,
    ca_key: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

struct Present {
    ca_cert: bool,
    ca_key: bool,
    cert: bool,
    key: bool,
}

impl Paths {
    fn below(dir: &Path) -> Self {
        Self {
            ca_cert: dir.join("ca.crt"),
            ca_key: dir.join("ca.key"),
            cert: dir.join("server.crt"),
            key: dir.join("server.key"),
        }
    }

    fn present(&self) -> Result<Present, TlsError> {
        Ok(Present {
            ca_cert: files::is_there(&self.ca_cert)?,
            ca_key: files::is_there(&self.ca_key)?,
            cert: files::is_there(&self.cert)?,
            key: files::is_there(&self.key)?,
        })
    }
}

impl Present {
    fn first_missing(&self) -> &'static str {
        if !self.ca_cert {
            "ca.crt"
        } else if !self.cert {
            "server.crt"
        } else if !self.key {
            "server.key"
        } else {
            "ca.key"
        }
    }
}

/// Makes the authority of a key that is already written, and the server's pair.
///
/// The order of writing makes each state that a crash can leave one that a later start completes:
/// a certificate appears only after its key, the server's only after the authority's.
fn make(
    paths: &Paths,
    ca_key: KeyPair,
    asked: &BTreeSet<Host>,
    now: DateTime<Utc>,
) -> Result<Action, TlsError> {
    let (authority, pem) = Authority::make(ca_key, now)?;
    files::write(&paths.ca_cert, Secrecy::Public, pem.as_bytes())?;
    issue_leaf(paths, &authority, &new_key(&paths.key)?, asked, now)?;
    Ok(Action::Made)
}

/// Makes the server's pair where the authority is there and the pair is not whole.
fn complete(paths: &Paths, asked: &BTreeSet<Host>, now: DateTime<Utc>) -> Result<Action, TlsError> {
    let authority = Authority::load(&paths.ca_cert, &paths.ca_key)?;
    // A certificate without its key is of no use, and must not be seen beside a new key.
    files::remove(&paths.cert)?;
    issue_leaf(paths, &authority, &new_key(&paths.key)?, asked, now)?;
    Ok(Action::Reissued)
}

/// Issues the server's certificate again if that is due.
fn renew(paths: &Paths, asked: &BTreeSet<Host>, now: DateTime<Utc>) -> Result<Action, TlsError> {
    let leaf = Leaf::load(&paths.cert)?;
    if !is_due(&leaf, now) && asked.is_subset(&leaf.hosts()) {
        return Ok(Action::Kept);
    }
    let authority = Authority::load(&paths.ca_cert, &paths.ca_key)?;
    if !authority.issued(&leaf) {
        return Ok(Action::Kept);
    }
    // The key stays, so that one rename replaces certificate and all.
    issue_leaf(paths, &authority, &issue::load_key(&paths.key)?, asked, now)?;
    Ok(Action::Reissued)
}

/// Whether a certificate is to be issued again: in the last third of its life, or past it.
pub(super) fn is_due(leaf: &Leaf, now: DateTime<Utc>) -> bool {
    matches!(leaf.validity().stage(now), Stage::LastThird | Stage::Over)
}

/// A new key, written before anything is made of it.
pub(super) fn new_key(path: &Path) -> Result<KeyPair, TlsError> {
    let key = issue::make_key()?;
    let pem = Zeroizing::new(key.serialize_pem());
    files::write(path, Secrecy::Private, pem.as_bytes())?;
    Ok(key)
}

fn issue_leaf(
    paths: &Paths,
    authority: &Authority,
    key: &KeyPair,
    asked: &BTreeSet<Host>,
    now: DateTime<Utc>,
) -> Result<(), TlsError> {
    let hosts = asked.iter().cloned().chain(own_hosts()).collect();
    let pem = authority.issue(&Bearer::Server(hosts), key, now)?;
    files::write(&paths.cert, Secrecy::Public, pem.as_bytes())
}

fn parse_hosts(hosts: &[String]) -> Result<BTreeSet<Host>, TlsError> {
    hosts
        .iter()
        .map(|host| Host::parse(host).ok_or_else(|| TlsError::BadHost { host: host.clone() }))
        .collect()
}

/// This machine, as seen from itself and by the name it has.
fn own_hosts() -> impl Iterator<Item = Host> {
    let fixed = [
        Host::Name("localhost".to_owned()),
        Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Host::Address(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    // A machine without a readable name, or with one that no certificate can carry, has the rest.
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(|name| Host::parse(name.trim()));
    fixed.into_iter().chain(machine)
}

#[cfg(test)]
mod tests;

//! `countersign certs`: what clients must trust, and certificates made without a server.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use countersign_server::tls::generated::{self, Action, GeneratedFiles};
use countersign_server::tls::{
    ClientFiles, ClientName, RevokedClient, ensure_client, revoke_client,
};
use countersign_trust::{Clock as _, SystemClock};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Encode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::certificates::wanted_hosts;
use crate::data_dir::DataDir;
use crate::exit::Failure;
use crate::flags::SettingsFlags;
use crate::greeting::{Site, shell_word};

/// Make certificates, or look at them.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make certificates without starting a server.
    ///
    /// Makes what the first start of serve makes: an authority, and a certificate for the server;
    /// and for each --client a certificate with which that client gets past --client-ca. Without
    /// --out they go where serve looks for them.
    ///
    /// It can be run again: whole pairs are kept, and a certificate is issued again by the same
    /// authority when it is in the last third of its life or a --host is new. A certificate by
    /// another authority, or whose key is elsewhere, is never overwritten.
    #[command(after_help = "Examples:
  countersign certs make --host trust.example.com
  countersign certs make --out certs --host trust.example.com --client ci --client alice")]
    Make {
        #[command(flatten)]
        flags: SettingsFlags,
        /// The directory to make them in, instead of certs in the data directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Make NAME.crt and NAME.key, for a client; repeat it for more
        #[arg(long = "client", value_name = "NAME")]
        clients: Vec<ClientName>,
    },
    /// Revoke the certificates of clients.
    ///
    /// Puts the certificate NAME.crt of each client into ca.crl beside the authority, which is made
    /// when it is not there, and puts the pair aside under another name, so that certs make can make
    /// the client a new one. Name ca.crl in tls.client_crl: a running server sees it change within
    /// seconds. Certificates by another authority are revoked there, for instance with openssl ca.
    #[command(after_help = "Examples:
  countersign certs revoke ci
  countersign certs revoke --out certs ci alice")]
    Revoke {
        #[command(flatten)]
        flags: SettingsFlags,
        /// The directory of the authority, instead of certs in the data directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// The clients, as certs make --client named them
        #[arg(value_name = "NAME", required = true)]
        clients: Vec<ClientName>,
    },
    /// Show the certificates that serve uses, and where docker and notary want the authority's.
    ///
    /// Give it the same settings as serve. Nothing is made or changed.
    #[command(after_help = "Examples:
  countersign certs show
  countersign certs show --data-dir /var/lib/countersign --host trust.example.com")]
    Show {
        #[command(flatten)]
        flags: SettingsFlags,
    },
}

impl Certs {
    /// Runs the sub-command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let text = match self.command {
            Command::Make { flags, out, clients } => make(flags, out, &clients)?,
            Command::Revoke { flags, out, clients } => revoke(flags, out, &clients)?,
            Command::Show { flags } => show(flags)?,
        };
        io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
    }
}

fn make(
    flags: SettingsFlags,
    out: Option<PathBuf>,
    clients: &[ClientName],
) -> Result<String, Failure> {
    let settings = flags.settings()?;
    let hosts = wanted_hosts(&settings);
    let Some(out) = out else {
        if let Some(own) = settings.tls.own() {
            return Err(Failure::Usage(format!(
                "serve would use your own certificate {}: name another directory with --out, or \
                 leave out --tls-cert and --tls-key",
                own.cert.display()
            )));
        }
        let dir = DataDir::at(settings.server.data_dir())?;
        let _hold = dir.hold()?;
        return make_in(&dir.certs(), &hosts, clients);
    };
    let out = std::path::absolute(&out)
        .map_err(|error| failed(&out, error, "name a directory that can be made"))?;
    make_in(&out, &hosts, clients)
}

fn make_in(dir: &Path, hosts: &[String], clients: &[ClientName]) -> Result<String, Failure> {
    let now = SystemClock.now();
    let files = generated::ensure(dir, hosts, now)?;
    prove_named(&files, hosts)?;
    let (ca, action) = (files.ca_cert.display(), said(files.action));
    let mut text = format!("authority, for clients to trust: {ca}\n");
    text.push_str(&format!("server certificate, {action}: {}\n", files.cert.display()));
    for client in clients {
        let ClientFiles { cert, action, .. } = ensure_client(dir, client, now)?;
        let (name, action) = (client.as_str(), said(action));
        text.push_str(&format!("certificate of client {name}, {action}: {}\n", cert.display()));
    }
    text.push_str("Each key is beside its certificate, for this user only.\n");
    Ok(text)
}

fn revoke(
    flags: SettingsFlags,
    out: Option<PathBuf>,
    clients: &[ClientName],
) -> Result<String, Failure> {
    let dir = match out {
        Some(out) => std::path::absolute(&out)
            .map_err(|error| failed(&out, error, "name the directory of the authority"))?,
        None => DataDir::at(flags.settings()?.server.data_dir())?.certs(),
    };
    let now = SystemClock.now();
    let mut text = String::new();
    for client in clients {
        let RevokedClient { list, cert, revoked } = revoke_client(&dir, client, now)?;
        let (name, cert, list) = (client.as_str(), cert.display(), list.display());
        text.push_str(&format!("certificate of client {name}, revoked: {cert}\n"));
        text.push_str(&format!("in the list for tls.client_crl, of {revoked}: {list}\n"));
    }
    Ok(text)
}

/// Refuses a certificate that was kept, since it is not ours to issue again, and lacks a host.
fn prove_named(files: &GeneratedFiles, hosts: &[String]) -> Result<(), Failure> {
    let named = names(&load(&files.cert)?);
    let canonical = |host: &String| {
        host.parse::<IpAddr>().map_or_else(|_| host.to_lowercase(), |address| address.to_string())
    };
    match hosts.iter().find(|host| !named.contains(&canonical(host))) {
        None => Ok(()),
        Some(missing) => Err(failed(
            &files.cert,
            format!("does not name {missing} and cannot be issued again without its authority"),
            "choose another directory, or put its ca.crt and ca.key there",
        )),
    }
}

fn said(action: Action) -> &'static str {
    match action {
        Action::Kept => "kept",
        Action::Made => "new",
        Action::Reissued => "issued again",
    }
}

fn show(flags: SettingsFlags) -> Result<String, Failure> {
    let settings = flags.settings()?;
    let site = Site::new(settings.server.listen, &settings.server.hosts);
    let clients = match settings.tls.client_ca() {
        Some(path) => describe("authority of clients", path)? + "\n",
        None => String::new(),
    };
    if let Some(own) = settings.tls.own() {
        let server = describe("server certificate (your own)", own.cert)?;
        return Ok(format!("{server}\n{clients}{}", advice(&site, "CA-OF-YOUR-CERTIFICATE.crt")));
    }
    let certs = DataDir::at(settings.server.data_dir())?.certs();
    let ca = certs.join("ca.crt");
    let authority = describe("authority", &ca)?;
    let server = describe("server certificate", &certs.join("server.crt"))?;
    Ok(format!("{authority}\n{server}\n{clients}{}", advice(&site, &shell_word(&ca))))
}

fn advice(site: &Site, ca: &str) -> String {
    format!(
        "docker wants the authority's certificate here:\n  \
         mkdir -p ~/.docker/tls/{site}\n  cp {ca} ~/.docker/tls/{site}/ca.crt\n\
         notary wants it named:\n  notary -s https://{site} --tlscacert {ca} -d ~/.notary list GUN\n"
    )
}

fn describe(title: &str, path: &Path) -> Result<String, Failure> {
    let certificate = load(path)?;
    let signed = certificate.tbs_certificate();
    let validity = signed.validity();
    let mut text = format!("{title}: {}\n  subject  {}\n", path.display(), signed.subject());
    let names = names(&certificate);
    if !names.is_empty() {
        text.push_str(&format!("  names    {}\n", names.join(", ")));
    }
    text.push_str(&format!("  valid    {} to {}\n", validity.not_before, validity.not_after));
    text.push_str(&format!("  SHA-256  {}\n", fingerprint(&certificate, path)?));
    Ok(text)
}

/// The first certificate of the file.
fn load(path: &Path) -> Result<Certificate, Failure> {
    let pem = std::fs::read(path).map_err(|error| {
        failed(path, error, "start countersign serve once, or name its --data-dir")
    })?;
    let chain = Certificate::load_pem_chain(&pem)
        .map_err(|error| failed(path, error, "put a PEM certificate there"))?;
    let first = chain.into_iter().next();
    first.ok_or_else(|| failed(path, "holds no certificate", "put a PEM certificate there"))
}

fn names(certificate: &Certificate) -> Vec<String> {
    let found = certificate.tbs_certificate().get_extension::<SubjectAltName>();
    let Ok(Some((_, names))) = found else { return Vec::new() };
    names.0.iter().filter_map(name).collect()
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_lowercase()),
        GeneralName::IpAddress(raw) => match raw.as_bytes() {
            four if four.len() == 4 => <[u8; 4]>::try_from(four).ok().map(IpAddr::from),
            more => <[u8; 16]>::try_from(more).ok().map(IpAddr::from),
        }
        .map(|address| address.to_string()),
        _ => None,
    }
}

/// As `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(certificate: &Certificate, path: &Path) -> Result<String, Failure> {
    let der =
        certificate.to_der().map_err(|error| failed(path, error, "put a PEM certificate there"))?;
    let pairs: Vec<String> = Sha256::digest(&der).iter().map(|b| format!("{b:02X}")).collect();
    Ok(pairs.join(":"))
}

fn failed(path: &Path, problem: impl ToString, mend: &'static str) -> Failure {
    Failure::CertificateFile { path: PathBuf::from(path), problem: problem.to_string(), mend }
}

//! `countersign certs`: what clients must trust.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Encode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::data_dir::DataDir;
use crate::exit::Failure;
use crate::flags::SettingsFlags;
use crate::greeting::{Site, shell_word};

/// Look at the certificates.
#[derive(Debug, Args)]
#[command(arg_required_else_help = false)]
pub(crate) struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
        let Command::Show { flags } = self.command;
        let text = show(flags)?;
        io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
    }
}

fn show(flags: SettingsFlags) -> Result<String, Failure> {
    let settings = flags.settings()?;
    let site = Site::new(settings.server.listen, &settings.server.hosts);
    if let Some(own) = settings.tls.own() {
        let server = describe("server certificate (your own)", own.cert)?;
        return Ok(format!("{server}\n{}", advice(&site, "CA-OF-YOUR-CERTIFICATE.crt")));
    }
    let certs = DataDir::at(settings.server.data_dir())?.certs();
    let ca = certs.join("ca.crt");
    let authority = describe("authority", &ca)?;
    let server = describe("server certificate", &certs.join("server.crt"))?;
    Ok(format!("{authority}\n{server}\n{}", advice(&site, &shell_word(&ca))))
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
        GeneralName::DnsName(name) => Some(name.to_string()),
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

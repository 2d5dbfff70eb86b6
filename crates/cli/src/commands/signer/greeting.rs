//! What the operator reads on standard output once the signer listens: where it is, and what its
//! servers are told.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use countersign_config::Settings;

use crate::greeting::{Site, shell_word};

/// The start-up lines.
pub(super) struct Greeting<'a> {
    /// The address that is listened on, with the real port.
    pub(super) address: SocketAddr,
    /// The same where metrics are asked for, if anywhere.
    pub(super) metrics: Option<SocketAddr>,
    pub(super) settings: &'a Settings,
    /// The data directory.
    pub(super) data_dir: &'a Path,
    /// What is done otherwise than Notary's file says.
    pub(super) notes: &'a [String],
    /// What the operator must know before anything else; one line each.
    pub(super) warnings: &'a [String],
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = Site::new(self.address, &self.settings.server.hosts);
        writeln!(f, "Countersign {}, a signer for trust servers", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "listening on {site} (address {}), gRPC over TLS", self.address)?;
        if let Some(address) = self.metrics {
            writeln!(f, "metrics at http://{address}/metrics, for whoever gets there")?;
        }
        writeln!(f, "data in {}", self.data_dir.display())?;
        self.clients(f)?;
        for warning in self.warnings {
            writeln!(f, "WARNING: {warning}")?;
        }
        for note in self.notes {
            writeln!(f, "note: {note}")?;
        }
        let cert = self.settings.tls.own().map_or_else(
            || "CERTIFICATE-OF-THIS-SIGNER.crt".to_owned(),
            |own| shell_word(own.cert),
        );
        writeln!(f, "\nTo use it with countersign serve:")?;
        writeln!(f, "  countersign serve --signer {site} --signer-ca {cert} \\")?;
        writeln!(f, "    --signer-cert YOUR-SERVER.crt --signer-key YOUR-SERVER.key")?;
        writeln!(f, "\nTo use it with Notary's server, in its configuration:")?;
        let (host, port) = (site.host(), self.address.port());
        writeln!(
            f,
            "  \"trust_service\": {{ \"type\": \"remote\", \"hostname\": \"{host}\", \"port\": \"{port}\", \
             \"key_algorithm\": \"ecdsa\","
        )?;
        writeln!(
            f,
            "    \"tls_ca_file\": \"{cert}\", \"tls_client_cert\": \"YOUR-SERVER.crt\", \
             \"tls_client_key\": \"YOUR-SERVER.key\" }}"
        )?;
        writeln!(f, "(or the authority that issued {cert}, in place of the certificate itself)")
    }
}

impl Greeting<'_> {
    /// Whom it signs for.
    fn clients(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ca = self.settings.tls.client_ca().unwrap_or(Path::new("")).display();
        writeln!(f, "clients must show a certificate of {ca}, or by an authority there")?;
        let signing = &self.settings.signing;
        if signing.clients.is_empty() {
            writeln!(f, "whoever has one gets signatures; signing.clients narrows that")?;
        } else {
            let names: Vec<&str> = signing.clients.iter().map(String::as_str).collect();
            writeln!(f, "those named {} get signatures, nobody else", names.join(", "))?;
        }
        if signing.require_gun {
            writeln!(f, "they must say for which GUN and role (Notary's server does not)")?;
        }
        Ok(())
    }
}

//! What the operator reads on standard output once the server listens: where it is, and the lines
//! to paste for docker and notary.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use countersign_config::HostName;
use countersign_config::sections::tls::ClientCertificates;
use countersign_server::{LiveRules, Realm, TokenSettings};

use crate::token_desk::TokenDesk;
use crate::token_greeting::TokenGreeting;

/// Whom clients must trust.
#[derive(Debug)]
pub(crate) enum Authority {
    /// A generated one, whose certificate is in this file.
    Generated(PathBuf),
    /// Whoever issued the operator's own certificate, which is in this file.
    Own(PathBuf),
}

/// What stands for the server in a realm that depends on the request.
const HOST: &str = " (HOST is what they call this server, with its port)";

/// The start-up lines.
#[derive(Debug)]
pub(crate) struct Greeting<'a> {
    /// The address that is listened on, with the real port.
    pub(crate) address: SocketAddr,
    /// The names that the operator gave.
    pub(crate) hosts: &'a [HostName],
    /// The data directory.
    pub(crate) data_dir: &'a Path,
    /// Whom clients must trust; `None` for plain HTTP.
    pub(crate) authority: Option<&'a Authority>,
    /// Whose tokens are taken; `None` when none is asked for.
    pub(crate) wanted_tokens: Option<&'a TokenSettings>,
    /// The authorities whose certificates clients must show.
    pub(crate) client_ca: Option<&'a Path>,
    /// Whether they must show one.
    pub(crate) client_certificates: ClientCertificates,
    /// What narrows who may do what.
    pub(crate) rules: Option<&'a LiveRules>,
    /// What gives out tokens.
    pub(crate) tokens: Option<&'a TokenDesk>,
    /// What is done otherwise than Notary's file says.
    pub(crate) notes: &'a [String],
    /// What the operator must know before anything else; one line each.
    pub(crate) warnings: &'a [String],
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = Site::new(self.address, self.hosts);
        writeln!(f, "Countersign {}, a content trust server", env!("CARGO_PKG_VERSION"))?;
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        writeln!(f, "listening on {scheme}://{site} (address {})", self.address)?;
        writeln!(f, "data in {}", self.data_dir.display())?;
        self.access(f)?;
        for warning in self.warnings {
            writeln!(f, "WARNING: {warning}")?;
        }
        for note in self.notes {
            writeln!(f, "note: {note}")?;
        }
        let Some(authority) = self.authority else {
            self.plain_http(f)?;
            return self.tokens(f, "https://NAME-OF-YOUR-PROXY/token");
        };
        let ca = match authority {
            Authority::Generated(ca) => shell_word(ca),
            Authority::Own(cert) => {
                writeln!(f, "certificate in {}, your own", cert.display())?;
                "CA-OF-YOUR-CERTIFICATE.crt".to_owned()
            }
        };
        docker(f, &site, &ca, self.client_ca)?;
        notary(f, &site, &ca, self.client_ca)?;
        self.tokens(f, &format!("https://{site}/token"))
    }
}

impl Greeting<'_> {
    fn tokens(&self, f: &mut fmt::Formatter<'_>, realm: &str) -> fmt::Result {
        let Some(desk) = self.tokens else { return Ok(()) };
        let service = &desk.service();
        let realm = desk.realm().unwrap_or(realm);
        write!(f, "{}", TokenGreeting { service, cert: desk.cert(), realm })
    }

    /// Whether a certificate or the way to the server is not enough to do everything.
    fn is_closed(&self) -> bool {
        self.wanted_tokens.is_some() || self.rules.is_some()
    }

    fn plain_http(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all =
            if self.is_closed() { "" } else { " (whoever reaches it can publish and delete)" };
        writeln!(
            f,
            "WARNING: plain HTTP: whoever is on the way to this server can read and change what \
             is sent, and docker refuses it; put a proxy that ends TLS in front{all}, or configure \
             a certificate (in Notary's file server.tls_cert_file and server.tls_key_file)"
        )
    }

    /// Who can use the server.
    fn access(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = self.client_certificates == ClientCertificates::Required;
        if let Some(ca) = self.client_ca {
            let may = if required { "must" } else { "may" };
            let all = if required && !self.is_closed() {
                "; whoever has one can publish and delete"
            } else {
                ""
            };
            let ca = ca.display();
            writeln!(f, "clients {may} show a certificate by an authority in {ca}{all}")?;
        }
        if let Some(TokenSettings { realm, service, .. }) = self.wanted_tokens {
            let (realm, host) = match realm {
                Realm::Url(url) => (url.as_str(), ""),
                Realm::OwnService => ("https://HOST/token", HOST),
                Realm::ThisHost => ("https://HOST/auth/token", HOST),
            };
            writeln!(f, "clients need a token of {realm} for {service}{host}")?;
        }
        if let Some(rules) = self.rules {
            let (count, path) = (rules.count(), rules.path().display());
            writeln!(f, "the rules in {path} ({count}) say who may do what")?;
        }
        if self.is_closed()
            || (self.client_ca.is_some() && required)
            || self.address.ip().is_loopback()
        {
            return Ok(());
        }
        writeln!(
            f,
            "WARNING: other machines can reach {} and there is no authentication: whoever \
             reaches it can publish and delete; use a firewall, --client-ca, or --listen \
             127.0.0.1:{}",
            self.address,
            self.address.port()
        )
    }
}

/// Host and port as URLs and docker's directories name them.
#[derive(Debug)]
pub(crate) struct Site {
    host: String,
    port: u16,
}

impl Site {
    /// How clients reach `address`: by `localhost` where that is it, else by the first name that
    /// the operator gave, else by the address itself.
    pub(crate) fn new(address: SocketAddr, hosts: &[HostName]) -> Self {
        let ip = address.ip();
        let plain = hosts.iter().find(|host| !host.as_str().starts_with("*."));
        let host = match (certificate_address(address), plain) {
            (None, Some(host)) if !ip.is_loopback() => bracketed(host.as_str()),
            (None, _) => "localhost".to_owned(),
            (Some(_), Some(host)) if !ip.is_loopback() => bracketed(host.as_str()),
            (Some(address), _) => bracketed(&address),
        };
        Self { host, port: address.port() }
    }

    /// The host alone.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The address that a certificate must name so that clients can use it as the host; `None` where
/// every generated certificate names it anyway, or where it names no machine.
pub(crate) fn certificate_address(address: SocketAddr) -> Option<String> {
    let ip = address.ip().to_canonical();
    let usual = ip.is_unspecified() || matches!(ip.to_string().as_str(), "127.0.0.1" | "::1");
    (!usual).then(|| ip.to_string())
}

/// A path as one word of a shell command.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn docker(
    f: &mut fmt::Formatter<'_>,
    site: &Site,
    ca: &str,
    client_ca: Option<&Path>,
) -> fmt::Result {
    writeln!(f, "\nTo use it with docker:")?;
    writeln!(f, "  mkdir -p ~/.docker/tls/{site}")?;
    writeln!(f, "  cp {ca} ~/.docker/tls/{site}/ca.crt")?;
    if client_ca.is_some() {
        writeln!(f, "  cp YOUR-CLIENT.crt ~/.docker/tls/{site}/client.cert")?;
        writeln!(f, "  cp YOUR-CLIENT.key ~/.docker/tls/{site}/client.key")?;
    }
    writeln!(f, "  export DOCKER_CONTENT_TRUST=1")?;
    writeln!(f, "  export DOCKER_CONTENT_TRUST_SERVER=https://{site}")
}

fn notary(
    f: &mut fmt::Formatter<'_>,
    site: &Site,
    ca: &str,
    client_ca: Option<&Path>,
) -> fmt::Result {
    let pair = client_ca.map_or("", |_| " --tlscert YOUR-CLIENT.crt --tlskey YOUR-CLIENT.key");
    writeln!(f, "\nTo use it with notary:")?;
    writeln!(f, "  notary -s https://{site} --tlscacert {ca}{pair} -d ~/.notary list GUN")
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use countersign_server::GivenBy;

    use super::*;

    fn check(address: &str, hosts: &[&str], expected: &str) {
        let hosts: Vec<HostName> = hosts.iter().map(|host| host.parse().unwrap()).collect();
        let site = Site::new(address.parse().unwrap(), &hosts);
        assert_eq!(site.to_string(), expected, "{address} {hosts:?}");
    }

    #[test]
    fn loopback_is_called_localhost_whatever_the_names() {
        check("127.0.0.1:4443", &[], "localhost:4443");
        check("[::1]:4443", &["trust.example.com"], "localhost:4443");
    }

    #[test]
    fn an_open_server_is_called_by_its_first_name() {
        check("0.0.0.0:443", &["*.example.com", "trust.example.com", "b"], "trust.example.com:443");
        check("192.0.2.7:443", &["2001:db8::1"], "[2001:db8::1]:443");
        check("[::]:443", &[], "localhost:443");
    }

    #[test]
    fn an_address_without_a_name_is_called_by_itself_and_must_be_in_the_certificate() {
        check("192.0.2.7:443", &[], "192.0.2.7:443");
        check("127.0.0.2:443", &["trust.example.com"], "127.0.0.2:443");
        check("[2001:db8::1]:443", &[], "[2001:db8::1]:443");
        let named = |address: &str| certificate_address(address.parse().unwrap());
        assert_eq!(named("192.0.2.7:443").unwrap(), "192.0.2.7");
        for address in ["127.0.0.1:1", "[::1]:1", "0.0.0.0:1", "[::]:1"] {
            assert_eq!(named(address), None);
        }
    }

    /// The lines of a server that other machines reach over plain HTTP.
    fn open_to_others(wanted_tokens: Option<&TokenSettings>) -> String {
        let greeting = Greeting {
            address: "192.0.2.7:80".parse().unwrap(),
            hosts: &[],
            data_dir: Path::new("data"),
            authority: None,
            wanted_tokens,
            client_ca: None,
            client_certificates: ClientCertificates::Required,
            rules: None,
            tokens: None,
            notes: &[],
            warnings: &[],
        };
        greeting.to_string()
    }

    #[test]
    fn only_a_server_that_asks_nobody_who_he_is_warns_that_all_may_publish() {
        let all = "whoever reaches it can publish and delete";
        assert_eq!(open_to_others(None).matches(all).count(), 2);
        let realm = Realm::Url("https://auth.example/token".to_owned());
        let service = "notary".to_owned();
        let settings = TokenSettings {
            realm,
            given_by: GivenBy::Others,
            service,
            issuers: Vec::new(),
            cache_bytes: 0,
        };
        let said = open_to_others(Some(&settings));
        assert!(!said.contains(all) && said.contains("WARNING: plain HTTP: "), "{said}");
    }

    #[test]
    fn a_path_with_blanks_is_quoted_for_the_shell() {
        assert_eq!(shell_word(Path::new("/srv/data/ca.crt")), "/srv/data/ca.crt");
        assert_eq!(shell_word(Path::new("/my data/it's")), r"'/my data/it'\''s'");
    }
}

//! Where a database is: its URL, parsed once, with what is safe filled in.
//!
//! The password in it is never shown.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::super::tls_files::TlsFiles;
use crate::contract::{StorageError, StorageResult};

/// What names a file, by every name that the driver takes.
const TLS_FILES: &[&str] =
    &["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// What names the authorities.
const AUTHORITIES: &[&str] = &["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// The address of a PostgreSQL database. Shown without its password.
#[derive(Clone)]
pub struct PostgresAddress {
    options: Box<PgConnectOptions>,
    tls_files: TlsFiles,
}

impl PostgresAddress {
    /// Parses `postgres://user:password@host:port/database?sslmode=…`, as libpq reads it.
    ///
    /// Where `sslmode` is not given, a server on another machine must show a certificate for its
    /// name (`verify-full`) under the usual authorities, or under `sslrootcert`. Where authorities
    /// are named, `require` asks for a certificate under them (`verify-ca`): libpq does so, and
    /// the driver would take any certificate.
    ///
    /// # Errors
    /// [`StorageError::Other`] when it is no such URL; the URL is not repeated.
    pub fn parse(url: &str) -> StorageResult<Self> {
        let wrong =
            |reason: String| StorageError::Other(format!("the URL of the database: {reason}"));
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(wrong("it does not begin with postgres://".to_owned()));
        }
        let options = match PgConnectOptions::from_str(url) {
            Ok(options) => options,
            Err(sqlx::Error::Configuration(cause)) => return Err(wrong(cause.to_string())),
            Err(other) => return Err(wrong(other.to_string())),
        };
        let options = if names_tls_mode(url) || is_this_machine(&options) {
            options
        } else {
            options.ssl_mode(PgSslMode::VerifyFull)
        };
        let options = match options.get_ssl_mode() {
            PgSslMode::Require if names_any(url, AUTHORITIES) => {
                options.ssl_mode(PgSslMode::VerifyCa)
            }
            _ => options,
        };
        let options = options.application_name("countersign").disable_statement_logging();
        let tls_files = match options.get_ssl_mode() {
            PgSslMode::Allow | PgSslMode::Disable => TlsFiles::none(),
            _ => TlsFiles::of(url, TLS_FILES),
        };
        Ok(Self { options: Box::new(options), tls_files })
    }

    /// The same database, where every transaction may only read.
    pub(super) fn for_reading(&self) -> Self {
        let options = self.options().options([("default_transaction_read_only", "on")]);
        Self { options: Box::new(options), tls_files: self.tls_files.clone() }
    }

    /// How to connect.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.as_ref().clone()
    }

    /// The files that a connection needs.
    pub(super) fn tls_files(&self) -> &TlsFiles {
        &self.tls_files
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None => write!(f, "{}:{}", self.options.get_host(), self.options.get_port())?,
        }
        write!(f, "/{}", self.options.get_database().unwrap_or(self.options.get_username()))
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresAddress({self})")
    }
}

fn names_tls_mode(url: &str) -> bool {
    names_any(url, &["sslmode", "ssl-mode"])
}

/// Whether one of these parameters is in the URL.
fn names_any(url: &str, parameters: &[&str]) -> bool {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| parameters.contains(&&*name))
}

fn is_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", PostgresAddress::parse(url).unwrap().options().get_ssl_mode())
    }

    #[test]
    fn another_machine_must_show_its_certificate_unless_told() {
        assert_eq!(mode("postgres://u@db.example.com/notary"), "VerifyFull");
        assert_eq!(mode("postgres://u@10.0.0.7/notary?application_name=x"), "VerifyFull");
        assert_eq!(mode("postgres://u@db.example.com/notary?sslmode=require"), "Require");
        assert_eq!(mode("postgres://u@db.example.com/notary?a=b&sslmode=disable"), "Disable");
    }

    #[test]
    fn this_machine_is_spoken_to_as_libpq_would() {
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"] {
            assert_eq!(mode(&format!("postgres://u@{host}:5432/notary")), "Prefer", "{host}");
        }
        assert_eq!(mode("postgres://u@127.0.0.1/notary?sslmode=verify-full"), "VerifyFull");
    }

    #[test]
    fn who_names_authorities_and_requires_tls_has_the_certificate_checked() {
        let url = "postgres://u@db.example.com/notary?sslmode=require&sslrootcert=%2Fca.pem";
        assert_eq!(mode(url), "VerifyCa");
        assert_eq!(mode(&url.replace("require", "prefer")), "Prefer");
        assert_eq!(mode(&url.replace("require", "verify-full")), "VerifyFull");
    }

    #[test]
    fn another_scheme_is_refused() {
        for url in ["mysql://u@h/d", "postgres:/u@h/d", "host=h dbname=d", ""] {
            assert!(matches!(PostgresAddress::parse(url), Err(StorageError::Other(_))), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = PostgresAddress::parse("postgres://u:geheim@db.example.com/notary").unwrap();
        assert_eq!(address.to_string(), "db.example.com:5432/notary");
        assert!(!format!("{address:?}").contains("geheim"));
        let wrong = PostgresAddress::parse("postgres://u:geheim@h:port/notary").unwrap_err();
        assert!(!format!("{wrong:?} {wrong}").contains("geheim"), "{wrong}");
    }
}

//! Where a database is: its URL, parsed once, with what is safe filled in.
//!
//! The password in it is never shown.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::super::tls_files::TlsFiles;
use crate::contract::{StorageError, StorageResult};

/// What names a file, by every name that the driver takes.
const TLS_FILES: &[&str] = &["ssl-ca", "sslca", "ssl-cert", "sslcert", "ssl-key", "sslkey"];

/// The address of a MySQL or MariaDB database. Shown without its password.
#[derive(Clone)]
pub struct MySqlAddress {
    options: Box<MySqlConnectOptions>,
    tls_files: TlsFiles,
}

impl MySqlAddress {
    /// Parses `mysql://user:password@host:port/database?ssl-mode=…`.
    ///
    /// Where `ssl-mode` is not given, a server on another machine must show a certificate for its
    /// name (`VERIFY_IDENTITY`) under the usual authorities, or under `ssl-ca`.
    ///
    /// # Errors
    /// [`StorageError::Other`] when it is no such URL or names no database; the URL is not repeated.
    pub fn parse(url: &str) -> StorageResult<Self> {
        let wrong =
            |reason: String| StorageError::Other(format!("the URL of the database: {reason}"));
        if !url.starts_with("mysql://") {
            return Err(wrong("it does not begin with mysql://".to_owned()));
        }
        let options = match MySqlConnectOptions::from_str(url) {
            Ok(options) => options,
            Err(sqlx::Error::Configuration(cause)) => return Err(wrong(cause.to_string())),
            Err(other) => return Err(wrong(other.to_string())),
        };
        if options.get_database().is_none() {
            return Err(wrong("it names no database: mysql://user@host/database".to_owned()));
        }
        let options = if names_tls_mode(url) || is_this_machine(&options) {
            options
        } else {
            options.ssl_mode(MySqlSslMode::VerifyIdentity)
        };
        // Names are sent as they are, and times are read as UTC, whatever the URL says.
        let options = options.charset("utf8mb4").timezone(Some("+00:00".to_owned()));
        let tls_files = match options.get_ssl_mode() {
            MySqlSslMode::Disabled => TlsFiles::none(),
            _ => TlsFiles::of(url, TLS_FILES),
        };
        Ok(Self { options: Box::new(options.disable_statement_logging()), tls_files })
    }

    /// How to connect.
    pub(super) fn options(&self) -> MySqlConnectOptions {
        self.options.as_ref().clone()
    }

    /// The files that a connection needs.
    pub(super) fn tls_files(&self) -> &TlsFiles {
        &self.tls_files
    }
}

impl fmt::Display for MySqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.options.get_socket() {
            Some(socket) => write!(f, "{}", socket.display())?,
            None => write!(f, "{}:{}", self.options.get_host(), self.options.get_port())?,
        }
        write!(f, "/{}", self.options.get_database().unwrap_or_default())
    }
}

impl fmt::Debug for MySqlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MySqlAddress({self})")
    }
}

fn names_tls_mode(url: &str) -> bool {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    parameters.split('&').any(|pair| pair.starts_with("ssl-mode=") || pair.starts_with("sslmode="))
}

fn is_this_machine(options: &MySqlConnectOptions) -> bool {
    let host = options.get_host().trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", MySqlAddress::parse(url).unwrap().options().get_ssl_mode())
    }

    #[test]
    fn another_machine_must_show_its_certificate_unless_told() {
        assert_eq!(mode("mysql://u@db.example.com/notary"), "VerifyIdentity");
        assert_eq!(mode("mysql://u@10.0.0.7/notary?charset=latin1"), "VerifyIdentity");
        assert_eq!(mode("mysql://u@db.example.com/notary?ssl-mode=REQUIRED"), "Required");
        assert_eq!(mode("mysql://u@db.example.com/notary?a=b&ssl-mode=DISABLED"), "Disabled");
    }

    #[test]
    fn this_machine_is_spoken_to_as_the_usual_client_would() {
        for host in ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"] {
            assert_eq!(mode(&format!("mysql://u@{host}:3306/notary")), "Preferred", "{host}");
        }
        assert_eq!(mode("mysql://u@127.0.0.1/notary?ssl-mode=VERIFY_CA"), "VerifyCa");
        assert_eq!(mode("mysql://u@db/notary?socket=/run/mysqld/mysqld.sock"), "Preferred");
    }

    #[test]
    fn another_scheme_and_a_missing_database_are_refused() {
        for url in ["postgres://u@h/d", "mariadb://u@h/d", "u@tcp(h)/d", "mysql://u@h", ""] {
            assert!(matches!(MySqlAddress::parse(url), Err(StorageError::Other(_))), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = MySqlAddress::parse("mysql://u:geheim@db.example.com/notary").unwrap();
        assert_eq!(address.to_string(), "db.example.com:3306/notary");
        assert!(!format!("{address:?}").contains("geheim"));
        let wrong = MySqlAddress::parse("mysql://u:geheim@h:port/notary").unwrap_err();
        assert!(!format!("{wrong:?} {wrong}").contains("geheim"), "{wrong}");
    }
}

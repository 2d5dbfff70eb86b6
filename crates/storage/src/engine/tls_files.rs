//! The certificates and the key that the URL of a database names.
//!
//! A database that is away is waited for. A file that is not there would look the same, since both
//! are errors of input and output, so the files are looked at before anything is connected.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::contract::{StorageError, StorageResult};

/// What PEM begins with: such a value is the certificate itself, not the name of a file.
const PEM: &str = "-----BEGIN";

/// The files of a URL, each with the parameter that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles(Vec<(String, PathBuf)>);

impl TlsFiles {
    /// Those that `url` names by `parameters`.
    pub(super) fn of(url: &str, parameters: &[&str]) -> Self {
        let (url, _fragment) = url.split_once('#').unwrap_or((url, ""));
        let (_, query) = url.split_once('?').unwrap_or((url, ""));
        let files = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| parameters.contains(&&**name))
            .filter(|(_, value)| !value.trim_start().starts_with(PEM))
            .map(|(name, value)| (name.into_owned(), PathBuf::from(value.into_owned())));
        Self(files.collect())
    }

    /// None, for a link without TLS.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Fails when one cannot be read; `address` is the database's.
    ///
    /// # Errors
    /// [`StorageError::Other`] with the parameter and the file.
    pub(super) async fn refuse_unreadable(&self, address: &impl fmt::Display) -> StorageResult<()> {
        for (parameter, path) in &self.0 {
            readable(path).await.map_err(|error| {
                StorageError::Other(format!(
                    "{address}: {parameter} in the URL names {}, which cannot be read ({error}): \
                     correct the path, or let this user read the file",
                    path.display()
                ))
            })?;
        }
        Ok(())
    }
}

/// A directory can be opened too, but not read.
async fn readable(path: &Path) -> std::io::Result<()> {
    File::open(path).await?.read(&mut [0]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[&str] = &["sslrootcert", "sslkey"];

    fn files(url: &str) -> Vec<(String, PathBuf)> {
        TlsFiles::of(url, PARAMETERS).0
    }

    #[test]
    fn files_are_found_by_their_parameters_as_the_driver_decodes_them() {
        let url =
            "postgres://u:p@h/d?sslmode=require&sslrootcert=%2Fa+b%2Fca.pem&sslkey=k#sslkey=l";
        let expected = [("sslrootcert", "/a b/ca.pem"), ("sslkey", "k")];
        assert_eq!(files(url), expected.map(|(name, path)| (name.to_owned(), path.into())));
        assert_eq!(files("postgres://u:p@h/d?user=sslkey"), []);
        assert_eq!(files("postgres://u:p@h/sslkey=k"), []);
    }

    #[test]
    fn a_certificate_in_the_url_itself_is_no_file() {
        assert_eq!(files("postgres://h/d?sslrootcert=%0A-----BEGIN+CERTIFICATE-----%0A"), []);
    }

    #[tokio::test]
    async fn what_is_missing_or_no_file_is_refused_by_parameter_and_path() {
        let directory = tempfile::tempdir().unwrap();
        let there = directory.path().join("ca.pem");
        std::fs::write(&there, "").unwrap();
        let look = async |path: &Path| {
            let url = format!("postgres://h/d?sslrootcert={}", path.display());
            TlsFiles::of(&url, PARAMETERS).refuse_unreadable(&"h:5432/d").await
        };
        assert!(look(&there).await.is_ok());
        for path in [directory.path().join("missing.pem"), directory.path().to_owned()] {
            let Err(StorageError::Other(said)) = look(&path).await else { panic!("{path:?}") };
            let begin = format!("h:5432/d: sslrootcert in the URL names {}, which", path.display());
            assert!(said.starts_with(&begin) && !said.contains('\n'), "{said}");
        }
    }
}

//! Certificates of the kinds that registries and their token services use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_tests::peers::process::find;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::keys::{Key, der_in, succeeds};

/// What a certificate's BasicConstraints say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// `CA:TRUE`.
    Authority,
    /// `CA:FALSE`.
    Leaf,
    /// There are none, nor any other extension: X.509 v1.
    Old,
    /// These extensions, as `openssl` writes them.
    With(&'static str),
}

impl Standing {
    const fn extensions(self) -> Option<&'static str> {
        match self {
            Self::Authority => Some("basicConstraints=critical,CA:TRUE\n"),
            Self::Leaf => Some("basicConstraints=critical,CA:FALSE\n"),
            Self::Old => None,
            Self::With(extensions) => Some(extensions),
        }
    }
}

/// A certificate, in DER and in PEM; its file may be another's by now.
pub(crate) struct Certificate {
    der: Vec<u8>,
    pem: String,
}

impl Certificate {
    /// `key`'s own, signed by itself, for a month.
    pub(crate) fn own(folder: &Path, name: &str, key: &Key, standing: Standing) -> Result<Self> {
        let request = request(folder, name, key)?;
        Self::issue(folder, name, &request, standing, &["-signkey".as_ref(), key.file.as_ref()])
    }

    /// `key`'s, signed by an authority.
    pub(crate) fn under(
        folder: &Path,
        name: &str,
        key: &Key,
        standing: Standing,
        (authority, authority_key): (&Self, &Key),
    ) -> Result<Self> {
        let request = request(folder, name, key)?;
        let authority_file = folder.join(format!("{name}.issuer.crt"));
        fs::write(&authority_file, authority.pem())?;
        let issuer = [
            "-CA".as_ref(),
            authority_file.as_os_str(),
            "-CAkey".as_ref(),
            authority_key.file.as_os_str(),
            "-CAcreateserial".as_ref(),
        ];
        Self::issue(folder, name, &request, standing, &issuer)
    }

    /// `key`'s own, good for the whole of a year that is not now; for P-256.
    pub(crate) fn of_year(
        folder: &Path,
        name: &str,
        key: &Key,
        standing: Standing,
        year: i32,
    ) -> Result<Self> {
        let params = params(name, standing, year);
        let pair = KeyPair::from_pem(&fs::read_to_string(&key.file)?)?;
        Self::keep(folder, name, &params.self_signed(&pair)?.pem())
    }

    /// The same as a leaf, signed by the authority of this name with a P-256 key.
    pub(crate) fn of_year_under(
        folder: &Path,
        name: &str,
        key: &Key,
        year: i32,
        (authority, authority_key): (&str, &Key),
    ) -> Result<Self> {
        let pair = KeyPair::from_pem(&fs::read_to_string(&key.file)?)?;
        let issuing = KeyPair::from_pem(&fs::read_to_string(&authority_key.file)?)?;
        let issuer = Issuer::new(params(authority, Standing::Authority, year), issuing);
        let params = params(name, Standing::Leaf, year);
        Self::keep(folder, name, &params.signed_by(&pair, &issuer)?.pem())
    }

    /// As an element of `x5c`.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// As a block of a bundle.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    fn read(file: &Path) -> Result<Self> {
        Ok(Self { der: der_in(file)?, pem: fs::read_to_string(file)? })
    }

    fn keep(folder: &Path, name: &str, pem: &str) -> Result<Self> {
        let file = folder.join(format!("{name}.crt"));
        fs::write(&file, pem)?;
        Self::read(&file)
    }

    fn issue(
        folder: &Path,
        name: &str,
        request: &Path,
        standing: Standing,
        issuer: &[&std::ffi::OsStr],
    ) -> Result<Self> {
        let file = folder.join(format!("{name}.crt"));
        let mut command = Command::new(find("openssl", "openssl")?);
        command.args(["x509", "-req", "-days", "30", "-in"]).arg(request).args(issuer);
        if let Some(extensions) = standing.extensions() {
            let extensions_file = folder.join(format!("{name}.ext"));
            fs::write(&extensions_file, extensions)?;
            command.arg("-extfile").arg(extensions_file);
        }
        succeeds(command.arg("-out").arg(&file))?;
        Self::read(&file)
    }
}

fn params(name: &str, standing: Standing, year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) =
        (date_time_ymd(year, 1, 1), date_time_ymd(year + 1, 1, 1));
    params.is_ca = match standing {
        Standing::Authority => IsCa::Ca(BasicConstraints::Unconstrained),
        Standing::Leaf | Standing::Old | Standing::With(_) => IsCa::ExplicitNoCa,
    };
    params
}

fn request(folder: &Path, name: &str, key: &Key) -> Result<PathBuf> {
    let (file, settings) = (folder.join(format!("{name}.csr")), folder.join("openssl.cnf"));
    fs::write(&settings, "[req]\ndistinguished_name=dn\n[dn]\n")?;
    let mut command = Command::new(find("openssl", "openssl")?);
    command.args(["req", "-new", "-subj", &format!("/CN={name}"), "-config"]).arg(settings);
    succeeds(command.arg("-key").arg(&key.file).arg("-out").arg(&file))?;
    Ok(file)
}

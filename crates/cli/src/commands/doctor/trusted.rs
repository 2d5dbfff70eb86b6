//! Which authorities clients trust: where docker, notary and the system keep them.
//!
//! Source: the clients' documentation; docker adds the files to the system's roots, notary trusts
//! its file alone when it has one (observed).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::target::Target;

/// What of the environment the clients look at.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) docker_config: Option<PathBuf>,
    pub(super) home: Option<PathBuf>,
    pub(super) content_trust: Option<OsString>,
    pub(super) content_trust_server: Option<OsString>,
    pub(super) https_proxy: Option<OsString>,
}

impl Environment {
    pub(super) fn of_this_process() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            docker_config: set("DOCKER_CONFIG").map(PathBuf::from),
            home: set("HOME").map(PathBuf::from),
            content_trust: set("DOCKER_CONTENT_TRUST"),
            content_trust_server: set("DOCKER_CONTENT_TRUST_SERVER"),
            https_proxy: set("HTTPS_PROXY").or_else(|| set("https_proxy")),
        }
    }
}

/// Authorities from one place.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// Where they are, or where the client looks for them.
    pub(super) place: String,
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// Why some of what is there cannot be used.
    pub(super) broken: Option<String>,
}

impl Roots {
    /// The certificates in one PEM file.
    pub(super) fn of_file(path: &Path) -> Self {
        let place = path.display().to_string();
        match read(path) {
            Ok(certificates) => Self { place, certificates, broken: None },
            Err(why) => Self { place, certificates: Vec::new(), broken: Some(why) },
        }
    }

    /// Every `*.crt` in docker's directory for this server. `None`: no home directory.
    pub(super) fn of_docker(environment: &Environment, target: &Target) -> Option<Self> {
        let config = match &environment.docker_config {
            Some(config) => config.clone(),
            None => environment.home.as_ref()?.join(".docker"),
        };
        let dir = config.join("tls").join(&target.authority);
        let mut all = Self { place: dir.join("ca.crt").display().to_string(), ..Self::default() };
        let entries = dir.read_dir().into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "crt"))
            .collect();
        files.sort();
        for file in files {
            let one = Self::of_file(&file);
            all.place = one.place;
            all.certificates.extend(one.certificates);
            all.broken = one.broken.or(all.broken);
        }
        Some(all)
    }

    /// The file that notary's own configuration names for this server. `None`: it names none.
    pub(super) fn of_notary(environment: &Environment, target: &Target) -> Option<Self> {
        let dir = environment.home.as_ref()?.join(".notary");
        let text = std::fs::read(dir.join("config.json")).ok()?;
        let config: Value = serde_json::from_slice(&text).ok()?;
        let server = config.get("remote_server")?;
        let url = server.get("url").and_then(Value::as_str).unwrap_or(&target.url);
        if url.trim_end_matches('/') != target.url {
            return None;
        }
        Some(Self::of_file(&dir.join(server.get("root_ca")?.as_str()?)))
    }

    /// The system's authorities.
    pub(super) fn of_system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        Self {
            place: "the system's authorities".to_owned(),
            certificates: found.certs,
            broken: None,
        }
    }
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => Err("holds no PEM certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("holds no PEM certificate: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn target() -> Target {
        Target::parse("https://localhost:4443").unwrap().0
    }

    fn pem() -> String {
        rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn docker_reads_every_crt_file_of_the_servers_directory() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".docker/tls/localhost:4443");
        fs::create_dir_all(&dir).unwrap();
        let environment =
            Environment { home: Some(home.path().to_owned()), ..Environment::default() };
        let none = Roots::of_docker(&environment, &target()).unwrap();
        assert!(none.certificates.is_empty() && none.place.ends_with("localhost:4443/ca.crt"));
        for name in ["one.crt", "other.crt", "client.cert"] {
            fs::write(dir.join(name), pem()).unwrap();
        }
        let found = Roots::of_docker(&environment, &target()).unwrap();
        assert_eq!((found.certificates.len(), found.broken), (2, None));
        fs::write(dir.join("one.crt"), "no PEM").unwrap();
        assert!(Roots::of_docker(&environment, &target()).unwrap().broken.is_some());
    }

    #[test]
    fn docker_config_moves_the_directory() {
        let config = tempfile::tempdir().unwrap();
        let environment =
            Environment { docker_config: Some(config.path().to_owned()), ..Environment::default() };
        let place = Roots::of_docker(&environment, &target()).unwrap().place;
        assert_eq!(place, format!("{}/tls/localhost:4443/ca.crt", config.path().display()));
    }

    #[test]
    fn notarys_file_is_taken_from_its_directory_and_only_for_its_server() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".notary");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("root-ca.crt"), pem()).unwrap();
        let environment =
            Environment { home: Some(home.path().to_owned()), ..Environment::default() };
        assert!(Roots::of_notary(&environment, &target()).is_none());
        for (url, found) in [("https://localhost:4443", true), ("https://elsewhere", false)] {
            let config = format!(
                "{{\"remote_server\": {{\"url\": {url:?}, \"root_ca\": \"./root-ca.crt\"}}}}"
            );
            fs::write(dir.join("config.json"), config).unwrap();
            let roots = Roots::of_notary(&environment, &target());
            assert_eq!(roots.is_some_and(|roots| roots.certificates.len() == 1), found, "{url}");
        }
    }
}

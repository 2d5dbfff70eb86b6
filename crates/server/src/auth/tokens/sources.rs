//! The keys of one issuer, from its files and from its URL.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use countersign_access::token::{
    Audiences, BadBundle, BadJwks, CertificateBundle, Completeness, Issuer, Jwks, TrustedKeys,
};
use thiserror::Error;

use super::settings::IssuerSettings;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The keys of tokens cannot be read. Every text is one line for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenKeysError {
    /// A file cannot be read.
    #[error("{} (keys of tokens) cannot be read: {reason}: name a file that this user may read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A file is no bundle of certificates.
    #[error("{}: {cause}: name a PEM file with the certificates of the token service", path.display())]
    Bundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: BadBundle,
    },
    /// A file is no key set.
    #[error("{}: {cause}: name a file with a JSON Web Key Set", path.display())]
    Jwks {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: BadJwks,
    },
    /// Keys cannot be fetched.
    #[error("{url}: {cause}")]
    Fetch {
        /// The URL.
        url: String,
        /// What is wrong.
        cause: String,
    },
}

/// The keys of one issuer as they are now.
#[derive(Debug)]
pub(super) struct Source {
    settings: IssuerSettings,
    files: Files,
    fetched: Fetched,
    /// What is wrong with the files, if the present keys are old; said once.
    complaint: Option<TokenKeysError>,
}

/// What the files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    bundle: CertificateBundle,
    set: Option<Jwks>,
}

/// What the URL holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fetched {
    /// There is no URL.
    Unasked,
    /// It has not answered since `set`, if it ever has.
    Lacking { set: Option<Jwks> },
    /// It answered the last time.
    Good { set: Jwks },
}

/// What became of reading the files of an issuer again.
pub(super) enum Reread {
    /// They say what they said.
    Same,
    /// They hold other keys now.
    Changed,
    /// They cannot be used now; the keys in use stay.
    Broken(TokenKeysError),
    /// They could not be used the last time either, and that has been said.
    StillBroken,
}

impl Source {
    /// Reads the files.
    pub(super) fn read(settings: &IssuerSettings) -> Result<Self, TokenKeysError> {
        let fetched = match settings.jwks_url {
            None => Fetched::Unasked,
            Some(_) => Fetched::Lacking { set: None },
        };
        let files = Files::read(settings)?;
        Ok(Self { settings: settings.clone(), files, fetched, complaint: None })
    }

    /// Reads the files again.
    pub(super) fn reread(&mut self) -> Reread {
        match Files::read(&self.settings) {
            Ok(files) => {
                let mended = self.complaint.take().is_some();
                if files == self.files && !mended {
                    return Reread::Same;
                }
                self.files = files;
                Reread::Changed
            }
            Err(error) if self.complaint.as_ref() == Some(&error) => Reread::StillBroken,
            Err(error) => {
                self.complaint = Some(error.clone());
                Reread::Broken(error)
            }
        }
    }

    /// Takes over what the URL answered; `None`: it did not. Says whether that changes anything.
    pub(super) fn fetched(&mut self, answer: Option<Jwks>) -> bool {
        let before = self.fetched.clone();
        self.fetched = match (answer, before.clone()) {
            (Some(set), _) => Fetched::Good { set },
            (None, Fetched::Good { set }) => Fetched::Lacking { set: Some(set) },
            (None, same) => same,
        };
        self.fetched != before
    }

    /// The name of the issuer.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// How many keys are trusted.
    pub(super) fn key_count(&self) -> usize {
        let of_sets = |set: Option<&Jwks>| set.map_or(0, |set| set.keys().len());
        let files = self.files.bundle.keys().count();
        files.saturating_add(of_sets(self.files.set.as_ref())).saturating_add(of_sets(self.set()))
    }

    fn set(&self) -> Option<&Jwks> {
        match &self.fetched {
            Fetched::Unasked => None,
            Fetched::Lacking { set } => set.as_ref(),
            Fetched::Good { set } => Some(set),
        }
    }

    /// The issuer with its keys, for a verifier.
    pub(super) fn issuer(&self) -> Issuer {
        let completeness = match self.fetched {
            Fetched::Unasked | Fetched::Good { .. } => Completeness::Complete,
            Fetched::Lacking { .. } => Completeness::Lacking,
        };
        let bundle = self.files.bundle.clone();
        let keys = match &self.settings.audiences {
            Audiences::Notary(_) => TrustedKeys::notary(bundle),
            Audiences::AnyOf(_) => {
                let sets: Vec<&Jwks> = self.files.set.iter().chain(self.set()).collect();
                TrustedKeys::of(bundle, &sets, completeness)
            }
        };
        let (name, audiences) = (self.settings.name.clone(), self.settings.audiences.clone());
        Issuer { name, audiences, keys }
    }
}

impl Files {
    fn read(settings: &IssuerSettings) -> Result<Self, TokenKeysError> {
        let mut files = Self::default();
        if let Some(path) = &settings.root_cert_bundle {
            let text = contents(path)?;
            let bundle = match settings.audiences {
                Audiences::Notary(_) => CertificateBundle::parse_for_notary(&text),
                Audiences::AnyOf(_) => CertificateBundle::parse(&text),
            };
            files.bundle =
                bundle.map_err(|cause| TokenKeysError::Bundle { path: path.clone(), cause })?;
        }
        if let Some(path) = &settings.jwks_file {
            let set = Jwks::parse(&contents(path)?);
            let set = set.map_err(|cause| TokenKeysError::Jwks { path: path.clone(), cause })?;
            files.set = Some(set);
        }
        Ok(files)
    }
}

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, TokenKeysError> {
    let unreadable = |reason: String| TokenKeysError::Unreadable { path: path.to_owned(), reason };
    let file = fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut contents = Vec::new();
    let read = file.take(MAX_FILE_BYTES).read_to_end(&mut contents);
    let read = read.map_err(|error| unreadable(error.to_string()))?;
    if u64::try_from(read).is_ok_and(|read| read < MAX_FILE_BYTES) {
        return Ok(contents);
    }
    Err(unreadable(format!("it has {MAX_FILE_BYTES} bytes or more")))
}

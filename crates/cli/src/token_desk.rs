//! The built-in token service of a start: its files, and what is done to them while it serves.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use countersign_access::issue::{Audience, Names, TokenKey};
use countersign_access::token::Audiences;
use countersign_config::sections::tokens::Tokens;
use countersign_config::{ConfigError, Settings};
use countersign_server::tls::generated::Action;
use countersign_server::tls::{TlsError, TokenPair};
use countersign_server::{
    GivenBy, GuessLimits, IssuerSettings, Realm, TokenService, TokenServiceSettings, TokenSettings,
    UsersFile,
};
use countersign_trust::Clock;

use crate::data_dir::DataDir;
use crate::exit::Failure;

/// How long before its end a certificate is warned of that we do not issue again by ourselves.
const NOTICE: TimeDelta = TimeDelta::days(30);

/// The token service of a running server.
#[derive(Clone, Debug)]
pub(crate) struct TokenDesk {
    service: Arc<TokenService>,
    cert: PathBuf,
    /// Where clients ask, when the operator says so.
    realm: Option<String>,
}

impl TokenDesk {
    /// The token service that the settings want, if any. Its key is made on the first start; the
    /// caller holds `dir`.
    pub(crate) fn open(
        settings: &Settings,
        dir: &DataDir,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, Failure> {
        let Some(path) = &settings.tokens.users else { return Ok(None) };
        let service_settings = service_settings(settings)?;
        let (file, users) = UsersFile::load(path)?;
        let (key, cert) = load_key(&settings.tokens, dir, clock.now())?;
        let service = TokenService::new(service_settings, key, users, clock).following(file);
        // With other issuers, the realm is theirs.
        let realm = settings.access.realm.clone().filter(|_| settings.access.issuers.is_empty());
        Ok(Some(Self { service: Arc::new(service), cert, realm }))
    }

    /// What answers requests for tokens.
    pub(crate) fn service(&self) -> Arc<TokenService> {
        Arc::clone(&self.service)
    }

    /// Where clients ask, when the operator says so.
    pub(crate) fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The tokens that this server takes where no issuers are configured: its own.
    pub(crate) fn wanted(&self, settings: &Settings) -> TokenSettings {
        let service = own_service(settings).to_owned();
        TokenSettings {
            realm: match &self.realm {
                _ if settings.access.autoredirect => Realm::ThisHost,
                Some(url) => Realm::Url(url.clone()),
                None => Realm::OwnService,
            },
            given_by: GivenBy::ThisServer,
            issuers: vec![IssuerSettings {
                name: settings.tokens.issuer.clone(),
                audiences: Audiences::Notary(service.clone()),
                root_cert_bundle: Some(self.cert.clone()),
                jwks_file: None,
                jwks_url: None,
            }],
            cache_bytes: settings.access.token_cache_bytes,
            service,
        }
    }

    /// The certificate that registries must trust.
    pub(crate) fn cert(&self) -> &Path {
        &self.cert
    }

    /// Looks whether the users have changed.
    pub(crate) fn look(&self) {
        self.service.look();
    }

    /// Reads users and key again. What cannot be read stays as it was.
    pub(crate) fn reread(&self, tokens: &Tokens, dir: &DataDir, now: DateTime<Utc>) {
        self.service.reread();
        self.refresh_key(tokens, dir, now);
    }

    /// Reads the key again, after a look whether its certificate is to be issued again.
    pub(crate) fn refresh_key(&self, tokens: &Tokens, dir: &DataDir, now: DateTime<Utc>) {
        match load_key(tokens, dir, now) {
            Ok((key, _)) => self.service.replace_key(key),
            Err(error) => {
                tracing::error!(%error, "the token key cannot be read again; the one in use stays");
            }
        }
    }
}

/// What [`TokenDesk::open`] would meet; makes nothing.
pub(crate) fn look(settings: &Settings, dir: &DataDir, now: DateTime<Utc>) -> Vec<Failure> {
    let Some(path) = &settings.tokens.users else { return Vec::new() };
    let mut problems: Vec<Failure> = Vec::new();
    problems.extend(service_settings(settings).err().map(Failure::from));
    problems.extend(UsersFile::load(path).err().map(Failure::from));
    let pair = match settings.tokens.own_key() {
        Some(own) => TokenPair::given(own.cert, own.key),
        None => TokenPair::given(&dir.certs().join("token.crt"), &dir.certs().join("token.key")),
    };
    // Without a certificate, generated ones are made.
    if settings.tokens.own_key().is_some() || pair.cert.exists() {
        problems.extend(pair.load(now).err().map(Failure::from));
    }
    problems
}

/// The settings in the words of the crate that obeys them.
fn service_settings(settings: &Settings) -> Result<TokenServiceSettings, ConfigError> {
    let tokens = &settings.tokens;
    let own = own_service(settings);
    if tokens.services.iter().any(|registry| registry.name == own) {
        return Err(ConfigError::BadValue {
            origin: "tokens.services".to_owned(),
            value: own.to_owned(),
            mend: "this server's own service is called so: give the registry another name"
                .to_owned(),
        });
    }
    let span = |lifetime| TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::MAX);
    let positive = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    let checks = usize::try_from(tokens.password_checks).ok().and_then(NonZeroUsize::new);
    let own = Audience { name: own.to_owned(), names: Names::Guns };
    let registries = tokens.services.iter().map(|registry| {
        let prefix = registry.prefix.as_ref().map(ToString::to_string).unwrap_or_default();
        Audience { name: registry.name.clone(), names: Names::Images { prefix } }
    });
    Ok(TokenServiceSettings {
        issuer: tokens.issuer.clone(),
        audiences: std::iter::once(own).chain(registries).collect(),
        lifetime: span(tokens.lifetime),
        refresh_lifetime: span(tokens.refresh),
        password_checks: checks.unwrap_or(NonZeroUsize::MIN),
        guesses: GuessLimits {
            per_address: positive(tokens.guesses_per_address),
            per_user: positive(tokens.guesses_per_user),
            window: tokens.guess_window,
        },
    })
}

/// The name of this server as a service that tokens are for.
pub(crate) fn own_service(settings: &Settings) -> &str {
    settings.access.service.as_deref().unwrap_or("countersign")
}

/// The key of tokens, and the file of its certificate.
fn load_key(
    tokens: &Tokens,
    dir: &DataDir,
    now: DateTime<Utc>,
) -> Result<(TokenKey, PathBuf), TlsError> {
    let pair = match tokens.own_key() {
        Some(own) => TokenPair::given(own.cert, own.key),
        None => TokenPair::ensure(&dir.certs(), now)?,
    };
    let key = pair.load(now)?;
    let (cert, not_after) = (pair.cert.display(), key.not_after());
    if pair.action == Action::Reissued {
        let mend = "copy the file to the registries by a month before the first one's end";
        tracing::warn!(%cert, %not_after, mend, "the file has another certificate of the token key");
    } else if not_after - now < NOTICE {
        let mend = "renew it, copy it to the registries, then send SIGHUP";
        tracing::warn!(%cert, %not_after, mend, "the certificate of the token key ends soon");
    }
    Ok((key, pair.cert))
}

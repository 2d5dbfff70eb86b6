//! The built-in token service: checks passwords and gives out tokens.
//!
//! Never in here: HTTP; what a token looks like (`countersign-access`); what rules say.
//!
//! - `guesses` bounds how often somebody may be wrong.
//! - [`TokenService`] is shared by all requests; users and key can be replaced while it serves.

mod guesses;
mod settings;
mod users_file;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use countersign_access::issue::{AccessToken, Audience, Grant, RefreshToken, TokenFacts, TokenKey};
use countersign_access::users::{Password, PasswordHash, Users};
use countersign_trust::Clock;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::peer::Peer;
use guesses::Guesses;
pub use settings::{GuessLimits, TokenServiceSettings};
pub use users_file::{UsersFile, UsersFileError};

/// How long a login waits for others to be checked.
const LOGIN_PATIENCE: Duration = Duration::from_secs(10);

/// What gives out tokens.
pub struct TokenService {
    settings: TokenServiceSettings,
    clock: Arc<dyn Clock>,
    key: ArcSwap<TokenKey>,
    users: ArcSwap<Users>,
    users_file: Option<UsersFile>,
    checks: Arc<Semaphore>,
    guesses: Guesses,
    fits: Arc<Fits>,
}

type Fits = dyn Fn(&PasswordHash, &Password) -> bool + Send + Sync;

/// A user who has proved to be one.
#[derive(Clone, Debug)]
pub(crate) struct LoggedIn {
    pub(crate) name: String,
    hash: PasswordHash,
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginFault {
    /// Too many logins are being checked.
    Busy,
    /// The address or the name has been wrong too often.
    TooManyGuesses {
        /// Seconds until one more is looked at.
        wait: u64,
    },
    /// No such user, or not this password; nobody is told which.
    Wrong,
}

/// A token as it is given out.
pub(crate) struct Issued {
    pub(crate) token: AccessToken,
    pub(crate) at: DateTime<Utc>,
    pub(crate) lifetime_seconds: i64,
}

impl TokenService {
    /// A service for `users`, whose tokens `key` signs.
    #[must_use]
    pub fn new(
        settings: TokenServiceSettings,
        key: TokenKey,
        users: Users,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            checks: Arc::new(Semaphore::new(settings.password_checks.get())),
            guesses: Guesses::new(&settings.guesses),
            key: ArcSwap::from_pointee(key),
            users: ArcSwap::from_pointee(users),
            users_file: None,
            fits: Arc::new(PasswordHash::fits),
            settings,
            clock,
        }
    }

    /// The same, with users that follow `file`.
    #[must_use]
    pub fn following(mut self, file: UsersFile) -> Self {
        self.users_file = Some(file);
        self
    }

    /// The file that the users follow.
    #[must_use]
    pub fn users_file(&self) -> Option<&UsersFile> {
        self.users_file.as_ref()
    }

    /// Looks whether the users have changed; to be called every few seconds. Reads files.
    pub fn look(&self) {
        if let Some(users) = self.users_file.as_ref().and_then(UsersFile::look) {
            self.replace_users(users);
        }
    }

    /// Reads the users again, now.
    pub fn reread(&self) {
        if let Some(users) = self.users_file.as_ref().and_then(UsersFile::reread) {
            self.replace_users(users);
        }
    }

    /// How many users there are.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.load().count()
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &TokenServiceSettings {
        &self.settings
    }

    /// The same with passwords judged by `fits`, for tests that count.
    #[cfg(test)]
    pub(crate) fn judging_by(mut self, fits: Arc<Fits>) -> Self {
        self.fits = fits;
        self
    }

    /// From now on these are the users.
    pub fn replace_users(&self, users: Users) {
        self.users.store(Arc::new(users));
    }

    /// From now on tokens are signed by `key`. Refresh tokens by another one end.
    pub fn replace_key(&self, key: TokenKey) {
        self.key.store(Arc::new(key));
    }

    /// The service called `name`, if tokens are given out for it.
    pub(crate) fn audience(&self, name: &str) -> Option<&Audience> {
        self.settings.audiences.iter().find(|audience| audience.name == name)
    }

    /// The user called `name` with this password. Takes the same time whoever is named.
    pub(crate) async fn log_in(
        &self,
        name: String,
        password: Password,
        peer: &Peer,
    ) -> Result<LoggedIn, LoginFault> {
        // Spent before the password is looked at, so that many at once are no way around it.
        let guess = self.guesses.spend(peer.address, &name, Instant::now())?;
        let checked = self.check(name, password).await;
        if checked != Err(LoginFault::Wrong) {
            self.guesses.give_back(&guess);
        }
        checked
    }

    async fn check(&self, name: String, password: Password) -> Result<LoggedIn, LoginFault> {
        let permit = timeout(LOGIN_PATIENCE, Arc::clone(&self.checks).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(LoginFault::Busy) };
        let (users, fits) = (self.users.load_full(), Arc::clone(&self.fits));
        // A caller that goes away leaves the check running, and its permit taken until the end.
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let (name, hash) = users.check(&name, &password, &*fits)?;
            Some(LoggedIn { name: name.to_owned(), hash: hash.clone() })
        });
        checked.await.map_err(|_| LoginFault::Busy)?.ok_or(LoginFault::Wrong)
    }

    /// The user whose refresh token it is.
    pub(crate) fn refreshed(&self, token: &str) -> Option<LoggedIn> {
        let (key, users) = (self.key.load(), self.users.load());
        let (name, hash) =
            key.refresh().user(&self.settings.issuer, token, &users, self.clock.now())?;
        Some(LoggedIn { name: name.to_owned(), hash: hash.clone() })
    }

    /// A token that allows `grants`; `None` when the system gives no randomness.
    pub(crate) fn issue(
        &self,
        audience: &Audience,
        user: Option<&LoggedIn>,
        grants: &[Grant],
    ) -> Option<Issued> {
        let at = self.clock.now();
        let facts = TokenFacts {
            issuer: &self.settings.issuer,
            audience: &audience.name,
            user: user.map(|user| user.name.as_str()),
            grants,
            lifetime: self.settings.lifetime,
        };
        let token = AccessToken::issue(&self.key.load(), &facts, at)?;
        Some(Issued { token, at, lifetime_seconds: self.settings.lifetime.num_seconds() })
    }

    /// A token by which `user` needs no password for a while.
    pub(crate) fn issue_refresh(&self, user: &LoggedIn) -> RefreshToken {
        let end = self.clock.now() + self.settings.refresh_lifetime;
        self.key.load().refresh().issue(&self.settings.issuer, &user.name, &user.hash, end)
    }
}

impl PartialEq for LoggedIn {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.hash == other.hash
    }
}

impl std::fmt::Debug for TokenService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenService").field("settings", &self.settings).finish_non_exhaustive()
    }
}

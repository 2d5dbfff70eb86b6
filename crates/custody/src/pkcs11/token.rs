//! A token: logged in to once, used in a bounded number of sessions, and found again when it comes
//! back.
//!
//! Every call ends within its patience, even when the module never returns: the thread that waits
//! for it keeps its session, and no other one is started for it.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::error::TokenError;
use super::module::Module;
use super::session::OpenSession;

/// The shortest time between two restarts of the module, which cost every session.
const BETWEEN_RESTARTS: Duration = Duration::from_secs(3);

/// Held while a key is made, put in or removed.
static CHANGES: Mutex<()> = Mutex::new(());

/// The PIN of a token's user. Wiped when dropped; printing it gives no part of it.
pub struct Pin(SecretString);

impl Pin {
    /// A PIN; `None` when `text` is empty, which counts as not set.
    #[must_use]
    pub fn new(text: SecretString) -> Option<Self> {
        (!text.expose_secret().is_empty()).then_some(Self(text))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(secret)")
    }
}

/// Which token, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// The file of the PKCS#11 module.
    pub module: PathBuf,
    /// The label of the token.
    pub label: String,
    /// The most sessions at once, at least 1.
    pub sessions: u32,
    /// The longest time for one call, the wait for a session included.
    pub patience: Duration,
}

/// A token. Clones are the same token.
#[derive(Clone)]
pub struct Token {
    inner: Arc<Inner>,
}

struct Inner {
    label: String,
    module: Module,
    pin: Pin,
    sessions: u32,
    patience: Duration,
    /// One for each session that may be in use.
    permits: Arc<Semaphore>,
    /// Sessions that nobody uses now.
    idle: Mutex<Vec<OpenSession>>,
    /// Set once the token refused the PIN: it is not tried again.
    refusal: Mutex<Option<TokenError>>,
    /// How often the module was restarted.
    restarts: AtomicU64,
    restarted_at: Mutex<Option<Instant>>,
    /// Whether the last call found it away, so that it is said once.
    is_away: AtomicBool,
}

impl Token {
    /// Loads the module. The token is looked for when it is needed: [`Token::check`] tells whether
    /// it is there and lets us in.
    ///
    /// # Errors
    /// When the module cannot be loaded or does not start.
    pub async fn load(settings: TokenSettings, pin: Pin) -> Result<Self, TokenError> {
        let TokenSettings { module: path, label, sessions, patience } = settings;
        let module =
            within(patience, &label, async { spawn_blocking(move || Module::load(&path)).await });
        let module = module.await?;
        let sessions = sessions.max(1);
        let inner = Inner {
            label,
            module,
            pin,
            sessions,
            patience,
            permits: Arc::new(Semaphore::new(usize::try_from(sessions).unwrap_or(1))),
            idle: Mutex::default(),
            refusal: Mutex::default(),
            restarts: AtomicU64::new(0),
            restarted_at: Mutex::default(),
            is_away: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.inner.label
    }

    /// Whether the token is there. Nobody is logged in, so a wrong PIN is not noticed.
    ///
    /// # Errors
    /// When it is not.
    pub async fn look(&self) -> Result<(), TokenError> {
        let inner = Arc::clone(&self.inner);
        within(self.inner.patience, &self.inner.label, async {
            spawn_blocking(move || inner.module.slot_of(&inner.label).map(drop)).await
        })
        .await
    }

    /// Whether the token is there and lets us in.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check(&self) -> Result<(), TokenError> {
        self.call(|session| {
            let slot = session.raw().get_session_info().map(|info| info.slot_id());
            let slot = slot.map_err(|error| session.error(&error))?;
            let there = session.library().get_token_info(slot);
            there.map(drop).map_err(|error| session.error(&error))
        })
        .await
    }

    /// Does `work` in a session. Where the session, or the module, seems to have died, it is done
    /// once more in a new one.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl Fn(&mut OpenSession) -> Result<T, TokenError> + Send + Sync + 'static,
    ) -> Result<T, TokenError> {
        self.call_within(self.inner.patience, work).await
    }

    /// As [`Token::call`], with other patience.
    pub(super) async fn call_within<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl Fn(&mut OpenSession) -> Result<T, TokenError> + Send + Sync + 'static,
    ) -> Result<T, TokenError> {
        let done = self.call_twice(patience, Arc::new(work)).await;
        self.inner.note(done.as_ref().err());
        done
    }

    /// As [`Token::call`], for work that changes what is in the token. Only one such is under way in
    /// the process: not every module keeps several apart that make and remove keys at once.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&mut OpenSession) -> Result<T, TokenError> + Send + Sync + 'static,
    ) -> Result<T, TokenError> {
        self.call(move |session| {
            let _alone = lock(&CHANGES);
            work(session)
        })
        .await
    }

    async fn call_twice<T: Send + 'static>(
        &self,
        patience: Duration,
        work: Arc<impl Fn(&mut OpenSession) -> Result<T, TokenError> + Send + Sync + 'static>,
    ) -> Result<T, TokenError> {
        within(patience, &self.inner.label, async {
            let seen = self.inner.restarts.load(Ordering::SeqCst);
            let first = match self.attempt(Arc::clone(&work)).await? {
                Err(error) if error.may_pass_with_a_new_start() => error,
                other => return Ok(other),
            };
            match self.restart_module(seen).await? {
                Restart::Done => self.attempt(work).await,
                Restart::TooSoon => Ok(Err(first)),
                Restart::Failed(error) => Ok(Err(error)),
            }
        })
        .await
    }

    /// Does `work` in a session, in a new one if an older one has died.
    async fn attempt<T: Send + 'static>(
        &self,
        work: Arc<impl Fn(&mut OpenSession) -> Result<T, TokenError> + Send + Sync + 'static>,
    ) -> Done<T> {
        let inner = Arc::clone(&self.inner);
        // Never closed, so an error cannot be.
        let permit = Arc::clone(&inner.permits).acquire_owned().await.ok();
        spawn_blocking(move || {
            let done = inner.in_session(&*work);
            drop(permit);
            done
        })
        .await
    }

    /// Restarts the module, unless that was done since `seen` restarts, or a moment ago.
    async fn restart_module(&self, seen: u64) -> Result<Restart, tokio::task::JoinError> {
        let inner = Arc::clone(&self.inner);
        let all = Arc::clone(&inner.permits).acquire_many_owned(inner.sessions).await.ok();
        spawn_blocking(move || {
            let restart = inner.restart_module(seen);
            drop(all);
            restart
        })
        .await
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("label", &self.inner.label)
            .field("module", &self.inner.module)
            .field("sessions", &self.inner.sessions)
            .finish_non_exhaustive()
    }
}

/// What came of work on the blocking pool.
type Done<T> = Result<Result<T, TokenError>, tokio::task::JoinError>;

/// What came of restarting the module.
enum Restart {
    Done,
    Failed(TokenError),
    TooSoon,
}

async fn within<T>(
    patience: Duration,
    label: &str,
    work: impl Future<Output = Done<T>>,
) -> Result<T, TokenError> {
    let away = |reason: String| TokenError::Away { label: label.to_owned(), reason };
    match timeout(patience, work).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Err(away(format!("work in a session did not finish: {error}"))),
        Err(_) => Err(away(format!("no answer within {} ms", patience.as_millis()))),
    }
}

impl Inner {
    fn in_session<T>(
        &self,
        work: &impl Fn(&mut OpenSession) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let mut kept = lock(&self.idle).pop();
        if let Some(session) = kept.as_mut() {
            match work(session) {
                // The others have most likely died with it.
                Err(error) if error.may_pass_with_a_new_session() => lock(&self.idle).clear(),
                done => return self.settle(kept, done),
            }
        }
        drop(kept);
        let mut session = self.open()?;
        let done = work(&mut session);
        self.settle(Some(session), done)
    }

    /// Keeps a session whose work was done. After an error nobody knows what it is still busy with,
    /// and it ends here.
    fn settle<T>(
        &self,
        session: Option<OpenSession>,
        done: Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        if done.is_ok() {
            lock(&self.idle).extend(session);
        }
        done
    }

    fn open(&self) -> Result<OpenSession, TokenError> {
        let slot = self.module.slot_of(&self.label)?;
        let session = match self.module.library().open_rw_session(slot) {
            Err(Error::Pkcs11(RvError::TokenWriteProtected, _)) => {
                self.module.library().open_ro_session(slot)
            }
            other => other,
        };
        let session = session.map_err(|error| self.error(&error))?;
        self.log_in(slot, &session)?;
        Ok(OpenSession::new(&self.label, session, self.module.library().clone()))
    }

    /// Logs in, unless another session has: a login holds for the whole process.
    fn log_in(&self, slot: Slot, session: &Session) -> Result<(), TokenError> {
        // Held all the while, so that a wrong PIN is tried once and not once for each session.
        let mut refusal = lock(&self.refusal);
        if let Some(refusal) = refusal.as_ref() {
            return Err(refusal.clone());
        }
        let state = session.get_session_info().map_err(|error| self.error(&error))?.session_state();
        if matches!(state, SessionState::RoUser | SessionState::RwUser) {
            return Ok(());
        }
        let label = self.label.clone();
        let info = self.module.library().get_token_info(slot);
        let info = info.map_err(|error| self.error(&error))?;
        if info.user_pin_locked() {
            return Err(TokenError::PinLocked { label });
        }
        if info.user_pin_final_try() {
            return Err(TokenError::LastTry { label });
        }
        match session.login(UserType::User, Some(&self.pin.0)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => {
                let error = self.error(&error);
                if matches!(error, TokenError::PinRefused { .. }) {
                    *refusal = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    /// Nobody uses a session meanwhile.
    fn restart_module(&self, seen: u64) -> Restart {
        if self.restarts.load(Ordering::SeqCst) != seen {
            return Restart::Done;
        }
        let mut at = lock(&self.restarted_at);
        if at.is_some_and(|at| at.elapsed() < BETWEEN_RESTARTS) {
            return Restart::TooSoon;
        }
        *at = Some(Instant::now());
        self.restarts.fetch_add(1, Ordering::SeqCst);
        lock(&self.idle).clear();
        tracing::debug!(token = self.label, "its module is restarted");
        match self.module.restart() {
            Ok(()) => Restart::Done,
            Err(error) => Restart::Failed(error),
        }
    }

    /// Says that the token is away, or there again, once each.
    fn note(&self, error: Option<&TokenError>) {
        match error {
            Some(error) if error.may_pass_with_a_new_start() => {
                if !self.is_away.swap(true, Ordering::SeqCst) {
                    tracing::warn!(token = self.label, %error, "the token is away");
                }
            }
            Some(_) => {}
            None => {
                if self.is_away.swap(false, Ordering::SeqCst) {
                    tracing::info!(token = self.label, "the token is there again");
                }
            }
        }
    }

    fn error(&self, error: &Error) -> TokenError {
        TokenError::of(error, &self.label)
    }
}

/// No call leaves what is locked half changed, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! One start of the signer, from its files to its end.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::map_request;
use countersign_config::Settings;
use countersign_custody::StoredKeys;
use countersign_custody::sealed::Passphrases;
use countersign_server::tls::LiveTls;
use countersign_server::{Limits, Visitor, serve_plain_router, serve_router};
use countersign_signer::{CallLimits, Caller, Client, Clients, Signer, Terms, WithoutGun};
use countersign_trust::{Clock as _, SystemClock, Writes};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::greeting::Greeting;
use crate::commands::serve::{key_plan, sealed_settings, server_settings, system};
use crate::custody::{Following, OpenedForOthers, Opening};
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::Failure;
use crate::signals::{Stop, StopSignals, WishSignals};
use crate::upkeep::Upkeep;
use crate::{flags, hardening};

/// How long the database may take to close once no call needs it.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How many connections may ask for metrics at a time.
const METRICS_CONNECTIONS: usize = 64;

/// What is ready before the database is opened.
pub(super) struct Started {
    pub(super) settings: Settings,
    pub(super) notes: Vec<String>,
    pub(super) dir: DataDir,
    pub(super) databases: Databases,
    pub(super) listener: TcpListener,
    /// Where metrics are asked for, if anywhere.
    pub(super) metrics_listener: Option<TcpListener>,
    pub(super) tls: LiveTls,
}

/// What was reached.
struct Opened {
    stores: Stores,
    following: Following,
}

/// What ended the waiting.
enum End {
    Opened(Box<Result<Opened, Failure>>),
    Served(Result<(), Failure>),
    Signal(Stop),
}

impl Started {
    /// Signs until a signal asks to stop. While the database is away, calls are told so.
    pub(super) async fn sign(
        self,
        passphrases: Arc<Passphrases>,
        upkeep: Upkeep,
    ) -> Result<(), Failure> {
        let wishes = WishSignals::take().map_err(|error| system("take signals", &error))?;
        let mut signals = StopSignals::take().map_err(|error| system("take signals", &error))?;
        let signer = Arc::new(Signer::new(terms(&self.settings)));
        let (stop, stopped) = watch::channel(());
        let mut serving = Box::pin(self.serve(&signer, stopped)?);
        let mut beside = Box::pin(beside(Arc::clone(&signer), upkeep, wishes));
        let mut opening = Box::pin(self.open(&signer, &passphrases));
        let first = tokio::select! {
            opened = &mut opening => End::Opened(Box::new(opened)),
            ended = &mut serving => End::Served(ended),
            signal = signals.next() => End::Signal(signal),
            never = &mut beside => match never {},
        };
        drop(opening);
        let (opened, next) = match first {
            End::Opened(opened) => {
                let opened = Running::over((*opened)?);
                let next = tokio::select! {
                    ended = &mut serving => End::Served(ended),
                    signal = signals.next() => End::Signal(signal),
                    never = &mut beside => match never {},
                };
                (Some(opened), next)
            }
            other => (None, other),
        };
        match next {
            End::Signal(signal) => {
                let drain_seconds = self.settings.server.drain.as_secs();
                tracing::info!(signal = signal.name, drain_seconds, "stopping");
            }
            End::Served(ended) => return ended,
            End::Opened(_) => {}
        }
        signer.stop();
        drop(stop);
        tokio::select! {
            ended = &mut serving => ended?,
            signal = signals.next() => {
                return Err(Failure::Interrupted { name: signal.name, number: signal.number });
            }
        }
        if let Some(opened) = opened {
            opened.close().await;
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Answers calls until `stopped` completes.
    fn serve(
        &self,
        signer: &Arc<Signer>,
        stopped: watch::Receiver<()>,
    ) -> Result<impl Future<Output = Result<(), Failure>> + use<>, Failure> {
        let listener = self.listener.try_clone().map_err(|error| system("listen twice", &error))?;
        let metrics = self.serve_metrics(Arc::clone(signer), stopped.clone())?;
        let router = countersign_signer::router(Arc::clone(signer), CallLimits::default());
        let router: Router = router.layer(map_request(introduce));
        let (tls, drain) = (self.tls.clone(), self.settings.server.drain);
        let limits = server_settings(&self.settings).limits;
        Ok(async move {
            let serving =
                Box::pin(serve_router(listener, tls, router, &limits, end_of(stopped), drain));
            let (served, ()) = tokio::join!(serving, metrics);
            Ok(served?)
        })
    }

    /// Tells what was counted until `stopped` completes. Where that fails, signing goes on.
    fn serve_metrics(
        &self,
        signer: Arc<Signer>,
        stopped: watch::Receiver<()>,
    ) -> Result<impl Future<Output = ()> + use<>, Failure> {
        let listener = self.metrics_listener.as_ref().map(TcpListener::try_clone).transpose();
        let listener = listener.map_err(|error| system("listen twice", &error))?;
        let limits = Limits { connections: METRICS_CONNECTIONS, ..Limits::default() };
        let drain = self.settings.server.drain;
        Ok(async move {
            let Some(listener) = listener else { return };
            let router = countersign_signer::metrics_router(signer);
            let serving =
                Box::pin(serve_plain_router(listener, router, &limits, end_of(stopped), drain));
            if let Err(error) = serving.await {
                tracing::error!(%error, "metrics are not told any more");
            }
        })
    }

    /// Opens the database, tries the passphrases on what is in it, and gives the keys to `signer`.
    async fn open(
        &self,
        signer: &Signer,
        passphrases: &Arc<Passphrases>,
    ) -> Result<Opened, Failure> {
        let stores = self.databases.open().await?;
        let opening = Opening {
            stores: &stores,
            place: self.databases.keys(),
            settings: sealed_settings(&self.settings),
            plan: Arc::new(key_plan(&self.settings)),
            signer: None,
            pkcs11: &self.settings.pkcs11,
            passphrases,
        };
        let OpenedForOthers { keys, mut warnings, following } = opening.open_for_others().await?;
        warnings.extend(hardening::report());
        let now = Arc::new(|| SystemClock.now());
        signer.open(keys, Arc::new(StoredKeys::new(stores.key_upkeep(), now)));
        self.greet(&warnings)?;
        Ok(Opened { stores, following })
    }

    fn metrics_address(&self) -> Result<Option<SocketAddr>, Failure> {
        let address = self.metrics_listener.as_ref().map(TcpListener::local_addr).transpose();
        address.map_err(|error| system("read the address of metrics", &error))
    }

    /// Says where the signer is, on standard output and in the log.
    fn greet(&self, warnings: &[String]) -> Result<(), Failure> {
        let address =
            self.listener.local_addr().map_err(|error| system("read the address", &error))?;
        let greeting = Greeting {
            address,
            metrics: self.metrics_address()?,
            settings: &self.settings,
            data_dir: self.dir.path(),
            notes: &self.notes,
            warnings,
        };
        let mut stdout = io::stdout().lock();
        let said = write!(stdout, "{greeting}").and_then(|()| stdout.flush());
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(%address, version, data_dir = %self.dir.path().display(), "listening");
        for warning in warnings {
            tracing::error!("{warning}");
        }
        for note in &self.notes {
            tracing::warn!(note, "done otherwise than Notary's file says");
        }
        for (variable, advice) in flags::unknown_variables() {
            tracing::warn!(variable, advice, "an environment variable that is no setting");
        }
        if let Err(error) = said {
            tracing::warn!(%error, "the start-up lines could not be written to standard output");
        }
        Ok(())
    }
}

/// What was reached, and what runs over it.
struct Running {
    stores: Stores,
    end: oneshot::Sender<()>,
    following: JoinHandle<()>,
}

impl Running {
    fn over(Opened { stores, following }: Opened) -> Self {
        let (end, ended) = oneshot::channel::<()>();
        let following = tokio::spawn(following.run(Writes::Taken, async {
            // A sender that is gone means the end as well.
            ended.await.ok();
        }));
        Self { stores, end, following }
    }

    /// Leaves the database.
    async fn close(self) {
        drop(self.end);
        let leaving = async {
            if let Err(error) = self.following.await {
                tracing::error!(%error, "following passphrases ended in a panic");
            }
            self.stores.close().await;
        };
        if tokio::time::timeout(CLOSE_WITHIN, leaving).await.is_err() {
            tracing::warn!("the database did not close in time; it will recover at the next start");
        }
    }
}

/// Completes once the sender is gone.
async fn end_of(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

/// What runs beside answering.
async fn beside(signer: Arc<Signer>, upkeep: Upkeep, wishes: WishSignals) -> Infallible {
    let health = async {
        signer.keep_health().await;
    };
    tokio::join!(health, upkeep.run(wishes)).1
}

/// Who may ask, as the settings say.
fn terms(settings: &Settings) -> Terms {
    let signing = &settings.signing;
    let clients = match signing.clients.is_empty() {
        true => Clients::All,
        false => Clients::Named(signing.clients.clone()),
    };
    let without_gun = if signing.require_gun { WithoutGun::Refused } else { WithoutGun::Served };
    Terms { clients, without_gun }
}

/// Says whom a request comes from, in the signer's words.
async fn introduce(mut request: Request) -> Request {
    if let Some(Visitor { address, name }) = request.extensions_mut().remove() {
        let caller = match name {
            Ok(name) => Caller::LetIn(Client { name, address }),
            Err(why) => Caller::Refused(why),
        };
        request.extensions_mut().insert(caller);
    }
    request
}

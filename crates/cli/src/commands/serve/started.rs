//! One start of the server, from its files to its end.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use countersign_config::{Overrides, Program, Settings};
use countersign_custody::Custody;
use countersign_custody::remote::RemoteCustody;
use countersign_custody::sealed::Passphrases;
use countersign_server::{Access, Audit, Service, Stopping, Transport};
use countersign_trust::operate::{Rounds, UnusedKeyRounds};
use countersign_trust::{StorageLimits, SystemClock, Trust, Writes, follow_deletions};
use tokio::sync::{oneshot, watch};

use super::settings::{
    clears, key_plan, policy, sealed_settings, server_settings, stopping, storage_limits,
};
use super::system;
use crate::audit_log;
use crate::away::Away;
use crate::commands::gc;
use crate::custody::{Following, KnownSigner, Opened, Opening};
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::Failure;
use crate::flags;
use crate::greeting::{Authority, Greeting};
use crate::hardening;
use crate::logs::LevelSwitch;
use crate::old_keys::Keeping;
use crate::revocation::Revocation;
use crate::signals::{StopSignals, WishSignals};
use crate::token_desk::TokenDesk;
use crate::upkeep::Upkeep;

/// How long the database may take to close once no request needs it.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How long databases are waited for before requests are told that they are away, and how long
/// these answers may take to end once they are there.
const ANSWER_AFTER: Duration = Duration::from_secs(1);
/// What a start reaches.
struct Reached {
    stores: Stores,
    custody: Arc<dyn Custody>,
    signer: Option<Arc<RemoteCustody>>,
    warnings: Vec<String>,
    following: Following,
}

/// What is ready before the database is opened.
pub(super) struct Started {
    pub(super) flags: Overrides,
    pub(super) settings: Settings,
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) level: LevelSwitch,
    pub(super) dir: DataDir,
    pub(super) databases: Databases,
    /// The signer that holds keys, if there is one.
    pub(super) signer: Option<KnownSigner>,
    pub(super) listener: TcpListener,
    pub(super) transport: Transport,
    pub(super) revocation: Revocation,
    pub(super) authority: Option<Authority>,
    pub(super) access: Arc<Access>,
    pub(super) tokens: Option<TokenDesk>,
    pub(super) audit_log: Option<audit_log::Running>,
}

impl Started {
    /// Serves until a signal asks to stop.
    pub(super) async fn serve(mut self, passphrases: Arc<Passphrases>) -> Result<(), Failure> {
        // Before anything takes long: a signal that nobody has taken over ends the process.
        let wishes = WishSignals::take().map_err(|error| system("take signals", &error))?;
        let mut signals = StopSignals::take().map_err(|error| system("take signals", &error))?;
        let (stop, stopped) = watch::channel(());
        let stopped = move || {
            let mut stopped = stopped.clone();
            // A sender that is gone means stop.
            async move { while stopped.changed().await.is_ok() {} }
        };
        // Requests are judged while the database is away too.
        let keys = tokio::spawn(Arc::clone(&self.access).keep(stopped()));
        let Reached { stores, custody, signer, warnings, following } = tokio::select! {
            reached = self.reach_databases(&passphrases) => reached?,
            signal = signals.next() => {
                tracing::info!(signal = signal.name, "stopped before the database was there");
                return Ok(());
            }
        };
        self.warnings = warnings;
        self.warnings.extend(hardening::report());
        if self.settings.server.read_only {
            self.warnings.push(
                "read-only: publishes, deletions and new keys are answered 503, and nothing is \
                 signed again; start without --read-only to take over"
                    .to_owned(),
            );
        }
        let limits = StorageLimits::new(stores.usage(), storage_limits(&self.settings));
        let limits = Arc::new(limits);
        let trust = Arc::new(self.trust(&stores, custody).within(Arc::clone(&limits)));
        let writes = policy(&self.settings).writes;
        let keeping = Keeping::new(&trust, &stores, signer.clone(), writes);
        let mut beside = vec![
            ("keeping the keys of tokens", keys),
            ("signing ahead", tokio::spawn(keeping.run(stopped.clone()))),
            ("following deletions", tokio::spawn(follow_deletions(Arc::clone(&trust), stopped()))),
            ("following passphrases", tokio::spawn(following.run(writes, stopped()))),
        ];
        if writes == Writes::Taken {
            beside.push(("counting", tokio::spawn(limits.keep_counted(stopped()))));
        }
        if let Some(rounds) = self.clearing(&stores) {
            beside.push(("clearing", tokio::spawn(rounds.run(stopped()))));
        }
        let outcome = self.answer(trust, signer, wishes, signals).await;
        drop(stop);
        if matches!(outcome, Err(Failure::Interrupted { .. })) {
            return outcome;
        }
        for (task, ending) in beside {
            if let Err(error) = ending.await {
                tracing::error!(%error, task, "what runs beside the server ended in a panic");
            }
        }
        if tokio::time::timeout(CLOSE_WITHIN, stores.close()).await.is_err() {
            tracing::warn!("the database did not close in time; it will recover at the next start");
        }
        outcome
    }

    fn audit(&self) -> Option<Arc<Audit>> {
        self.audit_log.as_ref().map(|running| Arc::clone(&running.audit))
    }

    /// The service over what was reached.
    fn trust(&self, stores: &Stores, custody: Arc<dyn Custody>) -> Trust {
        let clock = Arc::new(SystemClock);
        Trust::new(stores.metadata(), custody, clock, policy(&self.settings))
    }

    /// What clears the database of what is old, where that is asked for.
    fn clearing(&self, stores: &Stores) -> Option<Rounds> {
        let retention = &self.settings.retention;
        if !clears(&self.settings) {
            return None;
        }
        Some(Rounds {
            inventory: stores.inventory(),
            retention: stores.retention(),
            clock: Arc::new(SystemClock),
            plan: gc::plan(retention),
            interval: retention.interval,
            unused_keys: gc::pending_for(&self.settings.keys).map(|waited_for| UnusedKeyRounds {
                keys: stores.keys(),
                upkeep: stores.key_upkeep(),
                waited_for,
            }),
        })
    }

    /// Opens the databases; while they are away, requests are answered and told so.
    async fn reach_databases(&self, passphrases: &Arc<Passphrases>) -> Result<Reached, Failure> {
        let (reached, until_reached) = oneshot::channel::<()>();
        let mut answering = Box::pin(self.answer_that_they_are_away(until_reached));
        tokio::select! {
            opened = self.open(passphrases) => {
                drop(reached);
                answering.await?;
                opened
            }
            ended = &mut answering => {
                ended?;
                self.open(passphrases).await
            }
        }
    }

    /// Opens the databases and tries the passphrases on what is in them.
    async fn open(&self, passphrases: &Arc<Passphrases>) -> Result<Reached, Failure> {
        let stores = self.databases.open().await?;
        let opening = Opening {
            stores: &stores,
            place: self.databases.keys(),
            settings: sealed_settings(&self.settings),
            plan: Arc::new(key_plan(&self.settings)),
            signer: self.signer.as_ref(),
            pkcs11: &self.settings.pkcs11,
            passphrases,
        };
        let Opened { custody, signer, warnings, following, .. } = opening.open().await?;
        Ok(Reached { stores, custody, signer, warnings, following })
    }

    async fn answer_that_they_are_away(
        &self,
        mut until_reached: oneshot::Receiver<()>,
    ) -> Result<(), Failure> {
        tokio::select! {
            // A sender that is gone means that they are there.
            _ = &mut until_reached => return Ok(()),
            () = tokio::time::sleep(ANSWER_AFTER) => {}
        }
        let failed = |error| system("listen twice", &error);
        let listener = self.listener.try_clone().map_err(failed)?;
        let clock = Arc::new(SystemClock);
        let trust = Trust::new(Arc::new(Away), Arc::new(Away), clock, policy(&self.settings));
        let shutdown = async {
            until_reached.await.ok();
        };
        let serving = countersign_server::serve(
            listener,
            self.transport.clone(),
            Service {
                trust: Arc::new(trust),
                access: Arc::clone(&self.access),
                token_service: self.tokens.as_ref().map(TokenDesk::service),
                audit: self.audit(),
            },
            server_settings(&self.settings),
            shutdown,
            Stopping { handover: Duration::ZERO, drain: ANSWER_AFTER },
        );
        Ok(Box::pin(serving).await?)
    }

    async fn answer(
        self,
        trust: Arc<Trust>,
        signer: Option<Arc<RemoteCustody>>,
        wishes: WishSignals,
        mut signals: StopSignals,
    ) -> Result<(), Failure> {
        self.greet()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A sender that is gone means stop as well.
            stopped.await.ok();
        };
        let stopping = stopping(&self.settings);
        let access = self.access;
        let (audit, writer) =
            (self.audit_log.map(|running| (running.audit, running.writer))).unzip();
        let mut serving = Box::pin(countersign_server::serve(
            self.listener,
            self.transport.clone(),
            Service {
                trust,
                access: Arc::clone(&access),
                token_service: self.tokens.as_ref().map(TokenDesk::service),
                audit,
            },
            server_settings(&self.settings),
            shutdown,
            stopping,
        ));
        let upkeep = Upkeep {
            program: Program::Server,
            flags: self.flags,
            revocation: self.revocation,
            signer,
            settings: self.settings,
            dir: self.dir,
            transport: self.transport,
            access,
            tokens: self.tokens,
            audit: writer,
            level: self.level,
            clock: Arc::new(SystemClock),
        };
        let first = tokio::select! {
            ended = &mut serving => return Ok(ended?),
            signal = signals.next() => signal,
            never = upkeep.run(wishes) => match never {},
        };
        tracing::info!(
            signal = first.name,
            handover_seconds = stopping.handover.as_secs(),
            drain_seconds = stopping.drain.as_secs(),
            "stopping"
        );
        drop(stop);
        tokio::select! {
            ended = &mut serving => ended?,
            signal = signals.next() => {
                return Err(Failure::Interrupted { name: signal.name, number: signal.number });
            }
        }
        tracing::info!("stopped");
        Ok(())
    }

    /// Says where the server is, on standard output and in the log.
    fn greet(&self) -> Result<(), Failure> {
        let address =
            self.listener.local_addr().map_err(|error| system("read the address", &error))?;
        let greeting = Greeting {
            address,
            hosts: &self.settings.server.hosts,
            data_dir: self.dir.path(),
            authority: self.authority.as_ref(),
            wanted_tokens: self.access.tokens().map(|tokens| tokens.settings()),
            client_ca: self.settings.tls.client_ca(),
            client_certificates: self.settings.tls.client_certificates,
            rules: self.access.rules(),
            tokens: self.tokens.as_ref(),
            notes: &self.notes,
            warnings: &self.warnings,
        };
        let mut stdout = io::stdout().lock();
        let said = write!(stdout, "{greeting}").and_then(|()| stdout.flush());
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(%address, version, data_dir = %self.dir.path().display(), "listening");
        if let Some(signer) = &self.settings.signer.address {
            tracing::info!(%signer, "new keys are made, and used, at a signer");
        }
        if self.settings.clock.allow_backwards {
            tracing::warn!("clock.allow_backwards is set: a clock that goes back is believed");
        }
        if self.settings.tls.plain_http {
            tracing::warn!("plain HTTP: nothing that is sent is encrypted");
        }
        for warning in &self.warnings {
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

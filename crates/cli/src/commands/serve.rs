//! `countersign serve`: the server.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use countersign_config::{Effective, Overrides, Settings};
use countersign_custody::sealed::{Passphrases, SealedCustody, SealedSettings};
use countersign_server::tls::LiveTls;
use countersign_server::{Caching, DocumentLimits, Limits, ServerSettings, Stopping, Transport};
use countersign_trust::operate::Rounds;
use countersign_trust::{
    BackwardClock, Clock as _, Policy, SystemClock, Trust, Writes, follow_deletions,
};
use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};

use crate::away::Away;
use crate::certificates::Certificates;
use crate::commands::gc;
use crate::custody::Opening;
use crate::data_dir::DataDir;
use crate::database::{Databases, Stores};
use crate::exit::{self, Failure};
use crate::flags::{self, LogFlags, SettingsFlags};
use crate::greeting::{Authority, Greeting};
use crate::logs::LevelSwitch;
use crate::old_keys::Keeping;
use crate::signals::{StopSignals, WishSignals};
use crate::upkeep::Upkeep;
use crate::{key_ring, logs};

/// How long the database may take to close once no request needs it.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// How long databases are waited for before requests are told that they are away, and how long
/// these answers may take to end once they are there.
const ANSWER_AFTER: Duration = Duration::from_secs(1);

/// Start the server.
///
/// The first start makes the data directory with a database, a passphrase that seals the server's
/// keys, and a certificate under an authority of its own. Later starts use what is there. Keep the
/// directory: who loses it loses the keys.
///
/// Flags win over environment variables, those over the file, and the file over the defaults. An
/// empty variable counts as not set.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: SettingsFlags,
    #[command(flatten)]
    log: LogFlags,
}

fn after_help() -> String {
    const SECRETS: &str = "Secrets (never on the command line):
  COUNTERSIGN_KEY_PASSPHRASE        the passphrase that seals the server's keys
  COUNTERSIGN_KEY_PASSPHRASE_FILE   a file that holds it; keys.passphrase_file in the file of
                                    settings does the same
  Without either, secrets/key-passphrase in the data directory is made on the first start.
  NOTARY_SIGNER_DEFAULT_ALIAS       another alias than countersign for new keys, as Notary has it
  NOTARY_SIGNER_<ALIAS>             the passphrase of the keys of that alias
  NOTARY_SIGNER_<ALIAS>_FILE        a file that holds it";
    const EXAMPLES: &str = "Examples:
  countersign serve
  countersign serve --listen 0.0.0.0:4443 --host trust.example.com --data-dir /var/lib/countersign
  countersign serve --tls-cert fullchain.pem --tls-key privkey.pem
  countersign serve --client-ca clients.pem
  COUNTERSIGN_HOSTS=trust.example.com,10.0.0.7 countersign serve --config countersign.toml
  countersign serve --config server-config.json     (Notary's own, as it stands)";
    const FILE: &str = "A file of settings:
  [server]
  data_dir = \"/var/lib/countersign\"
  listen = \"0.0.0.0:4443\"
  hosts = [\"trust.example.com\"]
  [log]
  format = \"json\"";
    format!("{EXAMPLES}\n\n{FILE}\n\n{SECRETS}\n\n{}", exit::help())
}

impl Serve {
    /// Serves until a signal asks to stop.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let flags = self.flags.overrides(self.log);
        let Effective { settings, notary, .. } = flags::load_effective(&flags)?;
        let notes = flags::notary_notes(notary);
        let level = logs::start(&settings.log);
        let dir = DataDir::at(settings.server.data_dir())?;
        let hold = dir.hold()?;
        let listener = listen(&settings)?;
        let databases = Databases::of(&settings, &dir)?;
        let passphrases = Arc::new(key_ring::obtain(&settings.keys, &dir, &hold)?);
        let now = SystemClock.now();
        let (transport, authority) = match Certificates::load_unless_plain(&settings, &dir, now)? {
            Some(Certificates { identity, clients, authority }) => {
                (Transport::Tls(LiveTls::new(identity, &clients)?), Some(authority))
            }
            None => (Transport::Plain, None),
        };
        let runtime = Runtime::new().map_err(|error| system("start threads", &error))?;
        let started = Started {
            flags,
            settings,
            notes,
            warnings: Vec::new(),
            level,
            dir,
            databases,
            listener,
            transport,
            authority,
        };
        let outcome = runtime.block_on(Box::pin(started.serve(passphrases)));
        // Everything that matters has come to its end; what is left may wait for a database.
        runtime.shutdown_background();
        outcome
    }
}

/// What a start reaches.
struct Reached {
    stores: Stores,
    custody: SealedCustody,
    warnings: Vec<String>,
}

/// What is ready before the database is opened.
struct Started {
    flags: Overrides,
    settings: Settings,
    notes: Vec<String>,
    warnings: Vec<String>,
    level: LevelSwitch,
    dir: DataDir,
    databases: Databases,
    listener: TcpListener,
    transport: Transport,
    authority: Option<Authority>,
}

impl Started {
    async fn serve(mut self, passphrases: Arc<Passphrases>) -> Result<(), Failure> {
        // Before anything takes long: a signal that nobody has taken over ends the process.
        let wishes = WishSignals::take().map_err(|error| system("take signals", &error))?;
        let mut signals = StopSignals::take().map_err(|error| system("take signals", &error))?;
        let Reached { stores, custody, warnings } = tokio::select! {
            reached = self.reach_databases(&passphrases) => reached?,
            signal = signals.next() => {
                tracing::info!(signal = signal.name, "stopped before the database was there");
                return Ok(());
            }
        };
        self.warnings = warnings;
        if self.settings.server.read_only {
            self.warnings.push(
                "read-only: publishes, deletions and new keys are answered 503, and nothing is \
                 signed again; start without --read-only to take over"
                    .to_owned(),
            );
        }
        let trust = Trust::new(
            stores.metadata(),
            Arc::new(custody),
            Arc::new(SystemClock),
            policy(&self.settings),
        );
        let trust = Arc::new(trust);
        let (stop, stopped) = watch::channel(());
        let stopped = move || {
            let mut stopped = stopped.clone();
            // A sender that is gone means stop.
            async move { while stopped.changed().await.is_ok() {} }
        };
        let keeping = Keeping::new(&trust, &stores, policy(&self.settings).writes);
        let mut beside = vec![
            ("signing ahead", tokio::spawn(keeping.run(stopped.clone()))),
            ("following deletions", tokio::spawn(follow_deletions(Arc::clone(&trust), stopped()))),
        ];
        if let Some(rounds) = self.clearing(&stores) {
            beside.push(("clearing", tokio::spawn(rounds.run(stopped()))));
        }
        let outcome = self.answer(trust, wishes, signals).await;
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
            passphrases,
        };
        let (custody, warnings) = opening.custody().await?;
        Ok(Reached { stores, custody, warnings })
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
            Arc::new(trust),
            server_settings(&self.settings),
            shutdown,
            Stopping { handover: Duration::ZERO, drain: ANSWER_AFTER },
        );
        Ok(Box::pin(serving).await?)
    }

    async fn answer(
        self,
        trust: Arc<Trust>,
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
        let mut serving = Box::pin(countersign_server::serve(
            self.listener,
            self.transport.clone(),
            trust,
            server_settings(&self.settings),
            shutdown,
            stopping,
        ));
        let upkeep = Upkeep {
            flags: self.flags,
            settings: self.settings,
            dir: self.dir,
            transport: self.transport,
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
            client_ca: self.settings.tls.client_ca(),
            notes: &self.notes,
            warnings: &self.warnings,
        };
        let mut stdout = io::stdout().lock();
        let said = write!(stdout, "{greeting}").and_then(|()| stdout.flush());
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(%address, version, data_dir = %self.dir.path().display(), "listening");
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

fn listen(settings: &Settings) -> Result<TcpListener, Failure> {
    let address = settings.server.listen;
    let failed = |reason| Failure::Listen { address, reason };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn stopping(settings: &Settings) -> Stopping {
    Stopping { handover: settings.server.handover, drain: settings.server.drain }
}

/// Whether what is old is cleared in the background.
fn clears(settings: &Settings) -> bool {
    !settings.server.read_only && !settings.retention.interval.is_zero()
}

pub(crate) fn policy(settings: &Settings) -> Policy {
    let span = |lifetime| chrono::Duration::from_std(lifetime).unwrap_or(chrono::Duration::MAX);
    Policy {
        key_algorithm: settings.keys.algorithm,
        timestamp_lifetime: span(settings.expiry.timestamp),
        snapshot_lifetime: span(settings.expiry.snapshot),
        max_version_step: NonZeroU32::new(settings.limits.version_step),
        backward_clock: if settings.clock.allow_backwards {
            BackwardClock::Allowed
        } else {
            BackwardClock::Refused
        },
        writes: if settings.server.read_only { Writes::Refused } else { Writes::Taken },
        body_bytes: settings.caching.body_bytes,
        ..Policy::default()
    }
}

pub(crate) fn sealed_settings(settings: &Settings) -> SealedSettings {
    SealedSettings { pending_keys: settings.limits.pending_keys, ..SealedSettings::default() }
}

fn server_settings(settings: &Settings) -> ServerSettings {
    let (limits, caching) = (&settings.limits, &settings.caching);
    ServerSettings {
        limits: Limits {
            body_bytes: limits.body_bytes,
            body_time: limits.body_time,
            body_pause: limits.body_pause,
            changes: limits.changes,
            connections: limits.connections,
            document: DocumentLimits {
                depth: limits.json_depth,
                keys: limits.keys,
                roles: limits.roles,
                signatures: limits.signatures,
                values: limits.json_values,
            },
            first_request: limits.first_request,
            handshake: limits.handshake,
            head_bytes: limits.head_bytes,
            idle: limits.idle,
            key_burst: NonZeroU32::new(limits.key_burst).unwrap_or(NonZeroU32::MIN),
            keys_per_second: NonZeroU32::new(limits.keys_per_second).unwrap_or(NonZeroU32::MIN),
            streams: limits.streams,
            part_header_bytes: limits.part_header_bytes,
            part_bytes: limits.part_bytes,
            parts: limits.parts,
        },
        caching: Caching {
            current_max_age: caching.current_max_age,
            consistent_max_age: caching.consistent_max_age,
        },
        gun_prefixes: settings.repositories.gun_prefixes.clone(),
    }
}

fn system(action: &'static str, error: &io::Error) -> Failure {
    Failure::System { action, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use countersign_tuf::keys::ServerKeyAlgorithm;

    use super::*;

    #[test]
    fn the_defaults_of_the_file_are_those_of_the_crates_that_obey_it() {
        let settings = Settings::default();
        assert_eq!(server_settings(&settings), ServerSettings::default());
        assert_eq!(sealed_settings(&settings), SealedSettings::default());
        let (ours, theirs) = (policy(&settings), Policy::default());
        assert_eq!(ours.key_algorithm, theirs.key_algorithm);
        assert_eq!(ours.timestamp_lifetime, theirs.timestamp_lifetime);
        assert_eq!(ours.snapshot_lifetime, theirs.snapshot_lifetime);
        assert_eq!(ours.max_version_step, theirs.max_version_step);
        assert_eq!(ours.backward_clock, theirs.backward_clock);
        assert_eq!(ours.writes, theirs.writes);
        assert_eq!(ours.body_bytes, theirs.body_bytes);
    }

    #[test]
    fn a_server_that_only_reads_signs_and_clears_nothing() {
        let mut settings = Settings::default();
        settings.retention.interval = Duration::from_secs(60);
        assert!(clears(&settings) && policy(&settings).writes == Writes::Taken);
        settings.server.read_only = true;
        assert!(!clears(&settings) && policy(&settings).writes == Writes::Refused);
    }

    #[test]
    fn every_limit_cache_time_and_prefix_reaches_the_server() {
        let seconds = Duration::from_secs;
        let positive = |number| NonZeroU32::new(number).unwrap();
        let mut settings = Settings::default();
        settings.caching.current_max_age = seconds(1);
        settings.caching.consistent_max_age = seconds(2);
        settings.repositories.gun_prefixes = vec!["example.com/".parse().unwrap()];
        settings.limits = countersign_config::sections::limits::Limits {
            body_bytes: 3,
            body_time: seconds(4),
            body_pause: seconds(5),
            connections: 6,
            first_request: seconds(7),
            handshake: seconds(8),
            idle: seconds(9),
            streams: 10,
            part_header_bytes: 11,
            part_bytes: 12,
            parts: 13,
            changes: 14,
            head_bytes: 15,
            json_depth: 16,
            json_values: 17,
            key_burst: 18,
            keys: 19,
            keys_per_second: 20,
            pending_keys: 21,
            roles: 22,
            signatures: 23,
            version_step: 0,
        };
        let limits = Limits {
            body_bytes: 3,
            body_time: seconds(4),
            body_pause: seconds(5),
            connections: 6,
            first_request: seconds(7),
            handshake: seconds(8),
            idle: seconds(9),
            streams: 10,
            part_header_bytes: 11,
            part_bytes: 12,
            parts: 13,
            changes: 14,
            head_bytes: 15,
            document: DocumentLimits { depth: 16, keys: 19, roles: 22, signatures: 23, values: 17 },
            key_burst: positive(18),
            keys_per_second: positive(20),
        };
        let gun_prefixes = vec!["example.com/".parse().unwrap()];
        let caching = Caching { current_max_age: seconds(1), consistent_max_age: seconds(2) };
        assert_eq!(server_settings(&settings), ServerSettings { limits, caching, gun_prefixes });
        assert_eq!(sealed_settings(&settings).pending_keys, 21);
    }

    #[test]
    fn every_choice_about_signing_reaches_trust() {
        let mut settings = Settings::default();
        settings.keys.algorithm = ServerKeyAlgorithm::Ed25519;
        settings.expiry.timestamp = Duration::from_secs(3600);
        settings.expiry.snapshot = Duration::from_secs(7200);
        settings.limits.version_step = 0;
        settings.clock.allow_backwards = true;
        settings.caching.body_bytes = 5;
        let policy = policy(&settings);
        assert_eq!(policy.body_bytes, 5);
        assert_eq!(policy.key_algorithm, ServerKeyAlgorithm::Ed25519);
        assert_eq!(policy.timestamp_lifetime, chrono::Duration::hours(1));
        assert_eq!(policy.snapshot_lifetime, chrono::Duration::hours(2));
        assert_eq!(policy.max_version_step, None);
        assert_eq!(policy.backward_clock, BackwardClock::Allowed);
    }
}

//! What a running server does beside serving: it reads settings and certificates again when it is
//! asked to, changes the level of its log, and looks at its certificates once a day.
//!
//! Never in here: an end of the server. What cannot be read again stays as it is, and the log says
//! why.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use countersign_config::sections::log::Level;
use countersign_config::{Overrides, Program, Settings};
use countersign_custody::remote::RemoteCustody;
use countersign_server::tls::{ClientPolicy, LiveTls};
use countersign_server::{Access, Transport};
use countersign_trust::Clock;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::audit_log::Writer;
use crate::certificates::Certificates;
use crate::custody::reread_signer_tls;
use crate::data_dir::DataDir;
use crate::flags;
use crate::logs::LevelSwitch;
use crate::revocation::Revocation;
use crate::signals::{Wish, WishSignals};
use crate::token_desk::TokenDesk;

const DAY: Duration = Duration::from_secs(86_400);
/// How often the files are looked at that are followed without being asked to.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What upkeep has to do next.
enum Due {
    Wish(Wish),
    Day,
    Look,
}

/// The part of a running server that can change.
pub(crate) struct Upkeep {
    /// Which of the two it is.
    pub(crate) program: Program,
    /// What the command line says.
    pub(crate) flags: Overrides,
    /// What the server runs with.
    pub(crate) settings: Settings,
    /// The directory that this process holds.
    pub(crate) dir: DataDir,
    pub(crate) transport: Transport,
    pub(crate) revocation: Revocation,
    /// The signer that holds keys, if there is one.
    pub(crate) signer: Option<Arc<RemoteCustody>>,
    pub(crate) tokens: Option<TokenDesk>,
    pub(crate) audit: Option<Arc<Writer>>,
    pub(crate) level: LevelSwitch,
    pub(crate) access: Arc<Access>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Upkeep {
    /// Does what signals ask for, and looks at the certificates daily, until it is dropped.
    pub(crate) async fn run(mut self, mut signals: WishSignals) -> Infallible {
        let mut days = interval_at(Instant::now() + DAY, DAY);
        let mut looks = interval_at(Instant::now() + BETWEEN_LOOKS, BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                wish = signals.next() => Due::Wish(wish),
                _ = days.tick() => Due::Day,
                _ = looks.tick() => Due::Look,
            };
            // Reading files blocks; the runtime moves what else waits on this thread.
            tokio::task::block_in_place(|| match due {
                Due::Wish(Wish::Reload) => self.reload(),
                Due::Wish(Wish::LogMore) => self.shift_level(self.level.level().more()),
                Due::Wish(Wish::LogLess) => self.shift_level(self.level.level().less()),
                Due::Day => self.look(),
                Due::Look => self.look_at_files(),
            });
        }
    }

    /// Takes over what settings, certificates and keys say now.
    fn reload(&mut self) {
        match flags::load_for(self.program, &self.flags) {
            Ok(read) => self.adopt(read.settings),
            Err(error) => tracing::error!(
                %error,
                "the settings cannot be read again and stay as they were"
            ),
        }
        self.access.reread();
        if let Some(tokens) = &self.tokens {
            tokens.reread(&self.settings.tokens, &self.dir, self.clock.now());
        }
        if let Some(signer) = &self.signer {
            reread_signer_tls(&self.settings.signer, signer, self.clock.now());
        }
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
        let Transport::Tls(tls) = &self.transport else { return };
        let revocation = Revocation::of(&self.settings);
        let Some(certificates) = self.refresh(tls) else { return };
        self.revocation = revocation;
        let clients = match &certificates.clients {
            ClientPolicy::Anyone => None,
            ClientPolicy::Certified(authorities) => Some(authorities.path().display()),
        };
        tracing::info!(
            cert = %certificates.identity.cert_path().display(),
            not_after = %certificates.identity.validity().not_after,
            client_ca = clients.map(tracing::field::display),
            "certificates read again"
        );
    }

    /// The daily look: issues the generated certificate again when that is due, and warns of those
    /// that end soon.
    fn look(&self) {
        if let Transport::Tls(tls) = &self.transport {
            self.refresh(tls);
        }
        if let Some(tokens) = &self.tokens {
            tokens.refresh_key(&self.settings.tokens, &self.dir, self.clock.now());
        }
    }

    /// The look at files that are taken over as they change.
    fn look_at_files(&mut self) {
        self.access.look();
        if let Some(tokens) = &self.tokens {
            tokens.look();
        }
        if let Transport::Tls(tls) = &self.transport {
            self.revocation.look(&self.settings, tls, self.clock.now());
        }
    }

    /// Shows the certificates that are there now, or says why the present ones stay.
    fn refresh(&self, tls: &LiveTls) -> Option<Certificates> {
        let now = self.clock.now();
        let replaced = Certificates::load(&self.settings, &self.dir, now).and_then(|read| {
            tls.replace(read.identity.clone(), &read.clients)?;
            Ok(read)
        });
        match replaced {
            Ok(certificates) => {
                certificates.warn_of_ends(now);
                Some(certificates)
            }
            Err(error) => {
                tracing::error!(%error, "the certificates cannot be read again; those in use stay");
                None
            }
        }
    }

    /// Takes over those settings that a running server can follow, and names the others.
    fn adopt(&mut self, read: Settings) {
        let later = changed_for_next_start(&self.settings, &read);
        if !later.is_empty() {
            tracing::warn!(
                settings = later.join(", "),
                "settings have changed that take effect at the next start: restart to use them"
            );
        }
        self.settings.server.hosts = read.server.hosts;
        if self.settings.signer.address == read.signer.address {
            let deadline = self.settings.signer.deadline;
            self.settings.signer = read.signer;
            self.settings.signer.deadline = deadline;
        }
        // Both listeners stay what they were at the start.
        let plain_http = self.settings.tls.plain_http;
        if plain_http == read.tls.plain_http {
            self.settings.tls = read.tls;
        }
        self.settings.log.level = read.log.level;
        let (before, after) = (self.level.level(), read.log.level);
        if before != after {
            self.level.set(after);
            tracing::info!(from = before.as_str(), to = after.as_str(), "log level changed");
        }
    }

    /// To `level`; `None` when the present one is the last. Operators of Notary look for the line
    /// on standard output.
    fn shift_level(&mut self, level: Option<Level>) {
        let line = match level {
            Some(level) => {
                self.level.set(level);
                format!("Successfully setting log level to {}", level.as_str())
            }
            None => format!("The log level stays at {}", self.level.level().as_str()),
        };
        let mut stdout = io::stdout().lock();
        let said = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        tracing::info!(level = self.level.level().as_str(), "log level set by a signal");
        if let Err(error) = said {
            tracing::warn!(%error, "standard output cannot be written to");
        }
    }
}

/// The settings and sections that differ and that a running server does not follow.
fn changed_for_next_start(running: &Settings, read: &Settings) -> Vec<&'static str> {
    // A new section does not compile until it is decided here.
    let Settings {
        server,
        tls,
        access,
        tokens,
        repositories,
        database,
        keys,
        signing,
        signer,
        pkcs11,
        caching,
        limits,
        expiry,
        retention,
        clock,
        log,
        audit,
    } = running;
    let changed = [
        ("server.data_dir", server.data_dir() != read.server.data_dir()),
        ("server.listen", server.listen != read.server.listen),
        ("server.read_only", server.read_only != read.server.read_only),
        ("server.handover_seconds", server.handover != read.server.handover),
        ("server.drain_seconds", server.drain != read.server.drain),
        ("server.trusted_hops", server.trusted_hops != read.server.trusted_hops),
        ("tls.plain_http", tls.plain_http != read.tls.plain_http),
        ("[access]", *access != read.access),
        ("[tokens]", *tokens != read.tokens),
        ("[repositories]", *repositories != read.repositories),
        ("[database]", *database != read.database),
        ("[keys]", *keys != read.keys),
        ("[signing]", *signing != read.signing),
        ("signer.address", signer.address != read.signer.address),
        ("signer.deadline_seconds", signer.deadline != read.signer.deadline),
        ("[pkcs11]", *pkcs11 != read.pkcs11),
        ("[caching]", *caching != read.caching),
        ("[limits]", *limits != read.limits),
        ("[expiry]", *expiry != read.expiry),
        ("[retention]", *retention != read.retention),
        ("[clock]", *clock != read.clock),
        ("log.format", log.format != read.log.format),
        ("[audit]", *audit != read.audit),
    ];
    changed.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chrono::{DateTime, TimeDelta, Utc};
    use countersign_config::HostName;
    use countersign_trust::SystemClock;
    use tempfile::TempDir;

    use super::*;
    use crate::logs;

    /// A clock that stands.
    struct At(DateTime<Utc>);

    impl Clock for At {
        fn now(&self) -> DateTime<Utc> {
            self.0
        }
    }

    /// The upkeep of a server that started on an empty directory just now, `age` later.
    fn upkeep(age: TimeDelta) -> (Upkeep, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let flags = Overrides { data_dir: Some(directory.path().into()), ..Overrides::default() };
        let settings = Settings::load(&flags, &|_| None).unwrap();
        let dir = DataDir::at(directory.path()).unwrap();
        let started = SystemClock.now();
        let certificates = Certificates::load(&settings, &dir, started).unwrap();
        let tls = LiveTls::new(certificates.identity, &certificates.clients).unwrap();
        let (_filter, level) = logs::level_filter(Level::Info);
        let clock = Arc::new(At(started + age));
        let transport = Transport::Tls(tls);
        let access = Arc::new(Access::open());
        let (revocation, signer, tokens, audit) = (Revocation::of(&settings), None, None, None);
        let upkeep = Upkeep {
            program: Program::Server,
            flags,
            settings,
            dir,
            transport,
            access,
            tokens,
            signer,
            revocation,
            audit,
            level,
            clock,
        };
        (upkeep, directory)
    }

    fn leaf(directory: &TempDir) -> Vec<u8> {
        fs::read(directory.path().join("certs/server.crt")).unwrap()
    }

    /// Whether the certificates that are there now were taken over.
    fn refreshed(upkeep: &Upkeep) -> bool {
        let Transport::Tls(tls) = &upkeep.transport else { panic!("it has TLS") };
        upkeep.refresh(tls).is_some()
    }

    #[test]
    fn the_daily_look_issues_the_certificate_again_in_its_last_third() {
        for (days, again) in [(1, false), (264, false), (265, true), (500, true)] {
            let (upkeep, directory) = upkeep(TimeDelta::days(days));
            let before = leaf(&directory);
            upkeep.look();
            assert_eq!(leaf(&directory) != before, again, "after {days} days");
        }
    }

    #[test]
    fn without_the_authoritys_key_the_certificate_stays_and_is_used() {
        let (upkeep, directory) = upkeep(TimeDelta::days(300));
        fs::remove_file(directory.path().join("certs/ca.key")).unwrap();
        let before = leaf(&directory);
        assert!(refreshed(&upkeep));
        assert_eq!(leaf(&directory), before);
    }

    #[test]
    fn a_certificate_that_does_not_load_leaves_the_one_in_use() {
        let (upkeep, directory) = upkeep(TimeDelta::zero());
        fs::write(directory.path().join("certs/server.crt"), "broken").unwrap();
        assert!(!refreshed(&upkeep));
        assert_eq!(leaf(&directory), b"broken");
    }

    #[test]
    fn settings_that_need_a_restart_are_named_and_the_others_taken_over() {
        let (mut upkeep, _directory) = upkeep(TimeDelta::zero());
        let mut read = upkeep.settings.clone();
        read.server.listen = "127.0.0.1:1".parse().unwrap();
        read.server.drain = Duration::from_secs(1);
        read.limits.parts = 1;
        read.server.hosts = vec!["trust.example.com".parse::<HostName>().unwrap()];
        read.log.level = Level::Debug;
        let later = changed_for_next_start(&upkeep.settings, &read);
        assert_eq!(later, ["server.listen", "server.drain_seconds", "[limits]"]);
        let before = upkeep.settings.clone();
        upkeep.adopt(read.clone());
        assert_eq!(upkeep.settings.server.hosts, read.server.hosts);
        assert_eq!(upkeep.settings.log.level, Level::Debug);
        assert_eq!(upkeep.settings.server.listen, before.server.listen);
        assert_eq!(upkeep.settings.limits, before.limits);
    }
}

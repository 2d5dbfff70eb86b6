//! The audit log as a file: one thread owns it, appends whole lines, and carries the chain on from
//! file to file and from process to process.
//!
//! Never in here: what is recorded; that is the server's. The form of a record; that is
//! `countersign_access::audit`.

mod file;
mod rotation;
mod writer;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign_access::audit::{Identity, Text};
use countersign_config::sections::audit::Audit as AuditSettings;
use countersign_server::{Audit, AuditLog};
use countersign_trust::SystemClock;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::oneshot;

use crate::exit::Failure;
use file::AuditFile;
use writer::Durability;
pub(crate) use writer::Writer;

/// How long what is being changed may take to end, once nothing else does.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// What a running server needs of its audit log.
#[derive(Clone)]
pub(crate) struct Running {
    /// What records.
    pub(crate) audit: Arc<Audit>,
    /// What writes.
    pub(crate) writer: Arc<Writer>,
}

/// Opens the file and writes its first line; `None` when no audit log is wanted.
pub(crate) fn start(settings: &AuditSettings) -> Result<Option<Running>, Failure> {
    let Some(path) = settings.file.as_deref() else { return Ok(None) };
    let identity = identity(settings)?;
    let file = AuditFile::open(path, settings.into(), identity)?;
    let durability = if settings.sync { Durability::Disk } else { Durability::System };
    let writer = Arc::new(Writer::start(file, durability)?);
    let log: Arc<dyn AuditLog> = Arc::<Writer>::clone(&writer);
    let per_second = NonZeroU32::new(settings.refusals_per_second).unwrap_or(NonZeroU32::MIN);
    let audit = Arc::new(Audit::new(log, Arc::new(SystemClock), per_second));
    Ok(Some(Running { audit, writer }))
}

/// Runs `serving`; refusals that are only counted are told meanwhile, and what waits to be written
/// is written at its end.
pub(crate) async fn around(
    running: Option<Running>,
    serving: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let Some(Running { audit, writer }) = running else { return serving.await };
    let (stop, stopped) = oneshot::channel::<()>();
    let telling = tokio::spawn({
        let audit = Arc::clone(&audit);
        // A sender that is gone means stop.
        async move { audit.tell_suppressed(async { drop(stopped.await) }).await }
    });
    let outcome = serving.await;
    if matches!(outcome, Err(Failure::Interrupted { .. })) {
        return outcome;
    }
    if tokio::time::timeout(SETTLE_WITHIN, audit.settle()).await.is_err() {
        tracing::error!("changes were still being made at the end: they may have no record");
    }
    drop(stop);
    let told = telling.await;
    let finished = tokio::task::spawn_blocking(move || writer.finish()).await;
    if let Err(error) = told.and(finished) {
        tracing::error!(%error, "what records decisions ended in a panic");
    }
    outcome
}

/// Whether [`start`] could open the file; makes nothing and takes nothing.
pub(crate) fn look(settings: &AuditSettings) -> Result<(), Failure> {
    let Some(path) = settings.file.as_deref() else { return Ok(()) };
    identity(settings)?;
    file::look(path)
}

fn identity(settings: &AuditSettings) -> Result<Identity, Failure> {
    let mut process = [0; 8];
    SystemRandom::new().fill(&mut process).map_err(|_| Failure::System {
        action: "get random numbers",
        reason: "the system has none".to_owned(),
    })?;
    let replica = match &settings.replica {
        Some(name) => name.clone(),
        None => host_name()?,
    };
    Ok(Identity {
        replica: Text::name(&replica),
        process: hex::encode(process),
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
    })
}

fn host_name() -> Result<String, Failure> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => Err(Failure::Usage(
            "audit.replica: this machine has no name: set one that no other server has".to_owned(),
        )),
        name => Ok(name.to_owned()),
    }
}

fn unusable(path: &Path, problem: impl ToString, mend: &'static str) -> Failure {
    Failure::AuditFile { path: path.to_owned(), problem: problem.to_string(), mend }
}

/// `path` with `suffix` after its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

//! One scenario against two servers: what the users see must be the same.
//!
//! What never comes in: scenarios.

use anyhow::{Result, bail};

use crate::peers::countersign::Countersign;
use crate::peers::go_notary::GoNotary;
use crate::session::{Server, Session};

/// Plays `scenario` against the Go server and against Countersign, at the same time.
///
/// Each starts for this call, so GUNs need to be unique within one scenario only.
///
/// # Errors
/// A server does not start, an expectation of the scenario is not met by one of them, or a
/// command's exit code or text differs; the report holds all that differs.
pub async fn alike(scenario: impl AsyncFn(&mut Session) -> Result<()>) -> Result<()> {
    let (go, ours) = tokio::try_join!(GoNotary::start(), Countersign::start())?;
    play(Server::Go(Box::new(go)), Server::Countersign(ours), scenario).await
}

/// As [`alike`], with Countersign restarted before every command.
///
/// # Errors
/// As [`alike`], or a restart failed.
pub async fn alike_across_restarts(
    scenario: impl AsyncFn(&mut Session) -> Result<()>,
) -> Result<()> {
    let (go, ours) = tokio::try_join!(GoNotary::start(), Countersign::start())?;
    play(Server::Go(Box::new(go)), Server::CountersignRestarted(ours), scenario).await
}

async fn play(
    go: Server,
    ours: Server,
    scenario: impl AsyncFn(&mut Session) -> Result<()>,
) -> Result<()> {
    let (mut go, mut ours) = (Session::with(go)?, Session::with(ours)?);
    let (with_go, with_ours) =
        tokio::join!(Box::pin(scenario(&mut go)), Box::pin(scenario(&mut ours)));
    let mut report = String::new();
    for (name, result) in [("the Go server", with_go), ("countersign", with_ours)] {
        if let Err(error) = result {
            report.push_str(&format!("{name} does not meet the scenario: {error:#}\n"));
        }
    }
    let differences =
        go.transcript().differences("the Go server", ours.transcript(), "countersign");
    report.push_str(&differences);
    if report.is_empty() {
        return Ok(());
    }
    bail!("{report}")
}

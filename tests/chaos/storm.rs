//! Carries out a plan on a cluster, and writes down when each fault really began and ended.
//!
//! Each replica with its link is a lane, and so is the database: what hits one lane waits for what
//! hits it already, and lanes do not wait for each other.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::postgres::Postgres;
use futures_util::future::{LocalBoxFuture, try_join_all};
use tokio::time::sleep;

use crate::cluster::{Cluster, Replica};
use crate::history::{Disturbance, Place, Recorder};
use crate::plan::{Fault, Plan, Step};

/// How many bytes a file may have on a full disk: what is longer takes no more.
const FULL: u64 = 0;

/// Plays the whole plan, with the calm at its end.
pub(crate) async fn storm(cluster: &mut Cluster, plan: &Plan, recorder: &Recorder) -> Result<()> {
    let begun = recorder.now();
    let of = |wanted: Option<usize>| -> Vec<Step> {
        plan.steps.iter().filter(|step| lane(step.fault) == wanted).copied().collect()
    };
    let mut lanes: Vec<LocalBoxFuture<'_, Result<()>>> = Vec::new();
    for (number, replica) in cluster.replicas.iter_mut().enumerate() {
        let steps = of(Some(number));
        lanes.push(Box::pin(async move {
            for step in steps {
                until(recorder, begun + step.at).await;
                disturb_replica(replica, step, recorder)
                    .await
                    .with_context(|| format!("{step:?}"))?;
            }
            Ok(())
        }));
    }
    if let Some(database) = cluster.database.as_mut() {
        let steps = of(None);
        lanes.push(Box::pin(async move {
            for step in steps {
                until(recorder, begun + step.at).await;
                disturb_database(database, step, recorder)
                    .await
                    .with_context(|| format!("{step:?}"))?;
            }
            Ok(())
        }));
    }
    // In this task: whoever starts a process must outlive it.
    try_join_all(lanes).await?;
    let calm = plan
        .length
        .saturating_sub(plan.steps.last().map(|last| last.at + last.lasts).unwrap_or_default());
    sleep(calm).await;
    Ok(())
}

/// The replica that is hit, or the database.
fn lane(fault: Fault) -> Option<usize> {
    match fault.place() {
        Place::Replica(replica) | Place::Link(replica) => Some(replica),
        Place::Database => None,
    }
}

/// The wait is the thing itself: the moment at which something goes wrong.
async fn until(recorder: &Recorder, moment: Duration) {
    sleep(moment.saturating_sub(recorder.now())).await;
}

async fn disturb_replica(replica: &mut Replica, step: Step, recorder: &Recorder) -> Result<()> {
    let began = recorder.now();
    let server = &mut replica.server;
    match step.fault {
        Fault::KillReplica(_) => {
            server.kill9()?;
            sleep(step.lasts).await;
            server.start_again().await?;
        }
        Fault::RestartReplica(_) => {
            server.ask_to_stop()?;
            let status = server.ended().await?;
            ensure!(status.success(), "SIGTERM ended it with {status}\n{}", server.log());
            sleep(step.lasts).await;
            server.start_again().await?;
        }
        Fault::StallReplica(_) => {
            server.pause()?;
            sleep(step.lasts).await;
            server.resume()?;
        }
        Fault::FillDisk(_) => {
            server.limit_files(Some(FULL))?;
            sleep(step.lasts).await;
            server.limit_files(None)?;
        }
        Fault::BreakLink(_) => replica.link.as_ref().context("no link")?.break_all(),
        Fault::StallLink(_) => {
            let link = replica.link.as_ref().context("no link")?;
            link.stall();
            sleep(step.lasts).await;
            link.resume();
        }
        Fault::KillDatabase
        | Fault::CrashDatabase
        | Fault::RestartDatabase
        | Fault::StallDatabase => anyhow::bail!("no fault of a replica"),
    }
    note(step.fault, began, recorder);
    Ok(())
}

async fn disturb_database(database: &mut Postgres, step: Step, recorder: &Recorder) -> Result<()> {
    let began = recorder.now();
    match step.fault {
        Fault::KillDatabase => database.kill9()?,
        Fault::CrashDatabase => database.crash().await?,
        Fault::RestartDatabase => database.stop().await?,
        Fault::StallDatabase => {
            database.pause()?;
            sleep(step.lasts).await;
            database.resume()?;
            note(step.fault, began, recorder);
            return Ok(());
        }
        _ => anyhow::bail!("no fault of a database"),
    }
    sleep(step.lasts).await;
    database.start_again().await?;
    note(step.fault, began, recorder);
    Ok(())
}

fn note(fault: Fault, began: Duration, recorder: &Recorder) {
    let (place, kind, ended) = (fault.place(), fault.kind(), recorder.now());
    recorder.disturbance(Disturbance { place, kind, began, ended });
}

//! `docker-compose.yml`, as compose itself reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::process::find;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::compose_files::{file, make_secrets, number_after, top};

/// What compose makes of the file.
async fn read_by_compose() -> Result<Value> {
    let read = Command::new(find("docker-compose", "docker-compose")?)
        .current_dir(top()?)
        .args(["--file", "docker-compose.yml", "config"])
        .output()
        .await?;
    let said = String::from_utf8_lossy(&read.stderr);
    ensure!(read.status.success() && said.is_empty(), "{said}");
    Ok(serde_saphyr::from_str(std::str::from_utf8(&read.stdout)?)?)
}

fn names(map: &Value) -> BTreeSet<&str> {
    map.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn compose_reads_the_file_and_it_has_two_equal_servers() -> Result<()> {
    let project = read_by_compose().await?;
    let services = &project["services"];
    let expected = ["balancer", "database", "registry", "trust-1", "trust-2"];
    ensure!(names(services) == BTreeSet::from(expected), "{services}");
    let [mut one, mut two] = ["trust-1", "trust-2"].map(|name| services[name].clone());
    for (name, service) in [("trust-1", &mut one), ("trust-2", &mut two)] {
        let volumes = service["volumes"].take();
        let own = format!("{name}:/data:rw");
        ensure!(texts(&volumes).contains(&own.as_str()), "{volumes}");
    }
    ensure!(one == two, "{one} and {two}");
    for name in expected {
        ensure!(services[name]["healthcheck"]["test"].is_array(), "{name} has no health check");
    }
    Ok(())
}

#[tokio::test]
async fn every_file_that_is_mounted_is_there_and_every_port_is_on_loopback() -> Result<()> {
    let project = read_by_compose().await?;
    let top = top()?;
    let top = top.to_str().context("a folder without a name")?;
    for (name, service) in project["services"].as_object().context("no services")? {
        for volume in texts(&service["volumes"]) {
            let from = volume.split(':').next().unwrap_or_default();
            ensure!(!from.starts_with(top) || Path::new(from).is_file(), "{name}: {volume}");
        }
        for port in texts(&service["ports"]) {
            ensure!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_secret_is_a_file_that_the_script_makes_and_none_is_a_variable() -> Result<()> {
    let project = read_by_compose().await?;
    let directory = TempDir::new()?;
    let secrets = directory.path().join("secrets");
    make_secrets(&secrets).await?;
    for name in names(&project["secrets"]) {
        let from = project["secrets"][name]["file"].as_str().unwrap_or_default();
        ensure!(from.ends_with(&format!("/deploy/compose/secrets/{name}")), "{from}");
        let secret = fs::read_to_string(secrets.join(name))?;
        ensure!(!secret.trim().is_empty(), "{name} is empty");
    }
    for (name, service) in project["services"].as_object().context("no services")? {
        for variable in names(&service["environment"]) {
            let harmless = ["POSTGRES_DB", "POSTGRES_USER"].contains(&variable);
            ensure!(harmless || variable.ends_with("_FILE"), "{name}: {variable}");
        }
        for secret in service["secrets"].as_array().into_iter().flatten() {
            let source = secret["source"].as_str().unwrap_or_default();
            ensure!(names(&project["secrets"]).contains(source), "{name}: {source}");
        }
    }
    // A second run would lock the servers out of their database.
    ensure!(make_secrets(&secrets).await.is_err(), "secrets are made once");
    Ok(())
}

/// The times that make a restart lose no request belong together.
#[tokio::test]
async fn a_server_hands_over_for_longer_than_the_balancer_takes_and_is_given_time_to_end()
-> Result<()> {
    let (settings, balancer) = (file("countersign.toml")?, file("haproxy.cfg")?);
    let handover = number_after(&settings, "handover_seconds = ")?;
    let drain = number_after(&settings, "drain_seconds = ")?;
    let seen = number_after(&balancer, " inter ")? * number_after(&balancer, " fall ")?;
    ensure!(handover > seen, "{handover} s of handover, {seen} s until it is seen");
    let project = read_by_compose().await?;
    for name in ["trust-1", "trust-2"] {
        let grace = project["services"][name]["stop_grace_period"].as_str().unwrap_or_default();
        let grace = number_after(grace, "")?;
        ensure!(grace > handover + drain, "{name}: {grace} s to end");
    }
    Ok(())
}

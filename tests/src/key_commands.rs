//! `countersign keys` beside a server, with its file of settings: what the command says.
//!
//! What never comes in: what it must say.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::peers::countersign::binary;
use crate::wire::Wire;

/// Runs `countersign keys` under the settings in the data directory `data`; gives the exit code and
/// all that it wrote.
///
/// # Errors
/// The binary is not built, or a signal ended it.
pub async fn keys(data: &Path, arguments: &[&str]) -> Result<(i32, String)> {
    let mut command = Command::new(binary()?);
    command.arg("keys").args(arguments).arg("--data-dir").arg(data);
    command.arg("--config").arg(data.join("countersign.toml")).kill_on_drop(true);
    let done = command.output().await?;
    let said = String::from_utf8([done.stdout, done.stderr].concat())?;
    Ok((done.status.code().context("ended by a signal")?, said))
}

/// The same with `--format json`, which must go well; each line is an object.
///
/// # Errors
/// It did not, or wrote something else.
pub async fn objects(data: &Path, arguments: &[&str]) -> Result<Vec<Value>> {
    let (code, said) = keys(data, &[arguments, &["--format", "json"]].concat()).await?;
    ensure!(code == 0, "{arguments:?}: {code}: {said}");
    said.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A text of such an object.
///
/// # Errors
/// It has none of this name.
pub fn text<'v>(object: &'v Value, name: &str) -> Result<&'v str> {
    object.get(name).and_then(Value::as_str).with_context(|| format!("{name}: {object}"))
}

/// The ID of the first key that the current root of a GUN names for a role.
///
/// # Errors
/// There is no such root.
pub async fn named(wire: &Wire, gun: &str, role: &str) -> Result<String> {
    let root: Value = serde_json::from_slice(&wire.document(gun, "root.json").await?.body)?;
    let id = root.pointer(&format!("/signed/roles/{role}/keyids/0")).and_then(Value::as_str);
    Ok(id.with_context(|| root.to_string())?.to_owned())
}

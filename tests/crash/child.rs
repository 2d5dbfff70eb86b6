//! A process that publishes once and may not survive it: this test program, started again.
//!
//! The test that calls [`end_of`] is run in the child too, and finds there by [`in_child`] that it
//! is the child.

use std::any::type_name;
use std::env;
use std::fs;
use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use countersign_tuf::names::Gun;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::process::Command;

use crate::service::Parts;

const DATA: &str = "CRASH_DATA";
const GUN: &str = "CRASH_GUN";
const POINT: &str = "CRASH_POINT";
const UPLOAD: &str = "upload.json";

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The publish came to its end and was acknowledged.
    Acknowledged,
    /// The process died before.
    Died,
}

/// What a child has to do.
pub(crate) struct Errand {
    pub(crate) data: PathBuf,
    pub(crate) gun: Gun,
    pub(crate) upload: Parts,
    /// Where it is to die.
    pub(crate) point: u64,
}

/// A child's end, and the lines it has printed.
pub(crate) struct Report {
    pub(crate) ending: Ending,
    pub(crate) printed: String,
}

/// Runs `errand` if this process is a child, and says whether it was.
pub(crate) async fn in_child<F: Future<Output = Result<()>>>(
    errand: impl FnOnce(Errand) -> F,
) -> Result<bool> {
    let Some(data) = env::var_os(DATA).map(PathBuf::from) else { return Ok(false) };
    let no_core = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, no_core)?;
    let upload = serde_json::from_slice(&fs::read(data.join(UPLOAD))?)?;
    let (gun, point) = (Gun::parse(&env::var(GUN)?)?, env::var(POINT)?.parse()?);
    errand(Errand { data, gun, upload, point }).await?;
    Ok(true)
}

/// Runs the test called `test` in a process of its own that is to die at `point`, by `signal`.
pub(crate) async fn end_of(
    test: &str,
    (data, gun, upload): (&Path, &Gun, &Parts),
    point: u64,
    signal: i32,
) -> Result<Report> {
    fs::write(data.join(UPLOAD), serde_json::to_vec(upload)?)?;
    let output = Command::new(env::current_exe()?)
        .args(["--exact", test, "--nocapture"])
        .env(DATA, data)
        .env(GUN, gun.as_str())
        .env(POINT, point.to_string())
        .kill_on_drop(true)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(printed.contains("running 1 test"), "no test is called {test}: {said}");
    let ending = match (output.status.success(), output.status.signal()) {
        (true, _) => Ending::Acknowledged,
        (false, Some(number)) if number == signal => Ending::Died,
        _ => bail!("the child ended with {}: {said}", output.status),
    };
    Ok(Report { ending, printed })
}

/// The name of a test of this program as its runner knows it: its path without the program's own.
pub(crate) fn name_of<T>(_test: &T) -> &'static str {
    let path = type_name::<T>();
    path.split_once("::").map_or(path, |(_, name)| name)
}

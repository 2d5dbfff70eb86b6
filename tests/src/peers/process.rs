//! A peer's process: started with its log kept, waited for, and never left behind.
//!
//! Every peer leads a process group of its own, which is killed on drop. `setpriv` asks the kernel
//! to kill it too when the thread that started it ends, so that nothing outlives a test that was
//! itself killed. Handles must therefore be made on the test's own thread.
//! What never comes in: what a particular peer needs or says.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::time::{Instant, sleep};

use super::written::Written;

/// Where in `/proc/PID/stat`, after the name, the parent is and the time of ended children in user
/// and kernel mode (proc(5)).
const PARENT: usize = 1;
const ENDED_CHILDREN: [usize; 2] = [13, 14];

/// In which that time is counted: hundredths of a second (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// How long a peer may take to start or to stop, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(10);

/// Below what Linux gives to connections, and above what services are known under.
const STEADY_PORTS: Range<u16> = 20_000..32_000;

/// How many of them this process has tried, so that it never takes one twice.
static STEADY_TRIED: AtomicU32 = AtomicU32::new(0);

/// A running (or ended) peer.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: Arc<Written>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `program` as the leader of its own group, with both outputs kept in the log.
    ///
    /// `user` runs it under another name, which takes root.
    ///
    /// # Errors
    /// `setpriv` is missing or the program cannot be started.
    pub fn spawn(name: &'static str, program: &Program, user: Option<&str>) -> Result<Self> {
        let mut command = Command::new(find("setpriv", "util-linux")?);
        command.args(["--pdeathsig", "KILL"]);
        if let Some(user) = user {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={user}"));
            command.arg("--init-groups");
        }
        command.arg("--").arg(&program.path).args(&program.arguments);
        command.envs(program.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &program.directory {
            command.current_dir(directory);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} did not start: {}", program.path.display()))?;
        let log = Arc::new(Written::new());
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(Written::follow(&log, stdout.into())?);
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(Written::follow(&log, stderr.into())?);
        }
        Ok(Self { name, child, log, readers })
    }

    /// All that the peer has written before this is called: both outputs, in whole lines.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Waits for the first line from which `pick` takes something.
    ///
    /// # Errors
    /// The peer ended, or said nothing of the kind within [`PATIENCE`]; its log is in the message.
    pub async fn line<T>(&mut self, pick: impl Fn(&str) -> Option<T>) -> Result<T> {
        let mut news = self.log.news();
        let deadline = Instant::now() + PATIENCE;
        loop {
            news.mark_unchanged();
            if let Some(found) = self.log.text().lines().find_map(&pick) {
                return Ok(found);
            }
            self.still_runs()?;
            tokio::select! {
                _ = news.changed() => {}
                () = sleep(POLL * 10) => {}
            }
            if Instant::now() > deadline {
                bail!("{} did not say what was waited for\n{}", self.name, self.log());
            }
        }
    }

    /// Waits until a TCP connection to `port` on loopback is taken.
    ///
    /// # Errors
    /// The peer ended, or the port stayed closed for [`PATIENCE`].
    pub async fn listens(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            self.still_runs()?;
            if Instant::now() > deadline {
                bail!("{} never listened on port {port}\n{}", self.name, self.log());
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Fails when the peer has ended.
    ///
    /// # Errors
    /// It has; its log is in the message.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(anyhow!("{} ended with {status}\n{}", self.name, self.log())),
        }
    }

    /// The memory that the peer has in use now, in KiB.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn memory_kib(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory that the peer has had in use, in KiB.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            .with_context(|| format!("{} has no memory", self.name))
    }

    /// The processor time that the peer's threads have used so far.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn processor_time(&self) -> Result<Duration> {
        let mut nanoseconds: u64 = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the two.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let first = text.split_whitespace().next().and_then(|digits| digits.parse().ok());
            nanoseconds = nanoseconds.saturating_add(first.unwrap_or_default());
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The processor time that the peer and its children have used so far; of children that have
    /// ended to the hundredth of a second.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn family_processor_time(&self) -> Result<Duration> {
        let parent = self.child.id();
        let mut time = self.processor_time()?.saturating_add(ended_children(parent)?);
        for process in fs::read_dir("/proc")? {
            let directory = process?.path();
            // It may end between the two, and then counts among those that have.
            let Some(stat) = stat_fields(&directory) else { continue };
            if stat.get(PARENT).and_then(|digits| digits.parse().ok()) != Some(parent) {
                continue;
            }
            let text = fs::read_to_string(directory.join("schedstat")).unwrap_or_default();
            let nanoseconds = text.split_whitespace().next().and_then(|digits| digits.parse().ok());
            time = time.saturating_add(Duration::from_nanos(nanoseconds.unwrap_or_default()));
        }
        Ok(time)
    }

    /// The most bytes that the peer may have in a file it writes to; `None`: any number. What is
    /// longer already cannot be written to at all.
    ///
    /// # Errors
    /// The peer has ended.
    pub fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(self.group(), Resource::Fsize, limit)
            .with_context(|| format!("{} takes no limit", self.name))?;
        Ok(())
    }

    /// Sends `signal` to the peer's whole group.
    ///
    /// # Errors
    /// The group is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let group = self.group().context("a process without a number")?;
        kill_process_group(group, signal).with_context(|| format!("{} takes no signal", self.name))
    }

    /// Waits for the peer's end.
    ///
    /// # Errors
    /// It still runs after [`PATIENCE`].
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.join_readers();
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} does not end\n{}", self.name, self.log());
            }
            sleep(POLL).await;
        }
    }

    /// Kills the whole group at once (signal 9) and waits for its end.
    ///
    /// # Errors
    /// The kernel refuses to say how it ended.
    pub fn kill9(&mut self) -> Result<()> {
        self.destroy();
        self.child.wait()?;
        self.join_readers();
        Ok(())
    }

    /// Stops the whole group where it is (SIGSTOP), as a machine that hangs does.
    ///
    /// # Errors
    /// The group is gone.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a group that was stopped go on (SIGCONT).
    ///
    /// # Errors
    /// The group is gone.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processes that the peer has started itself, those of other groups too.
    ///
    /// # Errors
    /// The peer has ended, or the kernel does not say.
    pub(super) fn children(&self) -> Result<Vec<Pid>> {
        let path = format!("/proc/{0}/task/{0}/children", self.child.id());
        let listed = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        Ok(listed.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect())
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// A group that is already gone is what is wanted, so errors are no news here.
    fn destroy(&mut self) {
        if let Some(group) = self.group() {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.kill().ok();
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            reader.join().ok();
        }
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the runner shows it with a failed test only")]
    fn drop(&mut self) {
        self.destroy();
        self.child.wait().ok();
        self.join_readers();
        eprintln!("---- log of {}\n{}", self.name, self.log());
    }
}

/// What to start: a program with its arguments, environment and working directory.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    directory: Option<PathBuf>,
}

impl Program {
    /// The program in `path`, so far without arguments.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new(), environment: Vec::new(), directory: None }
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it in `directory`.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }
}

/// Finds a program in `PATH`.
///
/// # Errors
/// It is not there; the message names the Debian `package` that holds it.
pub fn find(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| missing(program, package))
}

/// The error for a program that is not installed.
#[must_use]
pub fn missing(program: &str, package: &str) -> anyhow::Error {
    anyhow!("`{program}` is not installed: install the Debian package `{package}`")
}

/// A loopback port that was free a moment ago.
///
/// # Errors
/// Loopback has no free port.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A free loopback port that stays free while its server is down: no connection that some program
/// opens meanwhile is given it by the kernel.
///
/// # Errors
/// Every port that would do is taken.
pub fn steady_port() -> Result<u16> {
    let ports = u32::from(STEADY_PORTS.end - STEADY_PORTS.start);
    // Two programs that look at once begin at different places.
    let begin = std::process::id().wrapping_mul(131);
    (0..ports)
        .map(|_| begin.wrapping_add(STEADY_TRIED.fetch_add(1, Ordering::SeqCst)) % ports)
        .filter_map(|offset| STEADY_PORTS.start.checked_add(u16::try_from(offset).ok()?))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no port is free")
}

/// What `/proc/PID/stat` says after the name, which may hold anything.
fn stat_fields(directory: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(directory.join("stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn ended_children(parent: u32) -> Result<Duration> {
    let stat = stat_fields(Path::new(&format!("/proc/{parent}")))
        .with_context(|| format!("process {parent} has ended"))?;
    let ticks = ENDED_CHILDREN
        .iter()
        .filter_map(|place| stat.get(*place)?.parse::<u32>().ok())
        .fold(0, u32::saturating_add);
    Ok(TICK.saturating_mul(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(find("sh", "dash").unwrap()).args(["-c", script])
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = find("no-such-program", "some-package").unwrap_err().to_string();
        assert!(error.contains("`no-such-program`") && error.contains("`some-package`"), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_process_takes_its_children_along() {
        let mut process =
            Process::spawn("shell", &shell("sleep 1000 & echo child $!; wait"), None).unwrap();
        let child = process
            .line(|line| line.strip_prefix("child ").and_then(|id| id.parse().ok()))
            .await
            .unwrap();
        let child = Pid::from_raw(child).unwrap();
        drop(process);
        let deadline = Instant::now() + PATIENCE;
        while rustix::process::test_kill_process(child).is_ok() {
            assert!(Instant::now() < deadline, "the child still runs");
            sleep(POLL).await;
        }
    }

    #[tokio::test]
    async fn the_log_holds_both_outputs_and_the_end_is_an_error_with_it() {
        let mut process =
            Process::spawn("shell", &shell("echo to out; echo to err >&2; exit 3"), None).unwrap();
        assert_eq!(process.ended().await.unwrap().code(), Some(3));
        let error = process.line(|line| line.contains("never said").then_some(())).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("to out") && error.contains("to err"), "{error}");
    }

    #[test]
    fn steady_ports_differ_and_are_none_that_a_connection_is_given() {
        let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let given: u16 = range.split_whitespace().next().unwrap().parse().unwrap();
        let ports = [steady_port().unwrap(), steady_port().unwrap()];
        assert!(ports[0] != ports[1] && ports.iter().all(|port| *port < given), "{ports:?}");
    }

    #[tokio::test]
    async fn a_signal_ends_the_process() {
        let mut process =
            Process::spawn("shell", &shell("echo up; exec sleep 1000"), None).unwrap();
        process.line(|line| (line == "up").then_some(())).await.unwrap();
        process.signal(Signal::TERM).unwrap();
        assert_eq!(process.ended().await.unwrap().code(), None);
    }
}

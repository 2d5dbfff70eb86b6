//! A running `countersign` as a handle: started, waited for, asked to stop, stopped on drop.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_countersign");

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A working directory with nothing in it, where the data directory will be made.
pub(crate) fn empty_dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// `countersign` in `dir`, without any setting from this process's environment.
pub(crate) fn countersign<A: AsRef<OsStr>>(dir: &Path, arguments: &[A]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(arguments).current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

/// `countersign serve` on a free loopback port.
pub(crate) fn serve(dir: &Path) -> Command {
    countersign(dir, &["serve", "--listen", "127.0.0.1:0"])
}

/// How a run ended, and what it wrote.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command that shall end by itself.
pub(crate) fn run(mut command: Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Running::watch(child).wait()
}

/// Runs a command that shall refuse: gives its exit code and its one line.
pub(crate) fn refusal(command: Command) -> (i32, String) {
    let ended = run(command);
    assert_eq!(ended.stdout, "", "a refusal has no start-up lines");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    (ended.status.code().unwrap(), ended.stderr.trim_end().to_owned())
}

/// Starts a server and waits until it listens.
pub(crate) fn start(command: Command) -> Server {
    Server::start(command)
}

/// A server that waits for something before it listens.
pub(crate) struct Waiting(Running);

impl Waiting {
    /// Starts it and waits until a line of its log holds `text`.
    pub(crate) fn start(mut command: Command, text: &str) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Running::watch(child);
        running.wait_for(Stream::Err, text);
        Self(running)
    }

    /// Sends it a signal, and waits for its end.
    pub(crate) fn end_by(self, signal: &str) -> Ended {
        self.0.signal(signal);
        self.0.wait()
    }
}

/// A server that listens.
pub(crate) struct Server {
    running: Running,
    /// Its real address.
    pub(crate) address: SocketAddr,
    /// The URL of its start-up line.
    pub(crate) url: String,
}

impl Server {
    fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut running = Running::watch(child);
        let line = running.wait_for(Stream::Out, "listening on ");
        let mut words = line.split([' ', '(', ')']).filter(|word| !word.is_empty());
        let url = words.nth(2).unwrap().to_owned();
        let address = words.nth(1).unwrap().parse().unwrap();
        Self { running, address, url }
    }

    /// Waits for a line of the log that holds `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        self.running.wait_for(Stream::Err, text)
    }

    /// Waits for a line on standard output that holds `text`.
    pub(crate) fn wait_for_output(&mut self, text: &str) -> String {
        self.running.wait_for(Stream::Out, text)
    }

    pub(crate) fn signal(&self, name: &str) {
        self.running.signal(name);
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        let ended = self.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        ended
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(self) -> Ended {
        self.running.wait()
    }

    /// What a client that trusts the PEM certificate `ca` gets: status and body.
    pub(crate) fn get(&self, ca: &[u8], path: &str) -> Result<(u16, String), reqwest::Error> {
        // Another test of this process may have installed it.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = reqwest::Client::builder()
                .tls_certs_only([reqwest::Certificate::from_pem(ca)?])
                .timeout(DEADLINE)
                .build()?;
            let answer = client.get(format!("{}{path}", self.url)).send().await?;
            Ok((answer.status().as_u16(), answer.text().await?))
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// A child whose output is read as it comes, so that it never waits for a reader.
struct Running {
    child: Child,
    lines: Receiver<(Stream, String)>,
    stdout: String,
    stderr: String,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    fn watch(mut child: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let out = reader(child.stdout.take().unwrap(), Stream::Out, sender.clone());
        let err = reader(child.stderr.take().unwrap(), Stream::Err, sender);
        let (stdout, stderr) = (String::new(), String::new());
        Self { child, lines, stdout, stderr, readers: vec![out, err] }
    }

    fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill is missing: install procps").success());
    }

    fn wait_for(&mut self, stream: Stream, text: &str) -> String {
        loop {
            let Ok((from, line)) = self.lines.recv_timeout(DEADLINE) else {
                panic!("no line with {text:?}:\n{}\n{}", self.stdout, self.stderr);
            };
            self.keep(from, &line);
            if from == stream && line.contains(text) {
                return line;
            }
        }
    }

    fn keep(&mut self, from: Stream, line: &str) {
        match from {
            Stream::Out => self.stdout.push_str(line),
            Stream::Err => self.stderr.push_str(line),
        }
    }

    /// The readers end when the child has closed its output, at the latest by ending.
    fn wait(mut self) -> Ended {
        while let Some((from, line)) = self.next_line() {
            self.keep(from, &line);
        }
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        Ended { status, stdout, stderr }
    }

    fn next_line(&self) -> Option<(Stream, String)> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("still running:\n{}\n{}", self.stdout, self.stderr)
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already in the good case.
        self.child.kill().ok();
        self.child.wait().ok();
        for reader in self.readers.drain(..) {
            reader.join().ok();
        }
    }
}

fn reader(
    stream: impl Read + Send + 'static,
    from: Stream,
    sender: mpsc::Sender<(Stream, String)>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            if sender.send((from, std::mem::take(&mut line))).is_err() {
                return;
            }
        }
    })
}

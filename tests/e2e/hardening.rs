//! What the system keeps others from seeing of a running process: its memory in core dumps, through
//! debuggers and in swap.
//!
//! Each setting is read back from the process itself. It runs as a user without rights, since who
//! has all rights is held off by nothing.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use countersign_tests::peers::certs::Authority;
use countersign_tests::peers::countersign::binary;
use countersign_tests::peers::process::{PATIENCE, Process, Program, find};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Debian's user for those who own nothing.
const NOBODY: u32 = 65534;

const ALLOW_DEBUGGING: (&str, &str) = ("COUNTERSIGN_ALLOW_DEBUGGING", "true");

/// What systemd gives to services by default, in bytes.
const FINITE: &str = "8388608";

const NO_RIGHTS: &[&str] = &["--bounding-set=-all", "--inh-caps=-all"];

/// As systemd gives it with `AmbientCapabilities=CAP_IPC_LOCK`: no limit counts for who has it. That
/// is how a test may lock memory where it cannot lift the limit of the machine.
const MAY_LOCK: &[&str] = &[
    "--bounding-set=-all,+ipc_lock",
    "--inh-caps=-all,+ipc_lock",
    "--ambient-caps=-all,+ipc_lock",
];

const POLL: Duration = Duration::from_millis(10);

/// A folder that belongs to nobody, with a copy of the binary that everybody may run.
struct Home(TempDir);

impl Home {
    fn new() -> Result<Self> {
        let folder = TempDir::new()?;
        fs::copy(binary()?, folder.path().join("countersign"))?;
        chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
        Ok(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn files(&self) -> Result<Vec<String>> {
        let names = fs::read_dir(self.path())?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    /// A program that runs as nobody in this folder, with `rights` in the words of `setpriv` and under
    /// `limits` in those of `prlimit`.
    fn as_nobody(&self, rights: &[&str], limits: &[&str], command: &[&str]) -> Result<Program> {
        let program = Program::new(find("prlimit", "util-linux")?)
            // One limit at least; else it only lists them.
            .args(["--nofile=4096"])
            .args(limits.iter().copied())
            .args([find("setpriv", "util-linux")?.to_string_lossy()])
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(rights.iter().copied())
            .args(["--"])
            .args(command.iter().copied())
            .within(self.path());
        Ok(program)
    }

    fn without_rights(&self, command: &[&str]) -> Result<Program> {
        self.as_nobody(NO_RIGHTS, &[], command)
    }

    /// A server of nobody's, without any right.
    async fn serve(&self, limits: &[&str], variables: &[(&str, &str)]) -> Result<Server> {
        self.serve_with(NO_RIGHTS, limits, variables).await
    }

    async fn serve_with(
        &self,
        rights: &[&str],
        limits: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Server> {
        let command = ["./countersign", "serve", "--listen", "127.0.0.1:0"];
        self.start(&command, rights, limits, variables).await
    }

    /// A signer of nobody's, which may lock its memory.
    async fn sign(&self) -> Result<Server> {
        let authority = Authority::create(self.path(), "authority of servers")?;
        authority.leaf("signer")?;
        let command = "./countersign signer --listen 127.0.0.1:0 --data-dir signer \
                       --tls-cert signer.crt --tls-key signer.key --client-ca ca.crt";
        let command: Vec<&str> = command.split_whitespace().collect();
        self.start(&command, MAY_LOCK, &["--core=unlimited"], &[]).await
    }

    async fn start(
        &self,
        command: &[&str],
        rights: &[&str],
        limits: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Server> {
        let mut program = self.as_nobody(rights, limits, command)?;
        for (name, value) in variables {
            program = program.env(name, value);
        }
        let mut process = Process::spawn("countersign", &program, None)?;
        let listening = |line: &str| line.starts_with("listening on ").then_some(());
        process.line(listening).await?;
        Ok(Server(process))
    }

    /// What a program of nobody's comes to.
    async fn run(&self, command: &[&str]) -> Result<(bool, String)> {
        let mut process = Process::spawn("nobody's program", &self.without_rights(command)?, None)?;
        let status = process.ended().await?;
        Ok((status.success(), process.log()))
    }
}

struct Server(Process);

impl Server {
    fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0.id())
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.file(name)).with_context(|| format!("no {name}"))
    }

    /// What stands after `name` in its status.
    fn status(&self, name: &str) -> Result<String> {
        let status = self.read("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(value.with_context(|| format!("no {name}"))?.trim().to_owned())
    }

    /// How much of its memory is locked, and how much is in use, in KiB.
    fn memory(&self) -> Result<(u64, u64)> {
        let kib = |name| -> Result<u64> { Ok(self.status(name)?.trim_end_matches(" kB").parse()?) };
        Ok((kib("VmLck")?, kib("VmRSS")?))
    }

    /// The soft and the hard limit of `name`.
    fn limits(&self, name: &str) -> Result<[String; 2]> {
        let limits = self.read("limits")?;
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let mut words = line.with_context(|| format!("no {name}"))?.split_whitespace();
        match (words.next(), words.next()) {
            (Some(soft), Some(hard)) => Ok([soft.to_owned(), hard.to_owned()]),
            _ => bail!("no limits in {limits}"),
        }
    }

    async fn stop(mut self) -> Result<String> {
        self.0.signal(Signal::TERM)?;
        let status = self.0.ended().await?;
        if !status.success() {
            bail!("{status}: {}", self.0.log());
        }
        Ok(self.0.log())
    }
}

#[tokio::test]
async fn a_running_server_may_leave_no_core_dump_and_be_given_no_more_rights() {
    let home = Home::new().unwrap();
    let server = home.serve(&["--core=unlimited"], &[]).await.unwrap();
    assert_eq!(server.limits("Max core file size").unwrap(), ["0", "0"]);
    assert_eq!(server.status("NoNewPrivs").unwrap(), "1");
    // The kernel gives the files of a process that nobody may look into to root.
    assert_eq!(fs::metadata(server.file("status")).unwrap().uid(), 0);
    assert!(!server.stop().await.unwrap().contains("debugg"));
}

#[tokio::test]
async fn with_debugging_allowed_it_may_and_says_so_loudly() {
    let home = Home::new().unwrap();
    let server = home.serve(&["--core=unlimited"], &[ALLOW_DEBUGGING]).await.unwrap();
    assert_eq!(server.limits("Max core file size").unwrap(), ["unlimited", "unlimited"]);
    assert_eq!(fs::metadata(server.file("status")).unwrap().uid(), NOBODY);
    let log = server.stop().await.unwrap();
    let loud =
        |words: &str| log.lines().any(|line| line.contains("\"ERROR\"") && line.contains(words));
    assert!(loud("debuggers may attach to this process"), "{log}");
    assert!(loud("may leave a core dump"), "{log}");
}

#[tokio::test]
async fn a_crash_leaves_no_core_dump_unless_debugging_is_allowed() {
    for (variables, dumps) in [(&[][..], false), (&[ALLOW_DEBUGGING][..], true)] {
        let home = Home::new().unwrap();
        let mut server = home.serve(&["--core=unlimited"], variables).await.unwrap();
        let before = home.files().unwrap();
        // What a program ends itself with that has noticed a fault.
        server.0.signal(Signal::ABORT).unwrap();
        let status = server.0.ended().await.unwrap();
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
        assert_eq!(status.core_dumped(), dumps, "{variables:?}");
        if !dumps {
            assert_eq!(home.files().unwrap(), before);
        }
    }
}

#[tokio::test]
async fn another_process_of_the_same_user_can_neither_trace_a_server_nor_read_its_memory() {
    let home = Home::new().unwrap();
    let server = home.serve(&[], &[]).await.unwrap();
    let strace = find("strace", "strace").unwrap();
    let (strace, id) = (strace.to_str().unwrap(), server.0.id().to_string());
    let (traced, said) = home.run(&[strace, "-p", &id]).await.unwrap();
    assert!(!traced && said.contains("Operation not permitted"), "{said}");
    for file in ["mem", "environ", "maps", "auxv"] {
        let (read, said) = home.run(&["/bin/cat", &server.file(file)]).await.unwrap();
        assert!(!read && said.contains("Permission denied"), "{file}: {said}");
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn with_debugging_allowed_the_same_user_can_do_both() {
    let home = Home::new().unwrap();
    let server = home.serve(&[], &[ALLOW_DEBUGGING]).await.unwrap();
    let strace = find("strace", "strace").unwrap();
    let (strace, id) = (strace.to_str().unwrap(), server.0.id().to_string());
    let program = home.without_rights(&[strace, "-p", &id]).unwrap();
    let mut tracing = Process::spawn("strace", &program, None).unwrap();
    tracing.line(|line| line.ends_with(" attached").then_some(())).await.unwrap();
    tracing.signal(Signal::TERM).unwrap();
    tracing.ended().await.unwrap();
    let (read, _) = home.run(&["/bin/cat", &server.file("environ")]).await.unwrap();
    assert!(read);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn memory_is_locked_where_the_server_may_and_no_more_of_it_is_in_use() {
    let home = Home::new().unwrap();
    let mut in_use = Vec::new();
    for (rights, locks) in [(NO_RIGHTS, false), (MAY_LOCK, true)] {
        let server = home.serve_with(rights, &[&format!("--memlock={FINITE}")], &[]).await.unwrap();
        let (locked, resident) = server.memory().unwrap();
        assert_eq!(locked >= resident, locks, "{locked} KiB of {resident}");
        in_use.push(resident);
        let log = server.stop().await.unwrap();
        let told = log.contains("memory is locked: nothing of it is written to swap");
        assert_eq!(told, locks, "{log}");
    }
    let [without, with] = in_use[..] else { panic!("{in_use:?}") };
    // The difference between two runs, and far less than the stacks that are never touched.
    assert!(with < without + without / 4, "{in_use:?} KiB");
}

#[tokio::test]
async fn under_a_finite_limit_nothing_is_locked_and_one_line_says_how_to_allow_it() {
    let home = Home::new().unwrap();
    for limit in ["--memlock=0", &format!("--memlock={FINITE}")] {
        let server = home.serve(&[limit], &[]).await.unwrap();
        assert_eq!(server.memory().unwrap().0, 0, "{limit}");
        let log = server.stop().await.unwrap();
        let told = log.lines().filter(|line| line.contains("memory is not locked"));
        let [line] = told.collect::<Vec<_>>()[..] else { panic!("{limit}: {log}") };
        for way in ["LimitMEMLOCK=infinity", "--ulimit memlock=-1", "ulimit -l unlimited"] {
            assert!(line.contains(way), "{line}");
        }
    }
}

#[tokio::test]
async fn a_signer_is_closed_as_a_server_is() {
    let home = Home::new().unwrap();
    let signer = home.sign().await.unwrap();
    assert_eq!(signer.limits("Max core file size").unwrap(), ["0", "0"]);
    assert_eq!(signer.status("NoNewPrivs").unwrap(), "1");
    let (locked, resident) = signer.memory().unwrap();
    assert!(locked >= resident, "{locked} KiB of {resident}");
    let strace = find("strace", "strace").unwrap();
    let (strace, id) = (strace.to_str().unwrap(), signer.0.id().to_string());
    let (traced, said) = home.run(&[strace, "-p", &id]).await.unwrap();
    assert!(!traced && said.contains("Operation not permitted"), "{said}");
    let (read, said) = home.run(&["/bin/cat", &signer.file("mem")]).await.unwrap();
    assert!(!read && said.contains("Permission denied"), "{said}");
    let log = signer.stop().await.unwrap();
    assert!(log.contains("memory is locked"), "{log}");
}

#[tokio::test]
async fn a_command_that_reads_a_secret_is_closed_as_a_server_is() {
    let home = Home::new().unwrap();
    // It waits for a password that never comes, since it holds the other end of the pipe itself.
    let script = "mkfifo pipe && exec ./countersign access hash alice <>pipe";
    let limits = ["--core=unlimited"];
    let program = home.as_nobody(MAY_LOCK, &limits, &["/bin/sh", "-c", script]).unwrap();
    let command = Server(Process::spawn("countersign access hash", &program, None).unwrap());
    let deadline = Instant::now() + PATIENCE;
    while command.memory().unwrap().0 == 0 {
        assert!(Instant::now() < deadline, "nothing is locked");
        sleep(POLL).await;
    }
    assert_eq!(command.limits("Max core file size").unwrap(), ["0", "0"]);
    assert_eq!(fs::metadata(command.file("status")).unwrap().uid(), 0);
    let (read, said) = home.run(&["/bin/cat", &command.file("environ")]).await.unwrap();
    assert!(!read && said.contains("Permission denied"), "{said}");
}

#[tokio::test]
async fn a_word_that_neither_allows_nor_denies_debugging_stops_every_command() {
    let home = Home::new().unwrap();
    for command in [&["serve"][..], &["version"], &["keys", "list"]] {
        let command = [&["./countersign"], command].concat();
        let program = home.without_rights(&command).unwrap().env(ALLOW_DEBUGGING.0, "yes");
        let mut process = Process::spawn("countersign", &program, None).unwrap();
        assert_eq!(process.ended().await.unwrap().code(), Some(2), "{command:?}");
        let expected = "COUNTERSIGN_ALLOW_DEBUGGING = \"yes\": expected true or false";
        assert!(process.log().contains(expected), "{}", process.log());
    }
    assert_eq!(home.files().unwrap(), ["countersign"]);
}

//! A throwaway PostgreSQL on loopback: new cluster, trust authentication, nothing kept.
//!
//! What never comes in: anybody's tables; whoever needs some brings its SQL.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::process::{Process, Program, find, missing, steady_port};

const PACKAGE: &str = "postgresql";
/// PostgreSQL refuses to run as root; Debian's package makes this user.
const USER: &str = "postgres";

/// Mounts a disk on `$0`, of `$1` MiB, makes a cluster on it and becomes its server.
const ON_DISK: &str = "\
    mount -t tmpfs -o size=\"$1\"m,mode=0700 tmpfs \"$0\" && chown postgres \"$0\" || exit 1
    as='setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig KILL --'
    $as \"$2\" --auth=trust --encoding=UTF8 --username=postgres --no-sync \"$0\" || exit 1
    exec $as \"$3\" -D \"$0\" -F -p \"$4\" -c listen_addresses=127.0.0.1 -c unix_socket_directories=";

/// A running cluster.
#[derive(Debug)]
pub struct Postgres {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    port: u16,
    programs: PathBuf,
    server: Program,
    user: Option<&'static str>,
    directory: TempDir,
}

impl Postgres {
    /// Makes a cluster in a new directory and starts it on a port that stays its own.
    ///
    /// # Errors
    /// PostgreSQL is not installed (the message names the package) or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_in(&["-F"]).await
    }

    /// The same with what is committed on disk before that is said, as in production: tests do not
    /// wait for that.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn start_durable() -> Result<Self> {
        Self::start_in(&[]).await
    }

    async fn start_in(mode: &[&str]) -> Result<Self> {
        let programs = programs()?;
        // Readable by the other user, unlike an ordinary temporary directory.
        let directory =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        let user = rustix::process::geteuid().is_root().then_some(USER);
        if let Some(user) = user {
            chown(&data, Some(user_id(user).await?), None)?;
        }
        let data = data.to_string_lossy().into_owned();
        let initdb = Program::new(programs.join("initdb")).within(directory.path()).args([
            "--auth=trust",
            "--encoding=UTF8",
            "--username=postgres",
            "--no-sync",
            &data,
        ]);
        let mut making = Process::spawn("initdb", &initdb, user)?;
        let made = making.ended().await?;
        ensure!(made.success(), "initdb failed: {}", making.log());

        let port = steady_port()?;
        let server = Program::new(programs.join("postgres"))
            .within(directory.path())
            .args(["-D", &data, "-p", &port.to_string()])
            .args(mode.iter().copied())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "max_connections=300"]);
        let process = run(&server, user).await?;
        Ok(Self { process, port, programs, server, user, directory })
    }

    /// The same on a disk of its own, of this size: memory that is mounted where only the server
    /// sees it. It holds what a new cluster needs, and some more, from 100 MiB on. It is gone with
    /// the server.
    ///
    /// # Errors
    /// As [`Postgres::start`], or the caller is not root.
    pub async fn start_on_disk(mebibytes: u32) -> Result<Self> {
        ensure!(rustix::process::geteuid().is_root(), "a disk is mounted: run this test as root");
        let programs = programs()?;
        let directory =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        let port = steady_port()?;
        let server = Program::new(find("unshare", "util-linux")?)
            .within(directory.path())
            .args(["--mount", "sh", "-c", ON_DISK])
            .args([data.to_string_lossy(), mebibytes.to_string().into()])
            .args([programs.join("initdb").to_string_lossy()])
            .args([programs.join("postgres").to_string_lossy(), port.to_string().into()]);
        let process = run(&server, None).await?;
        Ok(Self { process, port, programs, server, user: None, directory })
    }

    /// The number of its process, for whoever reads below `/proc`.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that the server and its backends have used so far.
    ///
    /// # Errors
    /// The server is gone.
    pub fn processor_time(&self) -> Result<Duration> {
        self.process.family_processor_time()
    }

    /// Leaves no byte free on the disk of [`Postgres::start_on_disk`].
    ///
    /// # Errors
    /// The server is gone.
    pub fn fill_disk(&self) -> Result<()> {
        let mut filler = fs::File::create(self.filler())?;
        let piece = vec![0; 1 << 20];
        // The last piece is written as far as it goes.
        while let Ok(1..) = filler.write(&piece) {}
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// The server is gone, or the disk was not filled.
    pub fn free_disk(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("the disk was not filled")
    }

    /// Where the server sees its directory, as this program can reach it.
    fn filler(&self) -> PathBuf {
        let data = self.directory.path().join("data/filler");
        let seen = data.strip_prefix("/").unwrap_or(&data);
        Path::new("/proc").join(self.process.id().to_string()).join("root").join(seen)
    }

    /// Ends the server as a crash would: nothing is told to clients, nothing is tidied up.
    ///
    /// # Errors
    /// It does not end.
    pub async fn crash(&mut self) -> Result<()> {
        self.process.signal(Signal::QUIT)?;
        self.process.ended().await?;
        Ok(())
    }

    /// Kills the server and all its processes at once (signal 9).
    ///
    /// # Errors
    /// It is gone already.
    pub fn kill9(&mut self) -> Result<()> {
        for child in self.held()? {
            // One that has ended meanwhile is what is wanted.
            kill_process(child, Signal::KILL).ok();
        }
        self.process.kill9()
    }

    /// Stops the server in good order without waiting for clients (SIGINT).
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.signal(Signal::INT)?;
        self.process.ended().await?;
        Ok(())
    }

    /// Stops all its processes where they are (SIGSTOP), as a machine that hangs does.
    ///
    /// # Errors
    /// It is gone.
    pub fn pause(&self) -> Result<()> {
        for child in self.held()? {
            kill_process(child, Signal::STOP).ok();
        }
        Ok(())
    }

    /// Lets all its processes go on.
    ///
    /// # Errors
    /// It is gone.
    pub fn resume(&self) -> Result<()> {
        for child in self.process.children()? {
            kill_process(child, Signal::CONT).ok();
        }
        self.process.resume()
    }

    /// The server's children, each with a process group of its own, while the server itself is
    /// held and makes no more of them.
    fn held(&self) -> Result<Vec<Pid>> {
        self.process.pause()?;
        self.process.children()
    }

    /// Starts the server again, on the same port and data.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = run(&self.server, self.user).await?;
        Ok(())
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database of it, for a user that needs no password.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// What the server has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Creates database `name` and runs `sql` in it.
    ///
    /// # Errors
    /// The database exists or the SQL fails.
    pub async fn create_database(&self, name: &str, sql: &str) -> Result<()> {
        self.psql("postgres", &format!("CREATE DATABASE {name}")).await?;
        self.psql(name, sql).await
    }

    /// Runs `sql` in `database`, as the one who may do anything.
    ///
    /// # Errors
    /// The SQL fails.
    pub async fn psql(&self, database: &str, sql: &str) -> Result<()> {
        self.ask(database, sql).await.map(drop)
    }

    /// The same, and what it answers: one line for each row, without a head.
    ///
    /// # Errors
    /// As [`Postgres::psql`].
    pub async fn ask(&self, database: &str, sql: &str) -> Result<String> {
        let mut child = Command::new(self.programs.join("psql"))
            .args(["-qXAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"])
            .args(["-p", &self.port.to_string(), database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("psql did not start")?;
        let mut input = child.stdin.take().context("psql without input")?;
        input.write_all(sql.as_bytes()).await?;
        drop(input);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Postgres {
    /// Children that were paused would not notice that their server is gone.
    fn drop(&mut self) {
        self.kill9().ok();
    }
}

async fn run(server: &Program, user: Option<&str>) -> Result<Process> {
    let mut process = Process::spawn("postgres", server, user)?;
    process.line(|line| line.contains("ready to accept connections").then_some(())).await?;
    Ok(process)
}

/// Debian keeps the server's programs outside `PATH`, one folder per release: take the newest.
fn programs() -> Result<PathBuf> {
    let releases = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = releases
        .map(|release| release.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file())
        .max_by_key(|programs| release_number(programs));
    match newest {
        Some(programs) => Ok(programs),
        None => find("initdb", PACKAGE)?
            .parent()
            .map(Path::to_owned)
            .ok_or_else(|| missing("initdb", PACKAGE)),
    }
}

fn release_number(programs: &Path) -> Option<u32> {
    programs.parent()?.file_name()?.to_str()?.parse().ok()
}

async fn user_id(name: &str) -> Result<u32> {
    let output = Command::new(find("id", "coreutils")?).args(["-u", name]).output().await?;
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(|_| missing(name, PACKAGE))
}

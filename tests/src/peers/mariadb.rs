//! A throwaway MariaDB on loopback: new data directory, root without a password, nothing kept.
//!
//! What never comes in: anybody's tables; whoever needs some brings its SQL.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::process::{Process, Program, find, missing, steady_port};

const PACKAGE: &str = "mariadb-server";
/// MariaDB refuses to run as root; Debian's package makes this user.
const USER: &str = "mysql";

/// The system tables, as Debian's package brings them.
const SYSTEM_TABLES: [&str; 2] =
    ["/usr/share/mysql/mysql_system_tables.sql", "/usr/share/mysql/mysql_system_tables_data.sql"];

/// Small files, and no waiting for the disk: what a test needs to outlive is a killed process, not a
/// machine without power.
const QUICK: [&str; 8] = [
    "--no-defaults",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-log-file-size=4M",
    "--innodb-data-file-path=ibdata1:4M:autoextend",
    "--innodb-undo-tablespaces=0",
    "--aria-log-file-size=8M",
    "--sync-frm=0",
];

/// A running server.
#[derive(Debug)]
pub struct MariaDb {
    // Dropped in this order: the process ends before its directory goes.
    process: Process,
    port: u16,
    server: Program,
    user: Option<&'static str>,
    directory: TempDir,
}

impl MariaDb {
    /// Makes a data directory and starts a server on it, on a port that stays its own.
    ///
    /// # Errors
    /// MariaDB is not installed (the message names the package) or does not start.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same, with more of the server's options.
    ///
    /// # Errors
    /// As [`MariaDb::start`].
    pub async fn start_with(options: &[&str]) -> Result<Self> {
        let program = find("mariadbd", PACKAGE)?;
        // Readable by the other user, unlike an ordinary temporary directory.
        let directory =
            tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
        let data = directory.path().join("data");
        fs::create_dir(&data)?;
        let user = rustix::process::geteuid().is_root().then_some(USER);
        if let Some(user) = user {
            chown(&data, Some(user_id(user).await?), None)?;
        }
        make_system_tables(&program, directory.path(), &data, user).await?;

        let port = steady_port()?;
        let server = Program::new(program)
            .within(directory.path())
            .args(QUICK)
            .args([format!("--datadir={}", data.display()), format!("--port={port}")])
            .args([format!("--socket={}", data.join("socket").display())])
            .args(["--bind-address=127.0.0.1", "--max-connections=300"])
            .args(options.iter().copied());
        let process = run(&server, user).await?;
        Ok(Self { process, port, server, user, directory })
    }

    /// Ends the server as a crash would: nothing is told to clients, nothing is tidied up.
    ///
    /// # Errors
    /// It does not end.
    pub async fn crash(&mut self) -> Result<()> {
        self.process.signal(Signal::KILL)?;
        self.process.ended().await?;
        Ok(())
    }

    /// Stops the server in good order (SIGTERM).
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(&mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.ended().await?;
        Ok(())
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

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("data/socket")
    }

    /// The URL of a database of it, for a user that needs no password.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/{database}?ssl-mode=DISABLED", self.port)
    }

    /// What the server has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Creates database `name`, in the characters that Notary asks for, and runs `sql` in it.
    ///
    /// # Errors
    /// The database exists or the SQL fails.
    pub async fn create_database(&self, name: &str, sql: &str) -> Result<()> {
        self.sql("mysql", &format!("CREATE DATABASE {name} CHARACTER SET utf8")).await?;
        self.sql(name, sql).await
    }

    /// Runs `sql` in `database`, as the one who may do anything.
    ///
    /// # Errors
    /// The SQL fails.
    pub async fn sql(&self, database: &str, sql: &str) -> Result<()> {
        self.ask(database, sql).await.map(drop)
    }

    /// The same, and what it answers: one line for each row, without a head.
    ///
    /// # Errors
    /// As [`MariaDb::sql`].
    pub async fn ask(&self, database: &str, sql: &str) -> Result<String> {
        let mut child = Command::new(find("mariadb", "mariadb-client")?)
            .args([
                "--no-defaults",
                "--skip-column-names",
                "--batch",
                "--protocol=tcp",
                "--host=127.0.0.1",
                "--user=root",
            ])
            .args([format!("--port={}", self.port), format!("--database={database}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("mariadb did not start")?;
        let mut input = child.stdin.take().context("mariadb without input")?;
        input.write_all(sql.as_bytes()).await?;
        drop(input);
        let output = child.wait_with_output().await?;
        ensure!(output.status.success(), "mariadb: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

async fn run(server: &Program, user: Option<&str>) -> Result<Process> {
    let mut process = Process::spawn("mariadbd", server, user)?;
    process.line(|line| line.contains("ready for connections").then_some(())).await?;
    Ok(process)
}

/// What `mariadb-install-db` would make, without the help texts, which take longer than all else.
async fn make_system_tables(
    program: &Path,
    directory: &Path,
    data: &Path,
    user: Option<&str>,
) -> Result<()> {
    let mut sql = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n".to_owned();
    for file in SYSTEM_TABLES {
        let text = fs::read_to_string(file).map_err(|_| missing(file, PACKAGE))?;
        // Such lines are about the name of the machine; the others begin with it.
        let of_any_machine = text.lines().filter(|line| !line.contains("@current_hostname"));
        sql.extend(of_any_machine.flat_map(|line| [line, "\n"]));
    }
    let file = directory.join("system-tables.sql");
    fs::write(&file, sql)?;
    let script = "exec \"$0\" \"$@\" < system-tables.sql";
    let making = Program::new(find("sh", "dash")?)
        .within(directory)
        .args(["-c".to_owned(), script.to_owned(), program.display().to_string()])
        .args(QUICK)
        .args(["--bootstrap".to_owned(), format!("--datadir={}", data.display())]);
    let mut making = Process::spawn("mariadbd --bootstrap", &making, user)?;
    let made = making.ended().await?;
    ensure!(made.success(), "the system tables cannot be made: {}", making.log());
    Ok(())
}

async fn user_id(name: &str) -> Result<u32> {
    let output = Command::new(find("id", "coreutils")?).args(["-u", name]).output().await?;
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(|_| missing(name, PACKAGE))
}

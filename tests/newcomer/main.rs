//! A newcomer: README and the quick start followed to the letter, in a clean directory.
//!
//! Commands come from the pages ([`page`]) and go to a shell ([`shell`]); what a page says that
//! they print is compared with what they print. Two things are ours: the server gets a free port
//! in place of 4443, and built crates are taken from the tests' own target directory.
//! What never comes in: a command that is on no page.

#![cfg(test)]

mod page;
mod shell;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::process::{Process, Program, find, free_port};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::page::{Step, differs, steps};
use crate::shell::Shell;

/// The port that the pages name.
const PORT: &str = "4443";

#[tokio::test]
async fn every_command_of_readme_and_quick_start_does_what_the_page_says() {
    let newcomer = Newcomer::arrive().unwrap();
    for page in ["README.md", "docs/quick-start.md"] {
        newcomer.follow(page).await.with_context(|| format!("following {page}")).unwrap();
    }
}

/// Somebody with a fresh copy of the source and an empty home.
struct Newcomer {
    home: TempDir,
    source: PathBuf,
    port: u16,
}

impl Newcomer {
    /// Copies what a clone of the working tree would hold.
    fn arrive() -> Result<Self> {
        let home = TempDir::new()?;
        let source = home.path().join("countersign");
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let git = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = Command::new("git").current_dir(&tree).args(git).output()?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8(listed.stderr)?);
        for file in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let from = tree.join(file);
            // A file that was just removed is still listed.
            if from.is_file() {
                let to = source.join(file);
                std::fs::create_dir_all(to.parent().context("a folder")?)?;
                std::fs::copy(from, to)?;
            }
        }
        Ok(Self { home, source, port: free_port()? })
    }

    /// Follows a page from its first command to its last, and leaves no data behind.
    async fn follow(&self, page: &str) -> Result<()> {
        let text = std::fs::read_to_string(self.source.join(page))?;
        let mut server = None;
        let mut shell = Shell::start(&self.source, &self.environment())?;
        // What `cargo run` builds before it serves; here, since nobody waits for a server so long.
        let built = shell.run("cargo build --release --locked")?;
        ensure!(built.succeeded, "{}", built.printed);
        for step in steps(&text) {
            // The tests do not start themselves.
            if step.command == "cargo xtask test" {
                continue;
            }
            if step.starts_the_server() {
                server = Some(self.serve(&step).await?);
                continue;
            }
            self.run(&mut shell, &step)?;
        }
        let mut server: Process = server.context("the page starts the server")?;
        server.signal(Signal::TERM)?;
        let ended = server.ended().await?;
        ensure!(ended.success(), "the server ended with {ended}\n{}", server.log());
        for left in ["countersign-data", "trust"] {
            std::fs::remove_dir_all(self.source.join(left)).with_context(|| left.to_owned())?;
        }
        Ok(())
    }

    fn run(&self, shell: &mut Shell, step: &Step) -> Result<()> {
        let done = shell.run(&self.on_our_port(&step.command))?;
        let printed = self.on_their_port(&done.printed);
        let command = &step.command;
        ensure!(
            done.succeeded != step.is_refused(),
            "{command}\nended as the page does not say, and printed:\n{printed}"
        );
        if let Some(difference) = differs(&step.expected, &printed) {
            anyhow::bail!("{command}\n{difference}\nIt printed:\n{printed}");
        }
        Ok(())
    }

    /// Starts the server in "another terminal", and waits for every line that the page shows. Its
    /// log goes to a file of its own.
    async fn serve(&self, step: &Step) -> Result<Process> {
        let program = Program::new(find("bash", "bash")?)
            .args(["-c", &format!("exec 2> ../log; {}", self.on_our_port(&step.command))])
            .within(&self.source);
        let program = self
            .environment()
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        let mut server = Process::spawn("the page's server", &program, None)?;
        let ready = format!("listening on https://localhost:{}", self.port);
        server.line(|line| line.starts_with(&ready).then_some(())).await?;
        let last = step.expected.last().cloned().unwrap_or_default();
        let last = self.on_our_port(&last);
        server.line(|line| page::fits(&last, line).then_some(())).await?;
        let printed = self.on_their_port(&server.log());
        match differs(&step.expected, &printed) {
            Some(difference) => {
                anyhow::bail!("{}\n{difference}\nIt printed:\n{printed}", step.command)
            }
            None => Ok(server),
        }
    }

    fn on_their_port(&self, text: &str) -> String {
        text.replace(&format!(":{}", self.port), &format!(":{PORT}"))
    }

    fn on_our_port(&self, text: &str) -> String {
        text.replace(PORT, &self.port.to_string())
    }

    /// A clean home; the tool chain stays where it is, and so does what it has built.
    fn environment(&self) -> Vec<(String, String)> {
        let home = self.home.path().join("home");
        let kept = |name: &str, else_below_home: &str| {
            let own = std::env::var(name).ok();
            let below = || format!("{}/{else_below_home}", std::env::var("HOME").ok()?).into();
            Some((name.to_owned(), own.or_else(below)?))
        };
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
        let ours = [
            ("HOME".to_owned(), home.display().to_string()),
            ("COUNTERSIGN_LISTEN".to_owned(), format!("127.0.0.1:{}", self.port)),
            ("CARGO_TARGET_DIR".to_owned(), target.display().to_string()),
            ("CARGO_TERM_QUIET".to_owned(), "true".to_owned()),
        ];
        let tools = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
        ours.into_iter().chain(tools.into_iter().filter_map(|(n, d)| kept(n, d))).collect()
    }
}

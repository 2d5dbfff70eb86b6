//! A shell that a newcomer types into.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

/// What stands before the exit code when a command has ended.
const END: &str = "--- ended with ";

/// One bash for a whole page, so that variables stay.
pub(crate) struct Shell {
    bash: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What came of a command.
pub(crate) struct Done {
    pub(crate) succeeded: bool,
    /// Both of its outputs.
    pub(crate) printed: String,
}

impl Shell {
    /// Starts one in `directory`.
    pub(crate) fn start(directory: &Path, environment: &[(String, String)]) -> Result<Self> {
        let mut bash = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(directory)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = bash.stdin.take().context("bash reads")?;
        let output = BufReader::new(bash.stdout.take().context("bash writes")?);
        let mut shell = Self { bash, input, output };
        writeln!(shell.input, "exec 2>&1; mkdir -p \"$HOME\"")?;
        Ok(shell)
    }

    /// Types a command and waits for its end. It finds nothing to read.
    pub(crate) fn run(&mut self, command: &str) -> Result<Done> {
        writeln!(self.input, "{{ {command}\n}} < /dev/null; ended=$?")?;
        writeln!(self.input, "echo; echo \"{END}$ended\"")?;
        self.input.flush()?;
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let length = self.output.read_line(&mut line)?;
            anyhow::ensure!(length > 0, "the shell ended at {command:?} after:\n{printed}");
            if let Some(code) = line.strip_prefix(END) {
                return Ok(Done { succeeded: code.trim() == "0", printed });
            }
            printed.push_str(&line);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.bash.kill().ok();
        self.bash.wait().ok();
    }
}

//! A server with a token service, and who asks it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use countersign_tests::peers::countersign::{Countersign, binary};
use countersign_tests::peers::notary_client::{NotaryClient, Outcome};
use tempfile::TempDir;

/// Everybody's password; it has what forms and headers must escape.
pub(crate) const PASSWORD: &str = "p@ss: &+%wörd";

/// The name under which the registry takes tokens.
pub(crate) const REGISTRY_SERVICE: &str = "registry.example";

/// What a client says whose token is not enough.
pub(crate) const NOT_AUTHORIZED: &str = "you are not authorized to perform this operation";

/// A server that gives out tokens to alice, bob and carol.
pub(crate) struct Issuing {
    // Dropped in this order: the process ends before the directory of its users goes.
    pub(crate) server: Countersign,
    folder: TempDir,
}

impl Issuing {
    /// With more lines of settings, of which `[access]` may be one.
    pub(crate) async fn start(more: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let users = folder.path().join("users.htpasswd");
        let lines: Result<Vec<String>> =
            ["alice", "bob", "carol"].map(hashed).into_iter().collect();
        fs::write(&users, lines?.concat())?;
        fs::write(folder.path().join("rules.toml"), RULES)?;
        let more = more.replace("RULES", &folder.path().join("rules.toml").to_string_lossy());
        let settings = format!(
            "[tokens]\nusers = '{}'\n[[tokens.services]]\nname = '{REGISTRY_SERVICE}'\n\
             prefix = 'registry.example/'\n{more}",
            users.display()
        );
        Ok(Self { server: Countersign::start_with(&settings).await?, folder })
    }

    /// The same under [`RULES`].
    pub(crate) async fn start_under_rules() -> Result<Self> {
        Self::start("[access]\nrules = 'RULES'\n").await
    }

    /// A directory that ends with the server.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The lines for the registry's file that the server printed, as the registry wants them: at
    /// the beginning of the line.
    pub(crate) fn registry_settings(&self) -> Result<String> {
        let log = self.server.log();
        let (_, after) = log.split_once("(in its config.yml):\n").context("no lines to paste")?;
        let lines = after.lines().take_while(|line| line.starts_with("  "));
        let lines: Option<Vec<&str>> = lines.map(|line| line.strip_prefix("  ")).collect();
        let lines = lines.context("lines that are not indented")?;
        ensure!(lines.len() == 6, "{lines:?}");
        Ok(format!("{}\n", lines.join("\n")))
    }

    /// A user of `notary` with a home of its own.
    pub(crate) fn notary(&self, name: &str) -> Result<NotaryClient> {
        NotaryClient::new(&self.folder().join(format!("notary-{name}")), self.server.endpoint())
    }
}

/// Alice owns `team`, Bob may read it, everybody may read `public`, Carol may nothing else.
const RULES: &str = r#"
[[rules]]
allow = ["pull"]
anyone = true
guns = ["registry.example/public/**", "registry.example:*/public/**"]

[[rules]]
allow = ["pull", "push", "delete", "rotate-keys", "changefeed"]
users = ["alice"]
guns = ["**"]

[[rules]]
allow = ["pull"]
users = ["bob"]
guns = ["registry.example/team/**", "registry.example:*/team/**"]
"#;

/// The line that the server's own command makes for a user.
fn hashed(name: &str) -> Result<String> {
    let mut child = Command::new(binary()?)
        .args(["access", "hash", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("no input")?.write_all(PASSWORD.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "access hash ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs `notary`, which must end with exit code 0.
pub(crate) async fn notary_ok(client: &NotaryClient, arguments: &[&str]) -> Result<Outcome> {
    let outcome = client.run(arguments).await?;
    ensure!(outcome.succeeded(), "`notary {}` was to succeed: {outcome:#?}", arguments.join(" "));
    Ok(outcome)
}

/// Runs `notary`, which must end with exit code 1 and say `text`.
pub(crate) async fn notary_fails(
    client: &NotaryClient,
    arguments: &[&str],
    text: &str,
) -> Result<()> {
    let outcome = client.run(arguments).await?;
    let fits = outcome.code == Some(1) && outcome.says(text);
    ensure!(fits, "`notary {}` was to say {text:?}: {outcome:#?}", arguments.join(" "));
    Ok(())
}

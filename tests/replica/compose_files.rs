//! The files of `docker-compose.yml`, with addresses and folders of a test in place of those that
//! they have in containers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use countersign_tests::peers::process::find;
use tokio::process::Command;

/// The top of the repository.
pub(crate) fn top() -> Result<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(tests.parent().context("the tests have no folder above them")?.to_owned())
}

/// A file of `deploy/compose`.
pub(crate) fn file(name: &str) -> Result<String> {
    let path = top()?.join("deploy/compose").join(name);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The text with each of these put in the place of the other, which must be there.
pub(crate) fn replaced(text: &str, places: &[(&str, &str)]) -> Result<String> {
    let mut text = text.to_owned();
    for (from, to) in places {
        ensure!(text.contains(from), "{from} is not there");
        text = text.replace(from, to);
    }
    Ok(text)
}

/// Makes the secrets as an operator does.
pub(crate) async fn make_secrets(directory: &Path) -> Result<()> {
    let made = Command::new(find("sh", "dash")?)
        .arg(top()?.join("deploy/compose/make-secrets.sh"))
        .arg("trust.example.com")
        .env("SECRETS", directory)
        .output()
        .await?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// The number right behind `before` in a text.
pub(crate) fn number_after(text: &str, before: &str) -> Result<u64> {
    let (_, after) = text.split_once(before).with_context(|| format!("no {before}"))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    Ok(digits.parse()?)
}

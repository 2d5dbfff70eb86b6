//! What a restore says: losses and the end on standard output, troubles on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use countersign_trust::operate::Loss;

use super::signing::Summary;

/// What is lost of a GUN.
pub(super) fn losses(gun: &str, losses: &[Loss]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for loss in losses {
        writeln!(stdout, "lost: {}: {loss}", plain(gun))?;
    }
    stdout.flush()
}

/// A GUN that could not be signed again.
pub(super) fn stuck(gun: &str, reason: &dyn Display) -> io::Result<()> {
    let (gun, reason) = (plain(gun), plain(&reason.to_string()));
    writeln!(io::stderr(), "countersign: not signed again: {gun}: {reason}")
}

/// What cannot be compared.
pub(super) fn unreadable(what: &str, reason: &dyn Display) -> io::Result<()> {
    let (what, reason) = (plain(what), plain(&reason.to_string()));
    writeln!(io::stderr(), "countersign: not compared: {what}: {reason}")
}

/// What is off with the keys.
pub(super) fn warnings(warnings: &[String]) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    warnings.iter().try_for_each(|warning| writeln!(stderr, "countersign: warning: {warning}"))
}

/// What was done; `place` is the directory that was made.
pub(super) fn done(summary: &Summary, place: Option<&Path>) -> io::Result<()> {
    let Summary { guns, signed, before, stuck, lossy, versions } = summary;
    let mut stdout = io::stdout().lock();
    if let Some(place) = place {
        writeln!(stdout, "restored to {}", place.display())?;
    }
    writeln!(
        stdout,
        "{guns} GUNs: {signed} signed again {versions} versions higher, {before} by an earlier run, \
         {stuck} could not be"
    )?;
    match lossy {
        Some(0) => writeln!(stdout, "nothing that was published is lost")?,
        Some(lossy) => writeln!(stdout, "{lossy} GUNs lost something: see above")?,
        None => writeln!(
            stdout,
            "what was published since the backup is lost; --compare with the database that is \
             replaced lists it"
        )?,
    }
    stdout.flush()
}

/// One line, whatever is in it.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "?")
}

//! `countersign access hash`: a line for the file of users.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use countersign_access::users::{BadName, MAX_PASSWORD_BYTES, Password, PasswordHash};
use zeroize::Zeroizing;

use super::Hash;
use crate::exit::Failure;

/// More than a password may have, with a line break.
const MAX_INPUT: u64 = 1024;

impl Hash {
    /// Prints the name with a new hash of the password on standard input.
    pub(super) fn run(self) -> Result<(), Failure> {
        let usage = |why: String| Failure::Usage(why);
        BadName::look(&self.user).map_err(|why| usage(format!("NAME {:?}: {why}", self.user)))?;
        let hash = PasswordHash::make(&read_password()?)
            .map_err(|why| usage(format!("the password on standard input: {why}")))?;
        writeln!(io::stdout(), "{}:{}", self.user, hash.expose()).map_err(Failure::Output)
    }
}

/// Standard input without its last line break.
fn read_password() -> Result<Password, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::Usage(
            "standard input is a terminal, which would show the password: \
             read -rs P && printf %s \"$P\" | countersign access hash NAME"
                .to_owned(),
        ));
    }
    let mut text = Zeroizing::new(String::new());
    stdin.take(MAX_INPUT).read_to_string(&mut text).map_err(|error| {
        Failure::Usage(format!(
            "the password on standard input cannot be read ({error}): give up to \
             {MAX_PASSWORD_BYTES} bytes of UTF-8"
        ))
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Password::new(line.to_owned()))
}

//! The token that may hold keys, opened for a server.
//!
//! A token that is not there is waited for, and the start goes on: what is stored stays readable.
//! What waiting cannot mend ends the start: a module that does not load, another label, a wrong PIN.

use std::time::Duration;

use countersign_config::sections::pkcs11::{ConfiguredToken, Pkcs11};
use countersign_custody::pkcs11::{Pin, Token, TokenSettings};

use crate::exit::Failure;
use crate::flags::environment;

/// The longest time for one call of the token, the wait for a session included.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token that was opened, and what the operator should know of it.
pub(crate) struct OpenedToken {
    /// The token.
    pub(crate) token: Token,
    /// Why it cannot be used now, if it cannot.
    pub(crate) warning: Option<String>,
}

/// The token of the settings, logged in to if it is there; `None` where none is configured.
pub(crate) async fn open(section: &Pkcs11) -> Result<Option<OpenedToken>, Failure> {
    let Some(token) = load(section).await? else { return Ok(None) };
    let warning = match token.check().await {
        Ok(()) => None,
        Err(away) if away.is_away() => Some(format!(
            "{away}; until then nothing is signed with its keys, and no new ones are made there"
        )),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(OpenedToken { token, warning }))
}

/// The token of the settings, which must be there now.
pub(crate) async fn open_now(section: &Pkcs11) -> Result<Token, Failure> {
    let unset = "no token is configured: name its module and its label in [pkcs11]";
    let token = load(section).await?.ok_or_else(|| Failure::Usage(unset.to_owned()))?;
    token.check().await?;
    Ok(token)
}

/// Whether a start would find the token. The PIN is not tried: a wrong one would count.
pub(crate) async fn look(section: &Pkcs11) -> Result<(), Failure> {
    match load(section).await? {
        Some(token) => Ok(token.look().await?),
        None => Ok(()),
    }
}

async fn load(section: &Pkcs11) -> Result<Option<Token>, Failure> {
    let Some(ConfiguredToken { module, label, sessions }) = section.configured() else {
        return Ok(None);
    };
    let pin = section.pin(&environment)?.and_then(Pin::new);
    let pin = pin.ok_or_else(|| Failure::NoPin { token: label.to_owned() })?;
    let (module, label) = (module.to_owned(), label.to_owned());
    let settings = TokenSettings { module, label, sessions, patience: PATIENCE };
    Ok(Some(Token::load(settings, pin).await?))
}

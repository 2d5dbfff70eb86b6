//! Who may do what, from outside: forged tokens against real servers, with the answers that the
//! specification demands.
//!
//! [`forge`] makes keys, certificates and tokens, [`kinds`] the tokens that are tried, [`routes`]
//! what is asked, and [`table`] every one with every other. [`flows`] are the real clients with a
//! token service that is not ours.
//! What never comes in: the code that judges tokens in the product.

#![cfg(test)]

mod ask;
mod flood;
mod flows;
mod forge;
mod key_forms;
mod kinds;
mod redirect;
mod routes;
mod ruled;
mod server;
mod stage;
mod table;
mod unseen;

use anyhow::{Result, ensure};

use crate::ask::Line;
use crate::server::{Server, Whose, write_config};
use crate::stage::Stage;
use crate::table::{Subject, play, unruled};

/// Checklist rows C-150 to C-161.
#[tokio::test]
async fn every_route_with_every_token_is_answered_as_the_specification_says() -> Result<()> {
    let stage = Stage::set()?;
    let file = write_config(stage.folder(), &stage.bundle())?;
    let (mut servers, mut subjects) = (Vec::new(), Vec::new());
    for whose in Whose::EACH {
        let server = Server::start(*whose, &file).await?;
        subjects.push(Subject::prepare(*whose, Line::to(server.port)?, &stage).await?);
        servers.push(server);
    }
    let findings = play(&subjects, &stage, unruled).await?;
    findings.judge(1_000, 5_000)?;
    for subject in &subjects {
        subject.is_unchanged(&stage).await?;
    }
    ensure!(!stage.somebody_called(), "a URL in a token was fetched");
    Ok(())
}

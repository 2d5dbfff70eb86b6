//! `autoredirect`: clients are sent for tokens to the host that they asked.

use std::fs;

use anyhow::{Result, ensure};
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::{Value, json};

use crate::ask::Line;
use crate::server::{Server, Whose, write_config};
use crate::stage::Stage;

/// Server spec 2.2.
#[tokio::test]
async fn under_autoredirect_the_realm_is_at_the_host_of_the_request() -> Result<()> {
    let stage = Stage::set()?;
    let file = write_config(stage.folder(), &stage.bundle())?;
    let mut config: Value = serde_json::from_slice(&fs::read(&file)?)?;
    config["auth"]["options"]["autoredirect"] = json!(true);
    fs::write(&file, config.to_string())?;
    for whose in Whose::EACH {
        let server = Server::start(*whose, &file).await?;
        let line = Line::to(server.port)?;
        for host in ["trust.example", "trust.example:4443", "[::1]:4443", "192.0.2.1", "A.b-C"] {
            let extra = [(HOST, host)];
            let answer = line.transcript(&Method::GET, "/v2/", &[], &extra).await?;
            let challenge = format!(
                "www-authenticate: Bearer realm=\"https://{host}/auth/token\",\
                 service=\"notary.test\",scope=\"registry:catalog:*\"\n"
            );
            ensure!(answer.contains(&challenge), "{whose:?} to {host}: {answer}");
        }
    }
    Ok(())
}

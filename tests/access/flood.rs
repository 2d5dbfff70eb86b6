//! Tokens that cost more than they are worth: large, deep, many.

use anyhow::{Result, ensure};
use countersign_tests::peers::countersign::Countersign;
use serde_json::{Value, json};

use crate::ask::Line;
use crate::forge::base64url;
use crate::server::settings;
use crate::stage::{Stage, entry};

const GUN: &str = "example.com/flood";
const ROOT: &str = "/v2/example.com/flood/_trust/tuf/root.json";

/// How many bad tokens are sent, each once.
const STRANGE: usize = 5_000;

/// By how much they may make the server grow, in KiB: far less than they weigh together.
const GROWTH: u64 = 4 << 10;

async fn start(stage: &Stage) -> Result<(Countersign, Line)> {
    let server = Countersign::start_with(&settings(stage, "")?).await?;
    let line = Line::secure(server.endpoint())?;
    Ok((server, line))
}

/// What one who may read is told: the GUN is not there.
async fn good_passes(line: &Line, stage: &Stage) -> Result<()> {
    let answer = line.get(ROOT, &stage.pass(GUN)?).await?;
    ensure!(answer.status == Some(404), "{answer:?}");
    Ok(())
}

/// Header and claims of any shape, with a signature that is none.
fn unsigned(header: &str, claims: &str) -> String {
    format!("Bearer {}.{}.{}", base64url(header), base64url(claims), base64url([0; 64]))
}

#[tokio::test]
async fn large_deep_and_crowded_tokens_are_refused_as_others_are() -> Result<()> {
    let stage = Stage::set()?;
    let (_server, line) = start(&stage).await?;
    let certificate = stage.trusted.certificate.base64();
    let claims = Value::from(stage.good(GUN).claims).to_string();
    let header = |members: Value| members.to_string();
    let deep = format!("{}{}", "[".repeat(8_000), "]".repeat(8_000));
    let crowd: Vec<String> = (0..500).map(|number| format!("\"m{number}\":{number}")).collect();
    for (what, token) in [
        ("no form", format!("Bearer {}", "x".repeat(20_000))),
        ("dots", format!("Bearer {}", ".".repeat(20_000))),
        ("padding", format!("Bearer {}", "=".repeat(20_000))),
        ("a deep header", unsigned(&deep, &claims)),
        ("deep claims", unsigned(&header(json!({"alg": "ES256"})), &deep)),
        ("a deep key", unsigned(&format!("{{\"alg\":\"ES256\",\"jwk\":{deep}}}"), &claims)),
        (
            "thousands of certificates that are none",
            unsigned(&header(json!({"alg": "ES256", "x5c": vec![""; 4_000]})), &claims),
        ),
        (
            "many certificates",
            unsigned(&header(json!({"alg": "ES256", "x5c": vec![certificate; 30]})), &claims),
        ),
        ("a crowd", unsigned(&format!("{{\"alg\":\"ES256\",{}}}", crowd.join(",")), &claims)),
        (
            "a large key",
            unsigned(
                &header(json!({"alg": "RS256", "jwk":
                    {"kty": "RSA", "e": "AQAB", "n": "_".repeat(15_000)}})),
                &claims,
            ),
        ),
    ] {
        let answer = line.get(ROOT, &token).await?;
        let refused = answer.status == Some(401) && answer.challenge.contains("invalid_token");
        ensure!(refused, "{what}: {answer:?}");
    }
    let too_large = line.get(ROOT, &format!("Bearer {}", "x".repeat(40_000))).await?;
    ensure!([None, Some(431)].contains(&too_large.status), "{too_large:?}");
    good_passes(&line, &stage).await
}

/// A user of very many repositories has a long token.
#[tokio::test]
async fn a_good_token_for_hundreds_of_repositories_counts() -> Result<()> {
    let stage = Stage::set()?;
    let (_server, line) = start(&stage).await?;
    let mut access: Vec<Value> = (0..200)
        .map(|number| entry("repository", &format!("example.com/team/app-{number}"), &["pull"]))
        .collect();
    access.push(entry("repository", GUN, &["pull"]));
    let token = stage.good(GUN).claim("access", access).sign(&stage.trusted.key)?;
    ensure!(token.len() > 16_000, "{} bytes are no long token", token.len());
    let answer = line.get(ROOT, &format!("Bearer {token}")).await?;
    ensure!(answer.status == Some(404), "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn bad_tokens_without_end_take_no_memory() -> Result<()> {
    let stage = Stage::set()?;
    let (server, line) = start(&stage).await?;
    let claims = Value::from(stage.good(GUN).claims).to_string();
    let ask = |number: usize| {
        let header = json!({"alg": "ES256", "kid": format!("{number}-{}", "x".repeat(8_000))});
        let token = unsigned(&header.to_string(), &claims);
        let line = line.clone();
        async move { line.get(ROOT, &token).await }
    };
    for number in 0..500 {
        ensure!(ask(number).await?.status == Some(401));
    }
    let before = server.memory_kib()?;
    for number in 500..STRANGE {
        ensure!(ask(number).await?.status == Some(401));
    }
    let grown = server.memory_kib()?.saturating_sub(before);
    ensure!(grown < GROWTH, "{grown} KiB for {STRANGE} bad tokens");
    good_passes(&line, &stage).await
}

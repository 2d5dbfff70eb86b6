//! What a check of a token costs on the read path, in processor time of the server.
//!
//! Three servers of one binary stand on copies of one database: one that is open, one that asks
//! for tokens and remembers verdicts, one that remembers none. Each has its turn in every round, so
//! that what else the machine does meets all of them; a round is many reads of one timestamp over
//! one connection. Figures are ratios to the open server of the same round.
//!
//! What never comes in: a verdict that fails a build. Times depend on the machine.

use std::fs;
use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use countersign_forge::token_service::{CERTIFICATE_ENDS, TokenService};
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use reqwest::{Certificate, Client};
use serde_json::json;

const GUN: &str = "example.com/app";

/// The goal, as a ratio.
const GOAL: f64 = 1.15;

/// Measures what a check of a token costs on the read path.
#[derive(Debug, Parser)]
#[command(name = "access-cost")]
struct Arguments {
    /// How often each server has its turn
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// How many reads one turn has
    #[arg(long, default_value_t = 2000)]
    reads: u32,
}

/// A server, and whoever reads from it over one connection.
struct Place {
    name: &'static str,
    server: Countersign,
    client: Client,
    url: String,
    token: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.rounds > 9, "--rounds must be 10 at least for a spread");
    rustls::crypto::ring::default_provider().install_default().ok();
    let service = TokenService::new();
    let (_origin, places) = places(&service).await?;
    // Whatever is made once is made now.
    for place in &places {
        place.turn(arguments.reads).await?;
    }
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..arguments.rounds {
        let mut costs = Vec::new();
        for place in &places {
            costs.push(place.turn(arguments.reads).await?);
        }
        rounds.push(costs);
    }
    let names: Vec<&str> = places.iter().map(|place| place.name).collect();
    let text = report(&names, &rounds)?;
    for mut place in places {
        place.server.ask_to_stop()?;
        place.server.ended().await?;
    }
    std::io::stdout().write_all(text.as_bytes()).context("the table cannot be written")
}

/// The servers; the first one is what the others are compared with. Also what they are copies of.
async fn places(service: &TokenService) -> Result<(Countersign, Vec<Place>)> {
    let mut origin = Countersign::start().await?;
    let wire = Wire::to(origin.endpoint())?;
    let collection = upload::collection(&wire, GUN).await?;
    let answer =
        upload::publish(&wire, GUN, &collection.parts(&["root", "targets", "snapshot"])).await?;
    ensure!(answer.status == 200, "nothing was published: {answer:?}");
    origin.ask_to_stop()?;
    origin.ended().await?;
    let bundle = origin.data().join("auth.pem");
    fs::write(&bundle, service.certificate_pem())?;
    let guarded = |cache: u64| {
        format!(
            "[access]\nrealm = 'https://auth.example.com/token'\nservice = 'trust'\n\
             token_cache_bytes = {cache}\n[[access.issuers]]\nissuer = 'auth'\n\
             root_cert_bundle = '{}'\n",
            bundle.display()
        )
    };
    let claims = json!({
        "iss": "auth",
        "aud": "trust",
        "sub": "alice",
        "exp": CERTIFICATE_ENDS,
        "access": [{ "type": "repository", "name": GUN, "actions": ["pull"] }],
    });
    let header = json!({ "alg": "ES256", "jwk": service.jwk() });
    let token = service.token(&header, &claims);
    let mut places = Vec::new();
    for (name, settings, token) in [
        ("open", String::new(), None),
        ("a token that is remembered", guarded(8 << 20), Some(token.clone())),
        ("a token that is not", guarded(0), Some(token)),
    ] {
        let server = Countersign::start_on_with(origin.data(), &settings).await?;
        places.push(Place::new(name, server, token)?);
    }
    Ok((origin, places))
}

impl Place {
    fn new(name: &'static str, server: Countersign, token: Option<String>) -> Result<Self> {
        let ca = Certificate::from_pem(&fs::read(server.endpoint().ca())?)?;
        let client = Client::builder().tls_certs_only([ca]).no_proxy().http1_only().build()?;
        let url = format!("{}/v2/{GUN}/_trust/tuf/timestamp.json", server.endpoint().url());
        Ok(Self { name, server, client, url, token })
    }

    /// Processor time of the server for one read, in microseconds.
    async fn turn(&self, reads: u32) -> Result<f64> {
        let before = self.server.processor_time()?;
        for _ in 0..reads {
            let mut request = self.client.get(&self.url);
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await?;
            ensure!(answer.status() == 200, "{}: {}", self.name, answer.status());
            answer.bytes().await?;
        }
        let spent = self.server.processor_time()?.saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6 / f64::from(reads))
    }
}

fn report(names: &[&str], rounds: &[Vec<f64>]) -> Result<String> {
    let of = |number: usize| -> Result<Vec<f64>> {
        let cost = |round: &Vec<f64>| round.get(number).copied().context("a cost");
        rounds.iter().map(cost).collect()
    };
    let open = of(0)?;
    let mut text = "| reads of a timestamp | processor time | ratio | of all rounds 80 % |\n\
                    |---|---|---|---|\n"
        .to_owned();
    for (number, name) in names.iter().enumerate() {
        let costs = of(number)?;
        let ratios: Vec<f64> = costs.iter().zip(&open).map(|(cost, open)| cost / open).collect();
        let cost = middle(costs, 0.5)?;
        let (ratio, low, high) =
            (middle(ratios.clone(), 0.5)?, middle(ratios.clone(), 0.1)?, middle(ratios, 0.9)?);
        text.push_str(&format!(
            "| {name} | {cost:.0} µs | {ratio:.2}× | {low:.2}× to {high:.2}× |\n"
        ));
    }
    text.push_str(&format!("\nThe goal for a token that is remembered is {GOAL}×.\n"));
    Ok(text)
}

/// The value below which `part` of all are.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a position in a short list"
)]
fn middle(mut values: Vec<f64>, part: f64) -> Result<f64> {
    values.sort_by(f64::total_cmp);
    let position = (values.len().saturating_sub(1)) as f64 * part;
    values.get(position.round() as usize).copied().context("no rounds")
}

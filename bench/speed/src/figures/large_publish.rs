//! A publish of many targets: what it costs the server, beside one pass of SHA-256 and one of
//! SHA-512 over the same bytes, which nobody who stores them by their digests can go without.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use countersign_forge::repository::Repository;
use countersign_tests::peers::countersign::Countersign;
use countersign_tests::peers::family::{Family, Reading};
use countersign_tests::upload;
use countersign_tests::wire::Wire;
use ring::digest::{SHA256, SHA512, digest};

use super::{Figure, Unit};
use crate::goal::Bound;
use crate::load::{Acts, Connections, Exchange, Load, Target, run};
use crate::material::{MANY_TARGETS, list};
use crate::servers::SETTINGS;

/// Its name in the table.
pub(super) const NAME: &str = "publish-10000/sqlite/1";

const GUN: &str = "example.com/large";

/// How many publishes a round has: so many that each round has its part of the moments at which SQLite
/// puts its log into the file, which is once for about nine of them.
const PUBLISHES: u32 = 18;

/// One ratio for each round.
pub(super) async fn measure(rounds: usize) -> Result<Figure> {
    let server = Countersign::start_with(SETTINGS).await?;
    let wire = Wire::to(server.endpoint())?;
    let mut repository = upload::collection_with_server_snapshot(&wire, GUN).await?;
    list(&mut repository, MANY_TARGETS);
    let answer = upload::publish(&wire, GUN, &repository.parts(&["root", "targets"])).await?;
    ensure!(answer.status == 200, "nothing was published: {answer:?}");
    let target = Target::new(server.endpoint())?;
    let family = Family { servers: vec![server.process_id()], database: None };
    let mut values = Vec::new();
    for _ in 0..rounds {
        let mut list = Vec::new();
        for _ in 0..PUBLISHES {
            repository.bump("targets");
            list.push(vec![Exchange::publish(GUN, &repository.parts(&["targets"]))?]);
        }
        let acts = Acts::Once(Arc::new(vec![list]));
        let load = Load { acts, connections: Connections::Kept, clients: 1 };
        let before = Reading::of(&family)?;
        run(&target, &load).await?;
        let spent = Reading::of(&family)?.since(&before).total();
        values.push(spent.as_secs_f64() / hashing(&repository)?);
    }
    Ok(Figure {
        name: NAME,
        what: "processor time of a publish of 10,000 targets, beside one pass of SHA-256 and one \
               of SHA-512 over them",
        unit: Unit::Times,
        bound: Bound::AtMost(4.0),
        values,
    })
}

/// The processor time of the passes over the targets of all publishes of a round, in seconds.
fn hashing(repository: &Repository) -> Result<f64> {
    let parts = repository.parts(&["targets"]);
    let (_, bytes) = parts.first().context("no targets")?;
    let own = Family::own();
    let before = Reading::of(&own)?;
    for _ in 0..PUBLISHES {
        std::hint::black_box((digest(&SHA256, bytes), digest(&SHA512, bytes)));
    }
    Ok(Reading::of(&own)?.since(&before).total().as_secs_f64())
}

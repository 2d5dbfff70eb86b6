//! The memory of a server that was started just now and has nothing to do.

use anyhow::Result;
use countersign_tests::peers::countersign::Countersign;

use super::{Figure, Unit};
use crate::goal::Bound;
use crate::servers::SETTINGS;

/// Its name in the table.
pub(super) const NAME: &str = "memory/idle";

/// The memory in use in each round.
pub(super) async fn measure(rounds: usize) -> Result<Figure> {
    let mut values = Vec::new();
    for _ in 0..rounds {
        let server = Countersign::start_with(SETTINGS).await?;
        values.push(f64::from(u32::try_from(server.memory_kib()?)?) * 1024.0 / 1e6);
    }
    Ok(Figure {
        name: NAME,
        what: "resident memory of a server on SQLite that has answered its health",
        unit: Unit::Megabytes,
        bound: Bound::AtMost(30.0),
        values,
    })
}

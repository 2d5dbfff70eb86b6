//! A poller of the changefeed: asks for what came after the last change it saw.

use std::sync::Arc;

use rand::rngs::StdRng;

use super::{Bell, Client};

/// About how long a poller waits, in milliseconds.
const PACE: u64 = 150;

/// Polls the changes of one collection, or of all, until the bell rings; then to the end.
pub(crate) async fn poll(
    client: Client,
    mut rng: StdRng,
    mut bell: Bell,
    poller: usize,
    of: Option<Arc<str>>,
) {
    let mut after = 0;
    let mut goes_on = true;
    loop {
        goes_on = goes_on && bell.pause(&mut rng, PACE).await;
        let changes = client.changes(&mut rng, poller, of.as_ref(), after).await;
        match changes.as_deref().map(<[_]>::last) {
            Some(Some(last)) => after = last.id,
            Some(None) | None if goes_on => {}
            Some(None) | None => return,
        }
    }
}

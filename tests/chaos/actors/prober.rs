//! A load balancer: asks each replica whether it lives and whether it should get requests.

use rand::rngs::StdRng;

use super::{Bell, Client};
use crate::history::Action;

/// About how long it waits, in milliseconds.
const PACE: u64 = 250;

/// Asks until the bell rings.
pub(crate) async fn probe(client: Client, mut rng: StdRng, mut bell: Bell, replica: usize) {
    while bell.pause(&mut rng, PACE).await {
        client.probe(replica, Action::Live).await;
        client.probe(replica, Action::Ready).await;
    }
}

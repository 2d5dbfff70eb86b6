//! What is asked of both servers, in order. A plan follows from its seed alone.
//!
//! Each fault and oddity by itself is in the catalogue, which the first two seeds play by halves.
//! Every seed plays walks of its own, where faults, moves and collections meet by chance.

mod changes;
mod damage;
mod faults;
mod keys;
mod moves;
mod multiparts;
mod publishes;
mod routes;
mod walks;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::step::Step;

pub(crate) use keys::offered as offered_keys;

/// The seeds of a run for which no others are named.
pub(crate) const SEEDS: [u64; 4] = [1, 2, 3, 4];

/// The steps of one seed.
pub(crate) fn of_seed(seed: u64) -> Vec<Step> {
    let mut steps = if CATALOGUE.contains(&seed) { catalogue(seed) } else { Vec::new() };
    steps.extend(walks::steps(seed));
    steps
}

/// The seeds that play the catalogue. The first half works on collections whose snapshot the
/// client signs, the second on such whose snapshot the server signs, and on first publishes.
const CATALOGUE: [u64; 2] = [1, 2];

/// The stories in their order, then the stage's steps shuffled.
fn catalogue(seed: u64) -> Vec<Step> {
    let mut stories = Vec::new();
    if seed == 1 {
        stories.extend(routes::steps());
    }
    stories.extend(publishes::complete(seed));
    if seed == 1 {
        // Before anything that only one of the servers accepts: each accepted publish is a row.
        stories.extend(changes::steps());
        stories.extend(keys::steps());
    }
    stories.extend(publishes::incomplete(seed));
    let mut staged = multiparts::steps(seed);
    staged.extend(publishes::later(seed));
    staged.extend(faults::steps(seed));
    staged.extend(damage::steps(seed));
    staged.shuffle(&mut StdRng::seed_from_u64(seed));
    stories.extend(staged);
    stories
}

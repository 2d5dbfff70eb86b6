//! What is asked of both servers, in order. A plan follows from its seed alone.

mod changes;
mod damage;
mod faults;
mod keys;
mod multiparts;
mod publishes;
mod routes;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::step::Step;

pub(crate) use keys::offered as offered_keys;

/// The seeds of the run. The first plan works on collections whose snapshot the client signs,
/// the second on such whose snapshot the server signs, and on first publishes.
pub(crate) const SEEDS: [u64; 2] = [1, 2];

/// The steps of one seed: the stories in their order, then the stage's steps shuffled.
pub(crate) fn of_seed(seed: u64) -> Vec<Step> {
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

//! How the cost of reads and publishes grows with the number of collections in a database.
//!
//! Fills one database per size with synthetic rows (of each collection a root, targets, snapshot,
//! timestamp, a row of the changefeed and a key), publishes a handful of real collections into
//! each, and then measures all sizes in turns, so that what else the machine does meets all of
//! them. Figures are ratios to the first size.
//!
//! - [`Place`] is a database of one size, with the service over it; `fill` makes the rows.
//! - [`Sizes`] is what real collections take, published and signed again through the service.
//! - [`rounds`] takes the times, [`table`] says what came of them.
//!
//! What never comes in: a verdict that fails a build. Times depend on the machine.

mod database;
mod fill;
mod measure;
mod place;
mod queries;
mod report;
mod sizes;

pub use measure::{Act, Cost, Round, rounds};
pub use place::Place;
pub use queries::Queries;
pub use report::{EngineReport, Part, table};
pub use sizes::Sizes;

//! Calls of every kind to a signer over sealed keys in a real database file, without a network.
//!
//! Expected values are from signer spec 1, 3 and 9, and from what the Go signer answered
//! (`tests/vectors/signer`).

#[cfg(test)]
mod health;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod purposes;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod workshop;

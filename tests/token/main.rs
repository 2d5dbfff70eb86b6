//! Keys in a token, as SoftHSM has them: made there, used there, and what an operator is told when
//! the token is away, full, locked, or not what was meant.
//!
//! What never comes in: other tokens' habits; those are played by the module in front of SoftHSM.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod custody;
#[cfg(test)]
mod database;
#[cfg(test)]
mod faults;
#[cfg(test)]
#[expect(dead_code, reason = "only some flows are played here")]
#[path = "../e2e/flows/mod.rs"]
mod flows;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod purging;
#[cfg(test)]
mod readable;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod served;
#[cfg(test)]
mod signer;

//! Keys at a signer: what becomes of a signer's answers, whatever they are; of publishes and reads
//! while it is away, killed or hostile; and Notary's own signer under our server.
//!
//! What never comes in: how a signer of ours answers; that is shown where it is built.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod away;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod go;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod old_keys;
#[cfg(test)]
mod real_signer;

//! Attacks on readers: each must be refused by the real `notary` client, and the client must be
//! well again as soon as the attack is over.
//!
//! The attacker sits where a certificate that the client accepts puts them: in the network with a
//! stolen certificate, in a proxy or mirror, or in the server itself. What they replay are real
//! answers of our server; what they sign is made by the forge with the keys they are said to have.
//! What never comes in: attacks on the server (see `bad_input/`), and the same attacks on our own
//! client's rules (see `crates/tuf/tests/trusted_set/`).

mod absence;
mod collection;
mod owner;
mod published;
mod replay;
mod stage;
mod stolen;
mod strangers;
mod tamper;

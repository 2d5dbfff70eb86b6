//! What custody promises to trust, played against sealed custody over a store in memory.
//!
//! Never in here: the format of rows and tokens (their tests are beside their code), SQL.

#[cfg(test)]
mod aliases;
#[cfg(test)]
mod binding;
#[cfg(test)]
mod by_id;
#[cfg(test)]
mod homes;
#[cfg(test)]
mod last_use;
#[cfg(test)]
mod memory_store;
#[cfg(test)]
mod passphrases;
#[cfg(test)]
mod pending;
#[cfg(test)]
mod rotating;
#[cfg(test)]
mod stale_rows;
#[cfg(test)]
mod workbench;

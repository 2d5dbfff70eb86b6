//! Where the server's keys are, and who may be told of it.

#![cfg(test)]

mod embedded;
mod every_day;
mod matrix;
mod moving;
mod signature_log;
mod swap;
mod token;

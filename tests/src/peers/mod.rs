//! One file per real peer, and the process they all are.

pub mod certs;
pub mod countersign;
pub mod countersign_signer;
pub mod docker_client;
pub mod dockerd;
pub mod family;
mod front;
pub mod gate;
pub mod go_notary;
pub mod haproxy;
pub mod hostile_signer;
pub mod impostor;
pub mod key_files;
pub mod liar;
pub mod link;
pub mod mariadb;
pub mod mixed;
pub mod notary_client;
pub mod postgres;
pub mod process;
pub mod registry;
pub mod softhsm;
pub mod token_service;
mod written;

//! Signals that ask the server to stop.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, from the moment it is made.
#[derive(Debug)]
pub(crate) struct StopSignals {
    term: Signal,
    int: Signal,
}

/// A signal that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) name: &'static str,
    pub(crate) number: u8,
}

impl StopSignals {
    /// Takes the two signals over from the system. Needs a tokio runtime.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.term.recv() => Stop { name: "SIGTERM", number: 15 },
            _ = self.int.recv() => Stop { name: "SIGINT", number: 2 },
        }
    }
}

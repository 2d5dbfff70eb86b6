//! Signals: those that ask the server to stop, and those that ask it for something else.

use std::io;

use rustix::process::Signal as Number;
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
    ///
    /// So is SIGXFSZ from then on, which would end the process: a write beyond the limit on the
    /// size of files then fails, as on a full disk.
    pub(crate) fn take() -> io::Result<Self> {
        drop(signal(SignalKind::from_raw(Number::XFSZ.as_raw()))?);
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

/// SIGHUP, SIGUSR1 and SIGUSR2, from the moment it is made.
#[derive(Debug)]
pub(crate) struct WishSignals {
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
}

/// What a signal asks a running server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// SIGUSR2: write less to the log.
    LogLess,
    /// SIGUSR1: write more to the log.
    LogMore,
    /// SIGHUP: read settings and certificates again.
    Reload,
}

impl WishSignals {
    /// Takes the three signals over from the system. Needs a tokio runtime.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self {
            hup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.hup.recv() => Wish::Reload,
            _ = self.usr1.recv() => Wish::LogMore,
            _ = self.usr2.recv() => Wish::LogLess,
        }
    }
}

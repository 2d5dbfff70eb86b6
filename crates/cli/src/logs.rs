//! The log on standard error.
//!
//! A JSON line has the members `timestamp`, `level`, `target`, `message`, and one per field.

use std::io::{self, IsTerminal as _};
use std::panic::{self, PanicHookInfo};

use countersign_config::sections::log::{Format, Level, Log};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Changes the level of a log that is being written.
pub(crate) struct LevelSwitch {
    filter: reload::Handle<Targets, Registry>,
    level: Level,
}

impl LevelSwitch {
    /// The present level.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// From now on writes what `level` says.
    pub(crate) fn set(&mut self, level: Level) {
        match self.filter.reload(filter(level)) {
            Ok(()) => self.level = level,
            Err(error) => tracing::warn!(%error, "the log level cannot be changed"),
        }
    }
}

/// Starts the log; its level can be changed by what is returned. A panic is logged too, in the
/// same form.
pub(crate) fn start(log: &Log) -> LevelSwitch {
    let terminal = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match log.format {
        Format::Auto if terminal => lines.with_ansi(true).boxed(),
        Format::Human => lines.with_ansi(terminal).boxed(),
        Format::Auto | Format::Json => {
            lines.json().flatten_event(true).with_span_list(false).boxed()
        }
    };
    let (filter, switch) = level_filter(log.level);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    panic::set_hook(Box::new(log_panic));
    switch
}

/// A filter for `level`, and the switch that changes it.
pub(crate) fn level_filter(level: Level) -> (reload::Layer<Targets, Registry>, LevelSwitch) {
    let (layer, handle) = reload::Layer::new(filter(level));
    (layer, LevelSwitch { filter: handle, level })
}

/// The level is for our own crates. What libraries log in detail may hold what clients sent, so
/// it is never written.
fn filter(level: Level) -> Targets {
    let (ours, theirs) = match level {
        Level::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        Level::Warn => (LevelFilter::WARN, LevelFilter::WARN),
        Level::Info => (LevelFilter::INFO, LevelFilter::WARN),
        Level::Debug => (LevelFilter::DEBUG, LevelFilter::INFO),
        Level::Trace => (LevelFilter::TRACE, LevelFilter::INFO),
    };
    Targets::new().with_default(theirs).with_target("countersign", ours)
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let what = info.payload_as_str().unwrap_or("no text");
    tracing::error!(place, what, "a bug: the program panicked; please report it");
}

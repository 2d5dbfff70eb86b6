//! `[log]`: what is written to standard error, and how.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The section `[log]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Log {
    /// The least important lines to write.
    ///
    /// Default: `info`. One of `error`, `warn`, `info`, `debug`, `trace`.
    pub level: Level,
    /// The form of a line.
    ///
    /// Default: `auto`. One of `auto`, `human`, `json`.
    pub format: Format,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A person must act.
    Error,
    /// A person should look.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// How it happened.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    /// The name by which settings call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level that writes more; `None` above the highest.
    #[must_use]
    pub fn more(self) -> Option<Self> {
        match self {
            Self::Error => Some(Self::Warn),
            Self::Warn => Some(Self::Info),
            Self::Info => Some(Self::Debug),
            Self::Debug => Some(Self::Trace),
            Self::Trace => None,
        }
    }

    /// The level that writes less; `None` below the lowest.
    #[must_use]
    pub fn less(self) -> Option<Self> {
        match self {
            Self::Error => None,
            Self::Warn => Some(Self::Error),
            Self::Info => Some(Self::Warn),
            Self::Debug => Some(Self::Info),
            Self::Trace => Some(Self::Debug),
        }
    }
}

impl FromStr for Level {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        match text {
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(NotAChoice("write error, warn, info, debug or trace")),
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `Human` when standard error is a terminal, else `Json`.
    #[default]
    Auto,
    /// A line to read.
    Human,
    /// One JSON object per line.
    Json,
}

impl FromStr for Format {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(NotAChoice("write auto, human or json")),
        }
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The text is none of the choices, which the message lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAChoice(&'static str);

impl fmt::Display for NotAChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotAChoice {}

//! Makes lines of entries, each with the hash of the one before.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::FORMAT;
use super::ascii;
use super::entry::{Entry, Start};
use super::hash::LineHash;
use super::tail::Tail;
use super::text::Text;

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The replica, as its operator names it.
    pub replica: Text,
    /// What no other process has: random, 16 hexadecimal digits.
    pub process: String,
    /// The version of the program.
    pub version: &'static str,
    /// The system's number for the process.
    pub pid: u32,
}

/// The chain of one process, whatever files it goes through.
#[derive(Debug)]
pub struct Chain {
    identity: Identity,
    next: u64,
    prev: LineHash,
}

#[derive(Serialize)]
struct Line<'a> {
    v: u8,
    time: String,
    replica: &'a Text,
    process: &'a str,
    seq: u64,
    #[serde(flatten)]
    entry: &'a Entry,
    prev: LineHash,
}

impl Chain {
    /// Begins where `tail` ends, and gives the first line: that of the start.
    #[must_use]
    pub fn begin(identity: Identity, tail: &Tail, now: DateTime<Utc>) -> (Self, Vec<u8>) {
        let start = Start { version: identity.version, pid: identity.pid, torn: tail.torn };
        let mut chain = Self { identity, next: 1, prev: tail.last };
        let line = chain.seal(now, &Entry::Start(start));
        (chain, line)
    }

    /// The line of `entry`, which happened at `time`, newline included. It must be written before
    /// any later one.
    #[must_use]
    pub fn seal(&mut self, time: DateTime<Utc>, entry: &Entry) -> Vec<u8> {
        let mut line = ascii::json(&Line {
            v: FORMAT,
            time: time.to_rfc3339_opts(SecondsFormat::Millis, true),
            replica: &self.identity.replica,
            process: &self.identity.process,
            seq: self.next,
            entry,
            prev: self.prev,
        });
        line.push(b'\n');
        self.prev = LineHash::of(&line);
        self.next = self.next.saturating_add(1);
        line
    }

    /// The hash of the last line that was sealed.
    #[must_use]
    pub fn last(&self) -> LineHash {
        self.prev
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use countersign_tuf::keys::KeyId;
    use countersign_tuf::names::{RoleName, Version};

    use super::super::LINE_START;
    use super::super::entry::{Attempt, ChangedRole, Decision, Outcome, RefusalKind, Suppressed};
    use super::*;

    pub(in super::super) fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_933_811, 123_456_789).unwrap()
    }

    pub(in super::super) fn identity(process: &str) -> Identity {
        Identity {
            replica: Text::name("trust-1"),
            process: process.to_owned(),
            version: "0.1.0",
            pid: 7,
        }
    }

    pub(in super::super) fn refusal(cause: &str) -> Entry {
        let mut decision = Decision::new(Attempt::Publish, Outcome::Refused, 400);
        decision.cause = Some(Text::cause(cause));
        Entry::Decision(Box::new(decision))
    }

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn the_first_line_of_all_names_replica_process_and_program() {
        let (chain, line) = Chain::begin(identity("a1"), &Tail::NOTHING, now());
        assert_eq!(chain.last(), LineHash::of(&line));
        assert!(line.starts_with(LINE_START));
        let zeros = "0".repeat(64);
        assert_eq!(
            text(line),
            format!(
                "{{\"v\":1,\"time\":\"2026-11-29T06:30:11.123Z\",\"replica\":\"trust-1\",\
                 \"process\":\"a1\",\"seq\":1,\"event\":\"start\",\"version\":\"0.1.0\",\
                 \"pid\":7,\"prev\":\"{zeros}\"}}\n"
            )
        );
    }

    #[test]
    fn a_publish_names_versions_and_the_keys_that_signed() {
        let (mut chain, first) = Chain::begin(identity("a1"), &Tail::NOTHING, now());
        let mut decision = Decision::new(Attempt::Publish, Outcome::Accepted, 200);
        decision.gun = Some(Text::gun("example.com/é"));
        decision.user = Some(Text::name("alice"));
        decision.address = Some("192.0.2.7".parse().unwrap());
        decision.request_id = Some("00f1-9".to_owned());
        decision.roles = vec![ChangedRole {
            role: RoleName::Targets,
            version: Version::new(4).unwrap(),
            signers: BTreeSet::from([KeyId::claimed("ab12")]),
        }];
        let line = text(chain.seal(now(), &Entry::Decision(Box::new(decision))));
        let prev = LineHash::of(&first);
        assert_eq!(
            line,
            format!(
                "{{\"v\":1,\"time\":\"2026-11-29T06:30:11.123Z\",\"replica\":\"trust-1\",\
                 \"process\":\"a1\",\"seq\":2,\"event\":\"decision\",\"action\":\"publish\",\
                 \"outcome\":\"accepted\",\"status\":200,\"gun\":\"example.com/\\u00e9\",\
                 \"roles\":[{{\"role\":\"targets\",\"version\":4,\"keys\":[\"ab12\"]}}],\
                 \"user\":\"alice\",\"address\":\"192.0.2.7\",\"request_id\":\"00f1-9\",\
                 \"prev\":\"{prev}\"}}\n"
            )
        );
    }

    #[test]
    fn what_clients_chose_cannot_end_a_line_or_forge_a_member() {
        let (mut chain, _) = Chain::begin(identity("a1"), &Tail::NOTHING, now());
        let evil = "x\",\"outcome\":\"accepted\"}\n{\"v\":1,\u{2028}\u{1b}[2J\0";
        let line = chain.seal(now(), &refusal(evil));
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read["cause"], evil);
        assert_eq!(read["outcome"], "refused");
    }

    #[test]
    fn refusals_that_were_counted_are_a_record_of_their_own() {
        let (mut chain, _) = Chain::begin(identity("a1"), &Tail::NOTHING, now());
        let entry = Entry::Suppressed(Suppressed { kind: RefusalKind::Unauthorized, count: 12 });
        let line = text(chain.seal(now(), &entry));
        assert!(
            line.contains(r#""event":"suppressed","kind":"unauthorized","count":12,"prev":"#),
            "{line}"
        );
    }
}

//! What the clients said in one scenario, made comparable between servers.
//!
//! Only what must vary is replaced: ports, folders, key IDs and times. Digests of files that the
//! scenario made stay, and so does the order of everything.
//! What never comes in: deciding whether a difference matters.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use crate::peers::notary_client::Outcome;

const HEX_ID_LENGTH: usize = 64;

/// The steps of one scenario, in order.
#[derive(Debug, Default)]
pub struct Transcript {
    steps: Vec<Step>,
    hidden: Vec<(String, &'static str)>,
    kept: BTreeSet<String>,
}

impl Transcript {
    /// Shows every `text` as `name` from now on.
    pub fn hide(&mut self, text: String, name: &'static str) {
        self.hidden.push((text, name));
    }

    /// Keeps this 64-digit number, which is otherwise shown as `<id>`.
    pub fn keep(&mut self, hex: String) {
        self.kept.insert(hex);
    }

    /// Adds a step.
    pub fn record(&mut self, command: &str, outcome: &Outcome) {
        let step = Step {
            command: self.shown(command),
            code: outcome.code,
            stdout: self.shown(&outcome.stdout),
            stderr: self.shown(&outcome.stderr),
        };
        self.steps.push(step);
    }

    /// The last step as text, for a message.
    #[must_use]
    pub fn last(&self) -> String {
        self.steps.last().map(ToString::to_string).unwrap_or_default()
    }

    /// Every step that is not the same in both, as a report; empty when all are.
    #[must_use]
    pub fn differences(&self, name: &str, other: &Self, other_name: &str) -> String {
        let mut report = String::new();
        let count = self.steps.len().max(other.steps.len());
        for index in 0..count {
            let (here, there) = (self.steps.get(index), other.steps.get(index));
            if here == there {
                continue;
            }
            let show = |step: Option<&Step>| match step {
                Some(step) => step.to_string(),
                None => "(never came so far)\n".to_owned(),
            };
            // Writing to a String cannot fail.
            write!(
                report,
                "step {}:\n{name}:\n{}{other_name}:\n{}",
                index + 1,
                show(here),
                show(there)
            )
            .ok();
        }
        report
    }

    fn shown(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (hidden, name) in &self.hidden {
            text = text.replace(hidden, name);
        }
        self.without_ids(&without_chosen_digest(&without_times(&text)))
    }

    fn without_ids(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(end);
            shown.push_str(before);
            let is_id = digits.len() == HEX_ID_LENGTH && !self.kept.contains(digits);
            shown.push_str(if is_id { "<id>" } else { digits });
            rest = after;
        }
        shown.push_str(rest);
        shown
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "  $ {}", self.command)?;
        match self.code {
            Some(code) => writeln!(out, "  exit code {code}")?,
            None => writeln!(out, "  ended by a signal")?,
        }
        for line in self.stdout.lines() {
            writeln!(out, "  out| {line}")?;
        }
        for line in self.stderr.lines() {
            writeln!(out, "  err| {line}")?;
        }
        Ok(())
    }
}

/// The client's log lines begin with `time="…"`.
fn without_times(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_prefix("time=\"").and_then(|rest| rest.split_once('"')) {
            Some((_, rest)) => format!("time=<time>{rest}"),
            None => line.to_owned(),
        })
        .collect()
}

/// Where both digests of a file are wrong, the client names one of the two, at random.
fn without_chosen_digest(text: &str) -> String {
    const MIDDLE: &str = " did not match: expected ";
    text.split_inclusive('\n')
        .map(|line| {
            let parts = line.split_once(MIDDLE).and_then(|(before, after)| {
                let (before, named) = before.rsplit_once(" checksum for ")?;
                let before = before.strip_suffix("sha256").or(before.strip_suffix("sha512"))?;
                Some((before, named, after.trim_start_matches(|c: char| c.is_ascii_hexdigit())))
            });
            match parts {
                Some((before, named, after)) => {
                    format!("{before}<algorithm> checksum for {named}{MIDDLE}<digest>{after}")
                }
                None => line.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Outcome {
        Outcome { code: Some(0), stdout: stdout.to_owned(), stderr: String::new() }
    }

    fn shown(transcript: &mut Transcript, stdout: &str) -> String {
        transcript.record("list", &said(stdout));
        transcript.steps.last().unwrap().stdout.clone()
    }

    #[test]
    fn ids_times_and_hidden_texts_are_replaced_and_nothing_else() {
        let mut transcript = Transcript::default();
        transcript.hide("localhost:4443".to_owned(), "<server>");
        let (id, digest) = ("ab".repeat(32), "cd".repeat(32));
        transcript.keep(digest.clone());
        let text = format!("time=\"2026-11-24T18:17:09Z\" at localhost:4443\n{id} {digest} abc\n");
        let want = format!("time=<time> at <server>\n<id> {digest} abc\n");
        assert_eq!(shown(&mut transcript, &text), want);
    }

    #[test]
    fn which_of_two_wrong_digests_the_client_names_does_not_count() {
        let mut transcript = Transcript::default();
        let said = |algorithm, digits| {
            let digest = "ab".repeat(digits);
            format!("fatal: {algorithm} checksum for v1 did not match: expected {digest}\n")
        };
        let (short, long) = (said("sha256", 32), said("sha512", 64));
        assert_eq!(shown(&mut transcript, &short), shown(&mut transcript, &long));
        let other = short.replace("v1", "v2");
        assert_ne!(shown(&mut transcript, &short), shown(&mut transcript, &other));
    }

    #[test]
    fn a_number_of_63_or_65_digits_is_no_id() {
        let mut transcript = Transcript::default();
        let text = format!("{} {}", "a".repeat(63), "b".repeat(65));
        assert_eq!(shown(&mut transcript, &text), text);
    }

    #[test]
    fn a_step_with_another_exit_code_is_a_difference() {
        let (mut here, mut there) = (Transcript::default(), Transcript::default());
        here.record("list", &said("same"));
        there.record("list", &Outcome { code: Some(1), ..said("same") });
        assert!(here.differences("a", &there, "b").contains("step 1"));
    }

    #[test]
    fn a_step_that_one_side_lacks_is_a_difference() {
        let (mut here, there) = (Transcript::default(), Transcript::default());
        here.record("list", &said("same"));
        assert!(here.differences("a", &there, "b").contains("never came so far"));
    }

    #[test]
    fn equal_transcripts_have_an_empty_report() {
        let (mut here, mut there) = (Transcript::default(), Transcript::default());
        here.record("list", &said("same"));
        there.record("list", &said("same"));
        assert_eq!(here.differences("a", &there, "b"), "");
    }
}

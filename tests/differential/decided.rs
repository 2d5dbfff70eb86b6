//! The one list of differences from the Go server, and the judge that knows no other.
//!
//! An entry says which requests it is about, what Go answers and what we answer; whatever fits no
//! entry is a failure. `docs/compatibility.md` has a line for each ID, with the reason.

use std::collections::BTreeSet;

use crate::outcome::Outcome;
use crate::play::Record;

/// One decided difference.
pub(crate) struct Difference {
    /// The quirk (`Q-…`), checklist row (`C-…`), section of the specification (`spec-…`) or of
    /// the contract (`contract-…`) that decides it.
    pub(crate) id: &'static str,
    /// Whether this run must come across it.
    pub(crate) reach: Reach,
    applies: fn(&Record) -> bool,
}

/// Where a difference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Not in requests one after another over fresh states on PostgreSQL.
    Elsewhere,
    /// In this run.
    Run,
}

/// What the judge says of a run.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Each difference that no entry explains: what to print of it.
    pub(crate) unexplained: Vec<String>,
    /// The IDs that explained something.
    pub(crate) used: BTreeSet<&'static str>,
}

/// Judges the records of one or more runs, in order.
pub(crate) fn judge(records: &[Record]) -> Verdict {
    let mut verdict = Verdict::default();
    // The publish whose readings follow, with what explains it.
    let mut publish: Option<(&Record, Option<&'static str>)> = None;
    for record in records {
        let explained = explanation(record);
        if !record.is_reading() {
            publish = Some((record, explained));
        }
        if record.go == record.ours {
            continue;
        }
        let inherited = publish.filter(|(first, _)| is_consequence(record, first));
        match explained.or(inherited.and_then(|(_, id)| id)) {
            Some(id) => {
                verdict.used.insert(id);
            }
            None => verdict.unexplained.push(record.describe()),
        }
    }
    verdict
}

/// The entry that explains a record's difference, if there is one and a difference.
fn explanation(record: &Record) -> Option<&'static str> {
    if record.go == record.ours {
        return None;
    }
    DECIDED.iter().find(|difference| (difference.applies)(record)).map(|difference| difference.id)
}

/// Whether a reading differs because one server accepted the publish before it and the other
/// refused: the one then serves the new documents, the other still the old ones, or none.
fn is_consequence(reading: &Record, publish: &Record) -> bool {
    let same_step = (reading.seed, reading.number) == (publish.seed, publish.number);
    let served = |outcome: &Outcome| outcome.is_ok() || not_found(outcome);
    same_step
        && reading.is_reading()
        && publish.go.is_ok() != publish.ours.is_ok()
        && (served(&reading.go) || reading.go.is_code("UNKNOWN"))
        && served(&reading.ours)
        && reading.ours.body.get("as sent") != Some(&false.into())
}

/// Every decided difference.
pub(crate) const DECIDED: &[Difference] = &[
    run("C-008", |r| r.name_ends(&["/0.root.json", "/00.root.json"]) && r.go.is_ok() && lost(r)),
    run("C-037", |r| r.names("route/") && r.names("by digest of") && r.go.is_ok() && lost(r)),
    run("C-041", |r| {
        let unnamed = r.go.is_code("UNKNOWN") && r.go.detail_has("Role") && lost(r);
        let without_detail = r.go.is_code("INVALID_UPDATE") && r.go.detail.is_none();
        unnamed || without_detail && r.ours.msg().ends_with("delegation does not exist")
    }),
    run("C-066", |r| unknown_to_signer(r) && r.ours.kind() == "ErrBadRoot"),
    run("C-069", |r| unknown_to_signer(r) && r.ours.kind() == "ErrBadHierarchy"),
    run("C-087", |r| {
        let cut = ["cut ", "only a first", "no body", "text without", "boundary=other"];
        r.names("multipart/") && r.names_any(&cut) && r.ours.is_code("MALFORMED_UPLOAD")
    }),
    run("C-102", |r| {
        r.names_any(&["text-lone-surrogate", "text-invalid-utf8"]) && malformed(&r.ours)
    }),
    run("C-103", |r| {
        let beyond = r.names_any(&["text-number-beyond-", "version-63-bits"]);
        beyond && (malformed(&r.ours) || r.ours.msg().starts_with("json: unsupported value"))
    }),
    run("C-104", |r| {
        let refused = r.go.is_code("INVALID_UPDATE") && r.ours.is_code("INVALID_UPDATE");
        r.names("signed-twice-good-first") && refused && r.go.kind() == r.ours.kind()
    }),
    run("C-179", |r| r.names("changes/") && r.go.without_padding() == r.ours),
    run("Q-05", |r| {
        let good = r.ours.is_ok() || r.is_walk() && r.ours.is_code("VERSION");
        let newline = r.go.msg().contains("in string literal") && good;
        let documents = r.names_any(&["fault/", "damage/"]) && !r.names("/snapshot");
        (documents || r.is_walk()) && (newline || rewritten(r))
    }),
    run("Q-06", |r| r.names_any(&["fault/", "damage/"]) && r.names("/snapshot") && rewritten(r)),
    run("Q-07", |r| {
        let msg = r.ours.msg();
        let other =
            msg.strip_prefix("a checksum for ").and_then(|m| m.strip_suffix(" did not match"));
        let not_sent = other.is_some_and(|role| r.is_walk() && !r.sends(role));
        let nowhere = msg.starts_with("the snapshot lists ");
        let no_sha256 = msg.contains(" were provided for targets/");
        goes_on(r) && (nowhere || no_sha256 || not_sent)
    }),
    run("Q-13", |r| {
        let documents = r.names_any(&["fault/", "damage/"]);
        // Go answers at the first bad part and closes without reading a long rest: whether its
        // answer still arrives is a matter of luck.
        let long_rest = r.is_walk() && r.names("signatures-thousand-times");
        let refused =
            r.ours.is_code("INVALID_UPDATE") || long_rest && r.ours.is_code("MALFORMED_JSON");
        documents && r.go.dropped() && refused
    }),
    run("Q-18", |r| r.names("key/publish with") && r.go.is_ok() && r.ours.kind() == "ErrBadRoot"),
    run("Q-34", |r| {
        r.names("version-") && r.ours.msg().ends_with("the highest that can be stored")
    }),
    run("contract-2-gun", |r| {
        r.names_any(&["a%00b", "a%FFb"]) && r.go.is_code("UNKNOWN") && lost(r)
    }),
    run("contract-2-depth", |r| r.names("text-nested-200-deep") && malformed(&r.ours)),
    run("contract-3-delegation-listed-twice", |r| r.ours.msg().ends_with("is listed twice")),
    run("contract-3-distinct-keys", |r| {
        let threshold = "valid signatures did not meet threshold for targets";
        let too_few = too_few_keys(&r.ours) || r.is_walk() && r.ours.msg() == threshold;
        r.names("targets-one-key-under-two-ids") && goes_on(r) && too_few
    }),
    run("contract-3-fast-forward", |r| {
        let higher = r.is_walk() && r.names("version-100000-higher");
        let too_high = r.names("version-100001-higher") || higher;
        too_high && goes_on(r) && r.ours.msg().contains(" is more than 100000 above the stored ")
    }),
    run("contract-3-folded-names", |r| {
        let refused = r.ours.msg().contains("in case only");
        let folded = r.name.replace("folded-name-in-unknown-member", "").contains("folded");
        folded && (malformed(&r.ours) || refused)
    }),
    run("contract-3-lost-key", |r| {
        let asked = r.is_walk() && r.names_any(&[" key snapshot", " key timestamp"]);
        // A key of another type than those that both servers make is the one that the root names.
        let pending =
            r.go.body["same as the last"] == true || r.go.body["keytype"] != r.ours.body["keytype"];
        asked && r.go.is_ok() && r.ours.is_ok() && pending
    }),
    run("contract-3-root-keys-below-threshold", |r| {
        let role = r.ours.msg().split(' ').next().unwrap_or_default();
        let judged = !r.is_walk() || r.sends(role);
        !(r.go.is_ok() && judged) && too_few_keys(&r.ours)
    }),
    run("spec-1.2-version-range", |r| {
        let range = r.go.is_code("UNKNOWN") || r.go.detail_has("Num");
        r.names("route/") && r.names(".root.json") && range && lost(r)
    }),
    run("spec-1.6-disposition", |r| {
        let refused = r.ours.is_code("NO_FILENAME") || r.ours.is_code("INVALID_ROLE");
        let read_otherwise = r.names("multipart/disposition")
            && (r.go.is_ok() && refused || r.go.is_code("NO_FILENAME") && r.ours.is_ok());
        let no_name = r.names_any(&["\\0", "no Unicode"])
            && r.names("multipart/file name")
            && r.go.is_code("INVALID_ROLE")
            && (r.ours.is_code("MALFORMED_UPLOAD") || r.ours.is_code("NO_FILENAME"));
        read_otherwise || no_name
    }),
    run("spec-1.6-line-ends", |r| {
        r.names("line ends") && r.go.is_ok() && r.ours.is_code("MALFORMED_UPLOAD")
    }),
    run("spec-3.7-expires", |r| {
        let spelling = ["expires-comma-fraction", "expires-one-digit-hour"];
        r.names_any(&spelling) && goes_on(r) && malformed(&r.ours)
    }),
    run("spec-4.8-json-wording", |r| {
        let decoder = ["json: ", "invalid character ", "illegal base64 "];
        let worded = |outcome: &Outcome| decoder.iter().any(|d| outcome.msg().starts_with(d));
        r.go.kind() == r.ours.kind() && worded(&r.go) && worded(&r.ours)
    }),
    elsewhere("contract-1-passphrases"),
    elsewhere("contract-3-old-server-keys"),
    elsewhere("contract-3-signer-answers"),
    elsewhere("contract-3-signer-away"),
    elsewhere("contract-3-signer-keys"),
    elsewhere("contract-4-mysql-names"),
    elsewhere("contract-5-limits"),
    elsewhere("contract-5-private"),
    elsewhere("spec-3.5-rsa-length"),
    elsewhere("signer-1.3-codes"),
    elsewhere("signer-1.3-texts"),
    elsewhere("signer-1.4-health"),
    elsewhere("signer-1.5-clients"),
    elsewhere("signer-4-process"),
    elsewhere("spec-7.1-flags"),
    elsewhere("C-018"),
    elsewhere("spec-7.2-revocation"),
    elsewhere("C-155"),
    elsewhere("C-200"),
    elsewhere("C-202"),
    elsewhere("C-203"),
    elsewhere("Q-08"),
    elsewhere("Q-09"),
    elsewhere("Q-15"),
    elsewhere("Q-16"),
    elsewhere("Q-20"),
    elsewhere("Q-21"),
    elsewhere("Q-24"),
    elsewhere("Q-35"),
    elsewhere("Q-38"),
    elsewhere("Q-39"),
    elsewhere("contract-2-keys"),
    elsewhere("contract-2-rate"),
    elsewhere("contract-2-unavailable"),
    elsewhere("contract-3-clock"),
    elsewhere("contract-3-freshness"),
];

const fn run(id: &'static str, applies: fn(&Record) -> bool) -> Difference {
    Difference { id, reach: Reach::Run, applies }
}

const fn elsewhere(id: &'static str) -> Difference {
    Difference { id, reach: Reach::Elsewhere, applies: |_| false }
}

/// We say that there is nothing.
fn lost(record: &Record) -> bool {
    not_found(&record.ours)
}

/// Go takes it, or in a walk refuses it for something that we would have come to later.
fn goes_on(record: &Record) -> bool {
    let later = ["INVALID_UPDATE", "VERSION"].iter().any(|code| record.go.is_code(code));
    record.go.is_ok() || record.is_walk() && (later || record.go.dropped())
}

fn not_found(outcome: &Outcome) -> bool {
    outcome.status == Some(404) && outcome.is_code("METADATA_NOT_FOUND")
}

fn malformed(outcome: &Outcome) -> bool {
    outcome.status == Some(400) && outcome.is_code("MALFORMED_JSON")
}

/// Go lost what it had accepted, since it looks for the digest of bytes that it wrote itself.
fn rewritten(record: &Record) -> bool {
    record.is_reading()
        && not_found(&record.go)
        && record.ours.is_ok()
        && record.ours.body.get("as sent") != Some(&false.into())
}

/// Go asked its signer for a key that the signer does not have.
fn unknown_to_signer(record: &Record) -> bool {
    record.go.msg().starts_with("rpc error: code = NotFound")
}

fn too_few_keys(outcome: &Outcome) -> bool {
    outcome.status == Some(400) && outcome.msg().contains(" distinct keys and a threshold of ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Call, Reply};
    use crate::outcome::Content;

    fn answer(status: u16, body: &str) -> Outcome {
        let reply = Reply::Answer {
            status,
            headers: http::HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        Outcome::of(&reply, Content::Plain)
    }

    fn record(name: &str, go: Outcome, ours: Outcome) -> Record {
        let call = Call::get("/v2/example.com/app/_trust/tuf/root.json");
        Record { seed: 1, number: 42, name: name.to_owned(), call, go, ours }
    }

    const MISSING: &str = r#"{"errors":[{"code":"METADATA_NOT_FOUND","message":"m","detail":{}}]}"#;
    const VERSION: &str = r#"{"errors":[{"code":"VERSION","message":"m","detail":{}}]}"#;

    #[test]
    fn planted_wrong_code_is_reported_with_how_to_see_it_again() {
        let good = record("route/x", answer(404, MISSING), answer(404, MISSING));
        assert!(judge(std::slice::from_ref(&good)).unexplained.is_empty());
        let planted = Record { ours: answer(404, VERSION), ..good };
        let [report] = judge(&[planted]).unexplained.try_into().unwrap();
        for needle in ["METADATA_NOT_FOUND", "VERSION", "root.json", "seed 1, step 42"] {
            assert!(report.contains(needle), "{needle} in {report}");
        }
    }

    #[test]
    fn planted_wrong_message_detail_and_cache_header_are_reported() {
        let good = answer(404, MISSING);
        for ours in [
            Outcome { message: Some("other".to_owned()), ..good.clone() },
            Outcome { detail: None, ..good.clone() },
            Outcome { cached: true, ..good.clone() },
            Outcome { header: Some("text/html".to_owned()), ..good.clone() },
            Outcome { status: None, ..good.clone() },
        ] {
            let planted = record("route/x", good.clone(), ours);
            assert_eq!(judge(&[planted]).unexplained.len(), 1);
        }
    }

    #[test]
    fn reading_after_an_undecided_publish_is_reported_too() {
        let publish = record("fault/x/root", answer(200, ""), answer(400, VERSION));
        let reading = record("fault/x/root > root.json", answer(200, "{}"), answer(404, MISSING));
        assert_eq!(judge(&[publish, reading]).unexplained.len(), 2);
    }

    #[test]
    fn every_id_is_listed_once() {
        let ids: BTreeSet<_> = DECIDED.iter().map(|difference| difference.id).collect();
        assert_eq!(ids.len(), DECIDED.len());
    }
}

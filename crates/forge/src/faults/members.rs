//! Faults of the members that all documents share: `_type`, `version`, `expires`, and members
//! that nobody knows.

use serde_json::{Value, json};

use super::Target::Any;
use super::{Fault, fault, replace, rewrite};
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("type-lower-case", Any, type_lower_case),
    fault("type-of-other-role", Any, type_of_other_role),
    fault("type-unheard-of", Any, |r, role| replace(r, role, "/_type", json!("Mirrors"))),
    fault("type-absent", Any, |r, role| drop_member(r, role, "_type")),
    fault("type-null", Any, |r, role| replace(r, role, "/_type", Value::Null)),
    fault("type-number", Any, |r, role| replace(r, role, "/_type", json!(1))),
    fault("version-zero", Any, |r, role| replace(r, role, "/version", json!(0))),
    fault("version-negative", Any, |r, role| replace(r, role, "/version", json!(-1))),
    fault("version-lower", Any, |r, role| step(r, role, -2)),
    fault("version-same", Any, |r, role| step(r, role, -1)),
    fault("version-skipped", Any, |r, role| step(r, role, 1)),
    fault("version-100000-higher", Any, |r, role| step(r, role, 99_999)),
    fault("version-100001-higher", Any, |r, role| step(r, role, 100_000)),
    fault("version-fractional", Any, |r, role| version_text(r, role, "1.5")),
    fault("version-integral-fraction", Any, |r, role| version_text(r, role, "2.0")),
    fault("version-exponent", Any, |r, role| version_text(r, role, "2e0")),
    fault("version-31-bits", Any, |r, role| version_text(r, role, "2147483648")),
    fault("version-53-bits", Any, |r, role| version_text(r, role, "9007199254740993")),
    fault("version-63-bits", Any, |r, role| version_text(r, role, "9223372036854775807")),
    fault("version-64-bits", Any, |r, role| version_text(r, role, "9223372036854775808")),
    fault("version-leading-zero", Any, |r, role| version_text(r, role, "02")),
    fault("version-string", Any, |r, role| replace(r, role, "/version", json!("2"))),
    fault("version-true", Any, |r, role| replace(r, role, "/version", json!(true))),
    fault("version-null", Any, |r, role| replace(r, role, "/version", Value::Null)),
    fault("version-absent", Any, |r, role| drop_member(r, role, "version")),
    fault("version-twice-good-last", Any, |r, role| version_twice(r, role, Order::GoodLast)),
    fault("version-twice-good-first", Any, |r, role| version_twice(r, role, Order::GoodFirst)),
    fault("expires-past", Any, |r, role| expires_in(r, role, -1)),
    fault("expires-far", Any, |r, role| expires_in(r, role, 100_000)),
    fault("expires-with-offset", Any, |r, role| {
        expires(r, role, json!("2030-01-02T03:04:05+02:00"))
    }),
    fault("expires-lower-case", Any, |r, role| expires(r, role, json!("2030-01-02t03:04:05z"))),
    fault("expires-date-only", Any, |r, role| expires(r, role, json!("2030-01-02"))),
    fault("expires-no-zone", Any, |r, role| expires(r, role, json!("2030-01-02T03:04:05"))),
    fault("expires-leap-second", Any, |r, role| expires(r, role, json!("2030-06-30T23:59:60Z"))),
    fault("expires-no-such-day", Any, |r, role| expires(r, role, json!("2030-02-30T00:00:00Z"))),
    fault("expires-year-zero", Any, |r, role| expires(r, role, json!("0000-01-01T00:00:00Z"))),
    fault("expires-long-fraction", Any, long_fraction),
    fault("expires-comma-fraction", Any, |r, role| {
        expires(r, role, json!("2030-01-02T03:04:05,5Z"))
    }),
    fault("expires-one-digit-hour", Any, |r, role| expires(r, role, json!("2030-01-02T3:04:05Z"))),
    fault("expires-empty", Any, |r, role| expires(r, role, json!(""))),
    fault("expires-number", Any, |r, role| expires(r, role, json!(1))),
    fault("expires-null", Any, |r, role| expires(r, role, Value::Null)),
    fault("expires-absent", Any, |r, role| drop_member(r, role, "expires")),
    fault("folded-version", Any, |r, role| add(r, role, "verſion", json!(77))),
    fault("folded-version-upper-case", Any, |r, role| add(r, role, "Version", json!(77))),
    fault("folded-version-of-other-type", Any, |r, role| add(r, role, "VERSION", json!("x"))),
    fault("folded-version-only", Any, folded_version_only),
    fault("folded-expires", Any, |r, role| add(r, role, "expireſ", json!("2001-01-01T00:00:00Z"))),
    fault("folded-type", Any, |r, role| add(r, role, "_TYPE", json!("Mirrors"))),
    fault("folded-name-in-unknown-member", Any, folded_in_unknown),
    fault("extra-member", Any, |r, role| add(r, role, "unheard-of", json!({"a": [1, null]}))),
    fault("extra-member-null", Any, |r, role| add(r, role, "unheard-of", Value::Null)),
    fault("extra-member-fraction", Any, |r, role| add(r, role, "unheard-of", json!(1.5))),
    fault("extra-member-html", Any, |r, role| add(r, role, "unheard-of", json!("<&>\u{2028}"))),
    fault("extra-member-control", Any, |r, role| add(r, role, "unheard-of", json!("a\nb\u{1}"))),
    fault("extra-member-large-number", Any, |r, role| {
        add(r, role, "unheard-of", json!(9_007_199_254_740_993_u64));
    }),
];

enum Order {
    GoodFirst,
    GoodLast,
}

fn type_lower_case(repository: &mut Repository, role: &str) {
    repository.edit(role, |signed| {
        let name = signed.get("_type").and_then(Value::as_str).map(str::to_lowercase);
        set(signed, "_type", json!(name));
    });
}

fn type_of_other_role(repository: &mut Repository, role: &str) {
    let other = if role == "snapshot" { "Targets" } else { "Snapshot" };
    replace(repository, role, "/_type", json!(other));
}

/// Moves the version; the publish in hand has raised it by one already.
fn step(repository: &mut Repository, role: &str, by: i64) {
    repository.edit(role, |signed| {
        let version = signed.get("version").and_then(Value::as_i64).unwrap_or(0);
        set(signed, "version", json!(version + by));
    });
}

fn version_text(repository: &mut Repository, role: &str, text: &str) {
    rewrite(repository, role, |signed| {
        let (head, _) = signed.rsplit_once(r#""version":"#).unwrap_or((signed, ""));
        format!(r#"{head}"version":{text}}}"#)
    });
}

fn version_twice(repository: &mut Repository, role: &str, order: Order) {
    rewrite(repository, role, |signed| {
        let inner = signed.trim_start_matches('{').trim_end_matches('}');
        match order {
            Order::GoodFirst => format!(r#"{},"version":77}}"#, signed.trim_end_matches('}')),
            Order::GoodLast => format!(r#"{{"version":77,{inner}}}"#),
        }
    });
}

fn expires_in(repository: &mut Repository, role: &str, days: i64) {
    let moment = repository.in_days(days);
    expires(repository, role, json!(moment));
}

fn expires(repository: &mut Repository, role: &str, value: Value) {
    replace(repository, role, "/expires", value);
}

fn long_fraction(repository: &mut Repository, role: &str) {
    expires(repository, role, json!("2030-01-02T03:04:05.1234567890123Z"));
}

fn folded_version_only(repository: &mut Repository, role: &str) {
    repository.edit(role, |signed| {
        let version = signed.as_object_mut().and_then(|members| members.remove("version"));
        set(signed, "Version", version.unwrap_or_default());
    });
}

fn folded_in_unknown(repository: &mut Repository, role: &str) {
    add(repository, role, "unheard-of", json!({"Version": "x", "expireſ": 1}));
}

fn add(repository: &mut Repository, role: &str, member: &str, value: Value) {
    repository.edit(role, |signed| set(signed, member, value));
}

fn drop_member(repository: &mut Repository, role: &str, member: &str) {
    repository.edit(role, |signed| {
        if let Some(members) = signed.as_object_mut() {
            members.remove(member);
        }
    });
}

//! Faults of the `signatures` member.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Target::Any;
use super::{Fault, fault, frame};
use crate::document::Document;
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("signature-wrong", Any, wrong),
    fault("signature-absent", Any, absent),
    fault("signature-of-strange-key", Any, of_strange_key),
    fault("signature-of-strange-key-under-right-id", Any, of_strange_key_under_right_id),
    fault("signature-of-strange-key-beside-good-one", Any, strange_beside_good),
    fault("signature-twice", Any, twice),
    fault("signatures-thousand-times", Any, thousand_times),
    fault("signature-in-other-encoding", Any, in_other_encoding),
    fault("signature-with-trailing-zero", Any, with_trailing_zero),
    fault("signature-empty", Any, |r, role| put(r, role, "sig", json!(""))),
    fault("signature-null", Any, |r, role| put(r, role, "sig", Value::Null)),
    fault("signature-number", Any, |r, role| put(r, role, "sig", json!(1))),
    fault("signature-not-base64", Any, |r, role| put(r, role, "sig", json!("!!!!"))),
    fault("signature-base64-unpadded", Any, unpadded),
    fault("signature-base64-with-line-break", Any, with_line_break),
    fault("signature-base64-url-alphabet", Any, |r, role| put(r, role, "sig", json!("__--"))),
    fault("signature-base64-trailing-bits", Any, trailing_bits),
    fault("method-eddsa", Any, |r, role| put(r, role, "method", json!("eddsa"))),
    fault("method-rsapss", Any, |r, role| put(r, role, "method", json!("rsapss"))),
    fault("method-unheard-of", Any, |r, role| put(r, role, "method", json!("none"))),
    fault("method-upper-case", Any, |r, role| put(r, role, "method", json!("ECDSA"))),
    fault("method-empty", Any, |r, role| put(r, role, "method", json!(""))),
    fault("method-null", Any, |r, role| put(r, role, "method", Value::Null)),
    fault("method-number", Any, |r, role| put(r, role, "method", json!(1))),
    fault("method-absent", Any, |r, role| drop_member(r, role, "method")),
    fault("signature-keyid-upper-case", Any, keyid_upper_case),
    fault("signature-keyid-empty", Any, |r, role| put(r, role, "keyid", json!(""))),
    fault("signature-keyid-null", Any, |r, role| put(r, role, "keyid", Value::Null)),
    fault("signature-keyid-number", Any, |r, role| put(r, role, "keyid", json!(1))),
    fault("signature-keyid-absent", Any, |r, role| drop_member(r, role, "keyid")),
    fault("signature-extra-member", Any, |r, role| put(r, role, "unheard-of", json!([]))),
    fault("signature-folded-keyid", Any, |r, role| put(r, role, "KeyID", json!("0"))),
    fault("signature-folded-sig", Any, |r, role| put(r, role, "ſig", json!("AAAA"))),
    fault("signature-folded-method", Any, |r, role| put(r, role, "Method", json!("eddsa"))),
    fault("signatures-element-null", Any, |r, role| push(r, role, Value::Null)),
    fault("signatures-element-number", Any, |r, role| push(r, role, json!(1))),
    fault("signatures-element-empty", Any, |r, role| push(r, role, json!({}))),
    fault("signatures-null", Any, |r, role| whole(r, role, "null")),
    fault("signatures-object", Any, |r, role| whole(r, role, "{}")),
    fault("signatures-string", Any, |r, role| whole(r, role, "\"\"")),
    fault("signatures-member-absent", Any, member_absent),
];

fn wrong(repository: &mut Repository, role: &str) {
    resign(repository, role, |_, raw| raw.iter().map(|byte| byte ^ 1).collect());
}

fn absent(repository: &mut Repository, role: &str) {
    repository.damage(role, |document| document.signatures.clear());
}

fn of_strange_key(repository: &mut Repository, role: &str) {
    let key = repository.new_ecdsa_key();
    repository.damage(role, |document| document.sign([&key]));
}

fn of_strange_key_under_right_id(repository: &mut Repository, role: &str) {
    let key = repository.new_ecdsa_key();
    resign(repository, role, |message, _| key.sign(message));
}

fn strange_beside_good(repository: &mut Repository, role: &str) {
    let key = repository.new_ecdsa_key();
    repository.damage(role, |document| {
        let signature = key.signature(&document.message());
        document.signatures.insert(0, signature);
    });
}

fn twice(repository: &mut Repository, role: &str) {
    repository.damage(role, |document| {
        let again = document.signatures.clone();
        document.signatures.extend(again);
    });
}

fn thousand_times(repository: &mut Repository, role: &str) {
    repository.damage(role, |document| {
        document.signatures = document.signatures.iter().cycle().take(1000).cloned().collect();
    });
}

fn in_other_encoding(repository: &mut Repository, role: &str) {
    let keys = repository.keys(role).to_vec();
    resign(repository, role, |message, raw| {
        keys.first().map_or_else(|| raw.to_vec(), |key| key.sign_in_other_encoding(message))
    });
}

fn with_trailing_zero(repository: &mut Repository, role: &str) {
    resign(repository, role, |_, raw| raw.iter().copied().chain([0]).collect());
}

fn unpadded(repository: &mut Repository, role: &str) {
    retext(repository, role, |text| text.trim_end_matches('=').to_owned());
}

fn with_line_break(repository: &mut Repository, role: &str) {
    retext(repository, role, |text| {
        let (head, tail) = text.split_at_checked(8).unwrap_or((text, ""));
        format!("{head}\n{tail}")
    });
}

/// Sets a bit that padding must leave zero: 64 bytes end in a digit with four such bits.
fn trailing_bits(repository: &mut Repository, role: &str) {
    retext(repository, role, |text| {
        let mut digits: Vec<char> = text.trim_end_matches('=').chars().collect();
        let last = digits.pop().and_then(|digit| char::from_u32(u32::from(digit) + 1));
        let padding = text.chars().filter(|letter| *letter == '=');
        digits.into_iter().chain(last).chain(padding).collect()
    });
}

fn keyid_upper_case(repository: &mut Repository, role: &str) {
    repository.damage(role, |document| {
        for signature in &mut document.signatures {
            let id = signature.get("keyid").and_then(Value::as_str).map(str::to_uppercase);
            set(signature, "keyid", json!(id));
        }
    });
}

fn member_absent(repository: &mut Repository, role: &str) {
    frame(repository, role, |signed, _| format!(r#"{{"signed":{signed}}}"#));
}

fn whole(repository: &mut Repository, role: &str, signatures: &str) {
    frame(repository, role, |signed, _| {
        format!(r#"{{"signed":{signed},"signatures":{signatures}}}"#)
    });
}

fn push(repository: &mut Repository, role: &str, element: Value) {
    repository.damage(role, |document| document.signatures.push(element));
}

fn put(repository: &mut Repository, role: &str, member: &str, value: Value) {
    repository.damage(role, |document| {
        for signature in &mut document.signatures {
            set(signature, member, value.clone());
        }
    });
}

fn drop_member(repository: &mut Repository, role: &str, member: &str) {
    repository.damage(role, |document| {
        for signature in document.signatures.iter_mut().filter_map(Value::as_object_mut) {
            signature.remove(member);
        }
    });
}

/// Replaces the bytes of each signature by what `change` makes of message and bytes.
fn resign(repository: &mut Repository, role: &str, change: impl Fn(&[u8], &[u8]) -> Vec<u8>) {
    repository.damage(role, |document: &mut Document| {
        let message = document.message();
        for signature in &mut document.signatures {
            let text = signature.get("sig").and_then(Value::as_str).unwrap_or_default();
            let raw = STANDARD.decode(text).unwrap_or_default();
            set(signature, "sig", json!(STANDARD.encode(change(&message, &raw))));
        }
    });
}

fn retext(repository: &mut Repository, role: &str, change: impl Fn(&str) -> String) {
    repository.damage(role, |document| {
        for signature in &mut document.signatures {
            let text = signature.get("sig").and_then(Value::as_str).unwrap_or_default();
            let text = change(text);
            set(signature, "sig", json!(text));
        }
    });
}

//! Faults of the text: syntax, layout, framing.

use serde_json::{Value, json};

use super::Target::Any;
use super::{Fault, fault, frame, reframe, rewrite};
use crate::repository::{Repository, set};

pub(super) const FAULTS: &[Fault] = &[
    fault("text-leading-whitespace", Any, |r, role| reframe(r, role, |t| format!(" \n{t}").into())),
    fault("text-trailing-newline", Any, |r, role| reframe(r, role, |t| format!("{t}\n").into())),
    fault("text-trailing-letter", Any, |r, role| reframe(r, role, |t| format!("{t}x").into())),
    fault("text-trailing-document", Any, |r, role| reframe(r, role, |t| format!("{t}{t}").into())),
    fault("text-trailing-nul", Any, |r, role| reframe(r, role, |t| format!("{t}\0").into())),
    fault("text-byte-order-mark", Any, |r, role| {
        reframe(r, role, |t| format!("\u{feff}{t}").into());
    }),
    fault("text-cut", Any, |r, role| reframe(r, role, cut)),
    fault("text-empty", Any, |r, role| reframe(r, role, |_| Vec::new())),
    fault("text-null", Any, |r, role| reframe(r, role, |_| b"null".to_vec())),
    fault("text-array", Any, |r, role| reframe(r, role, |t| format!("[{t}]").into())),
    fault("text-string", Any, |r, role| reframe(r, role, |_| b"\"text\"".to_vec())),
    fault("text-number", Any, |r, role| reframe(r, role, |_| b"7".to_vec())),
    fault("text-empty-object", Any, |r, role| reframe(r, role, |_| b"{}".to_vec())),
    fault("text-single-quotes", Any, |r, role| reframe(r, role, |t| t.replace('"', "'").into())),
    fault("text-comment", Any, |r, role| reframe(r, role, |t| t.replacen('{', "{/**/", 1).into())),
    fault("text-trailing-comma", Any, trailing_comma),
    fault("text-whitespace-inside", Any, |r, role| rewrite(r, role, spaced)),
    fault("text-members-reordered", Any, |r, role| rewrite(r, role, reordered)),
    fault("text-escaped-letters", Any, |r, role| rewrite(r, role, escaped)),
    fault("text-slash-escaped", Any, |r, role| rewrite(r, role, |t| extra(t, "\"a\\/b\""))),
    fault("text-raw-control-in-string", Any, |r, role| rewrite(r, role, |t| extra(t, "\"a\nb\""))),
    fault("text-lone-surrogate", Any, |r, role| rewrite(r, role, |t| extra(t, "\"\\ud800\""))),
    fault("text-surrogate-pair", Any, |r, role| {
        rewrite(r, role, |t| extra(t, "\"\\ud83d\\ude00\""))
    }),
    fault("text-invalid-utf8", Any, invalid_utf8),
    fault("text-number-beyond-double", Any, |r, role| rewrite(r, role, |t| extra(t, "1e400"))),
    fault("text-number-beyond-64-bits", Any, |r, role| {
        rewrite(r, role, |t| extra(t, "18446744073709551616"));
    }),
    fault("text-number-minus-zero", Any, |r, role| rewrite(r, role, |t| extra(t, "-0"))),
    fault("text-number-exponent", Any, |r, role| rewrite(r, role, |t| extra(t, "1E3"))),
    fault("text-number-leading-plus", Any, |r, role| rewrite(r, role, |t| extra(t, "+1"))),
    fault("text-number-hexadecimal", Any, |r, role| rewrite(r, role, |t| extra(t, "0x10"))),
    fault("text-nested-100-deep", Any, |r, role| rewrite(r, role, |t| extra(t, &nested(100)))),
    fault("text-nested-200-deep", Any, |r, role| rewrite(r, role, |t| extra(t, &nested(200)))),
    fault("text-nested-20000-deep", Any, |r, role| rewrite(r, role, |t| extra(t, &nested(20_000)))),
    fault("signed-absent", Any, |r, role| {
        frame(r, role, |_, signatures| format!(r#"{{"signatures":{signatures}}}"#));
    }),
    fault("signed-null", Any, |r, role| signed_instead(r, role, "null")),
    fault("signed-array", Any, |r, role| signed_instead(r, role, "[]")),
    fault("signed-string", Any, |r, role| signed_instead(r, role, "\"text\"")),
    fault("signed-empty", Any, |r, role| signed_instead(r, role, "{}")),
    fault("signed-folded-beside", Any, signed_folded_beside),
    fault("signed-folded-only", Any, |r, role| {
        reframe(r, role, |t| t.replacen("\"signed\"", "\"ſigned\"", 1).into());
    }),
    fault("signatures-folded-only", Any, |r, role| {
        reframe(r, role, |t| t.replacen("\"signatures\"", "\"Signatures\"", 1).into());
    }),
    fault("signed-twice-good-last", Any, |r, role| {
        reframe(r, role, |t| t.replacen('{', "{\"signed\":{},", 1).into());
    }),
    fault("signed-twice-good-first", Any, |r, role| {
        reframe(r, role, |t| format!("{},\"signed\":{{}}}}", t.trim_end_matches('}')).into());
    }),
    fault("envelope-extra-member", Any, |r, role| {
        reframe(r, role, |t| t.replacen('{', "{\"unheard-of\":[{}],", 1).into());
    }),
    fault("envelope-reordered", Any, |r, role| {
        frame(r, role, |signed, signatures| {
            format!(r#"{{"signatures":{signatures},"signed":{signed}}}"#)
        });
    }),
];

fn cut(text: &str) -> Vec<u8> {
    text.as_bytes().iter().copied().take(text.len() / 2).collect()
}

fn trailing_comma(repository: &mut Repository, role: &str) {
    reframe(repository, role, |text| {
        format!("{},}}", text.strip_suffix('}').unwrap_or(text)).into_bytes()
    });
}

fn spaced(text: &str) -> String {
    text.replace("\":", "\":\t ").replace('{', "{\r\n  ")
}

/// The members of `signed` in reverse order.
fn reordered(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let members: Vec<String> = value
        .as_object()
        .into_iter()
        .flatten()
        .rev()
        .map(|(name, member)| format!("{}:{member}", json!(name)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Some letters of member names and values as `\u00XX`.
fn escaped(text: &str) -> String {
    text.replace("version", "versi\\u006fn").replace("sha256", "\\u0073ha256")
}

fn extra(text: &str, value: &str) -> String {
    text.replacen('{', &format!("{{\"unheard-of\":{value},"), 1)
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

fn invalid_utf8(repository: &mut Repository, role: &str) {
    repository.edit(role, |signed| set(signed, "unheard-of", json!("\u{fffd}")));
    repository.damage(role, |document| {
        let mut bytes = Vec::new();
        let text = document.to_bytes();
        let mut rest = text.as_slice();
        while let Some((first, tail)) = rest.split_first() {
            if let Some(after) = rest.strip_prefix("\u{fffd}".as_bytes()) {
                bytes.push(0xff);
                rest = after;
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        document.bytes_instead = Some(bytes);
    });
}

fn signed_instead(repository: &mut Repository, role: &str, signed: &str) {
    frame(repository, role, |_, signatures| {
        format!(r#"{{"signed":{signed},"signatures":{signatures}}}"#)
    });
}

fn signed_folded_beside(repository: &mut Repository, role: &str) {
    reframe(repository, role, |text| {
        format!("{},\"Signed\":{{\"version\":77}}}}", text.trim_end_matches('}')).into_bytes()
    });
}

//! The one walk through a document says the same as a tree of values that is put in order and
//! written anew.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::json::Node;

fn parse(text: &str) -> Result<Envelope, JsonError> {
    Envelope::parse(text.to_owned().into())
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t")]
}

/// A text as it may be written: raw, with escapes that are needed, and with some that are not.
fn written_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-c]{0,3}",
        1 => Just(r"\u0061".to_owned()),
        1 => Just(r#"\""#.to_owned()),
        1 => Just(r"\\".to_owned()),
        1 => Just(r"\/".to_owned()),
        1 => Just(r"\n".to_owned()),
        1 => Just(r"\u00e9\ud83d\ude00".to_owned()),
        1 => "[éſ\u{212a}\u{7f}\u{2028}😀/]",
    ];
    prop::collection::vec(piece, 0..3).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn written_number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (-20_i64..20).prop_map(|number| number.to_string()),
        (-2_i64..3).prop_map(|near| ((1_i64 << 53) + near).to_string()),
        (-2_i64..3).prop_map(|near| (near - (1_i64 << 53)).to_string()),
        prop::sample::select(vec![
            "-0",
            "0.0",
            "1.0",
            "1.5",
            "1e2",
            "1E2",
            "10e-1",
            "100e-2",
            "1e300",
            "1e400",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551616",
            "01",
            "+1",
            "1.",
        ])
        .prop_map(str::to_owned),
    ]
}

/// JSON as it may be written: with white space, in any order, with names that stand twice.
fn written() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned);
    let leaf = prop_oneof![word, written_number(), written_text()];
    leaf.prop_recursive(4, 24, 5, |inner| prop_oneof![list(inner.clone()), object(inner)])
}

fn list(item: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    (prop::collection::vec(item, 0..5), blank())
        .prop_map(|(items, blank)| format!("[{}{blank}]", items.join(&format!("{blank},"))))
}

fn object(value: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let member = (written_text(), value);
    (prop::collection::vec(member, 0..5), blank(), any::<bool>()).prop_map(
        |(mut members, blank, sorted)| {
            if sorted {
                members.sort();
            }
            let members = members.iter().map(|(name, value)| format!("{name}{blank}:{value}"));
            let members = members.collect::<Vec<_>>();
            format!("{{{blank}{}{blank}}}", members.join(","))
        },
    )
}

/// A whole document with this signed part.
fn document() -> impl Strategy<Value = String> {
    let signed = prop_oneof![4 => object(written()), 1 => written()];
    (signed, written(), blank(), 0..8).prop_map(|(signed, other, blank, form)| match form {
        0 => format!("{{\"signatures\":[]{blank},\"signed\":{blank}{signed}{blank}}}"),
        1 => format!("{{\"signed\":{other},\"signatures\":[],\"signed\":{signed}}}"),
        2 => format!("{{\"signed\":{signed},\"signatures\":[],\"signatures\":[]}}{blank}"),
        3 => format!("{{\"sign\\u0065d\":{signed},\"signatures\":[]}}"),
        4 => format!("{{\"a\":{other},\"signed\":{signed},\"z\":{other}}}"),
        _ => {
            format!("{blank}{{\"signed\"{blank}:{signed}{blank},{blank}\"signatures\":[]}}{blank}")
        }
    })
}

/// The signed part by another way: a tree of values, in order by itself.
fn signed_value(text: &str) -> Option<Value> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let document = values.next()?.ok()?;
    Some(document.get("signed").cloned().unwrap_or_default())
}

fn same(node: Node<'_>, value: &Value) -> bool {
    match (node.kind(), value) {
        (Kind::Null, Value::Null) => true,
        (Kind::Bool(one), Value::Bool(other)) => one == *other,
        (Kind::Number(one), Value::Number(other)) => one == other,
        (Kind::Text(one), Value::String(other)) => one.as_str() == other,
        (Kind::List(one), Value::Array(other)) => {
            one.count() == other.len() && one.zip(other).all(|(one, other)| same(one, other))
        }
        (Kind::Object(one), Value::Object(other)) => {
            one.count() == other.len()
                && one.zip(other).all(|((name, one), (expected, other))| {
                    name.as_str() == expected && same(one, other)
                })
        }
        _ => false,
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let (envelope, expected) = match (parse(text), signed_value(text)) {
        (Ok(envelope), Some(expected)) => (envelope, expected),
        // Such a member is of the wrong type where it is read.
        (Err(JsonError::Type { .. } | JsonError::Folded { .. }), Some(_)) => return Ok(()),
        (parsed, expected) => {
            prop_assert_eq!(parsed.err(), Some(JsonError::Syntax), "{:?}", expected);
            prop_assert_eq!(expected, None);
            return Ok(());
        }
    };
    prop_assert!(same(envelope.signed(), &expected), "{:?}", envelope.signed());
    let message = envelope.message().map(Cow::into_owned);
    prop_assert_eq!(&message, &canonical::to_bytes(&expected));
    prop_assert_eq!(&message, &canonical::of_node(envelope.signed()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_signed_is_the_same_by_both_ways(text in document()) {
        check(&text)?;
    }

    #[test]
    fn it_is_the_same_of_damaged_documents(
        text in document(),
        at in any::<prop::sample::Index>(),
        byte in prop::sample::select(b" \"{}[],:\\0aE.-".to_vec()),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            check(&text)?;
        }
    }

    #[test]
    fn a_canonical_document_is_taken_from_where_it_stands(text in document()) {
        let Some(Value::Object(members)) = signed_value(&text) else { return Ok(()) };
        let Ok(canonical) = canonical::to_bytes(&members.into()) else { return Ok(()) };
        let Ok(text) = String::from_utf8(canonical) else { return Ok(()) };
        // Escapes are read and written, control characters are canonical and no JSON, and numbers
        // are not trusted that a double may not hold.
        let long = |digits: &str| digits.len() > 15;
        if text.contains(|c| c < ' ' || c == '\\')
            || text.split(|c: char| !c.is_ascii_digit()).any(long)
        {
            return Ok(());
        }
        for around in ["{\"signed\":#,\"signatures\":[]}", "{ \"signed\" : # }\n"] {
            let Ok(envelope) = parse(&around.replace('#', &text)) else { return Ok(()) };
            prop_assert!(envelope.message.is_some(), "{}", text);
            let message = envelope.message().unwrap();
            prop_assert_eq!(message.as_ref(), text.as_bytes());
        }
    }
}

/// Each is no longer than its canonical form, and still not that.
#[test]
fn what_only_looks_canonical_is_written_anew() {
    for (signed, expected) in [
        (r#"{"a":1E2}"#, r#"{"a":100}"#),
        (r#"{"a":1e3}"#, r#"{"a":1000}"#),
        (r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
        (r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        (r#"{"a": 1e2}"#, r#"{"a":100}"#),
        (r#"{"a":-0}"#, r#"{"a":0}"#),
        (r#"{"a":"\u0022"}"#, r#"{"a":"\""}"#),
    ] {
        let envelope = parse(&format!("{{\"signed\":{signed},\"signatures\":[]}}")).unwrap();
        assert_eq!(envelope.message, None, "{signed}");
        assert_eq!(envelope.message().unwrap().as_ref(), expected.as_bytes(), "{signed}");
    }
}

#[test]
fn no_name_means_anything_to_the_parser_itself() {
    for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        let signed = format!("{{\"custom\":{{\"{name}\":\"1\"}}}}");
        let envelope = parse(&format!("{{\"signed\":{signed},\"signatures\":[]}}")).unwrap();
        assert_eq!(envelope.message().unwrap().as_ref(), signed.as_bytes());
        let pretty = signed.replace("{", "{ ");
        let envelope = parse(&format!("{{\"signed\":{pretty},\"signatures\":[]}}")).unwrap();
        assert_eq!(envelope.message().unwrap().as_ref(), signed.as_bytes());
    }
}

#[test]
fn a_document_that_signs_nothing_signs_null() {
    for text in ["{}", "null", "{\"signed\":null}", "{\"signatures\":[]}"] {
        let envelope = parse(text).unwrap();
        assert!(envelope.signed().is_null());
        assert_eq!(envelope.message().unwrap().as_ref(), b"null", "{text}");
    }
}

#[test]
fn a_value_ends_where_the_next_begins() {
    for (text, expected) in [
        ("null", Ok(None)),
        ("null x", Ok(Some(b'x'))),
        ("null\"", Ok(Some(b'"'))),
        ("nullx", Err(JsonError::Syntax)),
        ("{}x", Ok(Some(b'x'))),
        ("{} \n", Ok(None)),
        ("{}{}", Ok(Some(b'{'))),
    ] {
        assert_eq!(parse(text).map(|envelope| envelope.trailing), expected, "{text}");
    }
    let mut bytes = b"{\"signed\":{}}".to_vec();
    bytes.push(0xff);
    assert_eq!(Envelope::parse(bytes.into()).unwrap().trailing, Some(0xff));
    assert!(Envelope::parse(b"{\"\xff\":0}".as_slice().into()).is_err());
}

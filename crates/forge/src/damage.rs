//! Damages every member of a document in turn, without knowing what it means.

use serde_json::{Value, json};

/// What is done to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// An empty value of its type (`""`, `0`, `[]`, `{}`).
    Empty,
    /// `null`.
    Null,
    /// Another value of its type.
    Other,
    /// A value of another type.
    OtherType,
    /// The member is not there.
    Removed,
}

impl Damage {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Empty, Self::Null, Self::Other, Self::OtherType, Self::Removed];
}

/// The JSON pointers of all members and elements of `value`, parents before children.
#[must_use]
pub fn pointers(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, "", &mut found);
    found
}

/// `value` with `damage` done at `pointer`; `None` where that would change nothing.
#[must_use]
pub fn apply(value: &Value, pointer: &str, damage: Damage) -> Option<Value> {
    let mut damaged = value.clone();
    if damage == Damage::Removed {
        remove(&mut damaged, pointer)?;
    } else {
        let member = damaged.pointer_mut(pointer)?;
        *member = replacement(member, damage);
    }
    (damaged != *value).then_some(damaged)
}

fn collect(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.replace('~', "~0").replace('/', "~1"), member))
            .collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (name, child) in children {
        let pointer = format!("{prefix}/{name}");
        found.push(pointer.clone());
        collect(child, &pointer, found);
    }
}

fn replacement(member: &Value, damage: Damage) -> Value {
    match (damage, member) {
        (Damage::Null | Damage::Removed, _) | (Damage::Empty, Value::Null) => Value::Null,
        (Damage::Empty, Value::Bool(_)) => json!(false),
        (Damage::Empty, Value::Number(_)) => json!(0),
        (Damage::Empty, Value::String(_)) => json!(""),
        (Damage::Empty, Value::Array(_)) => json!([]),
        (Damage::Empty, Value::Object(_)) => json!({}),
        (Damage::OtherType, Value::String(_)) => json!(7),
        (Damage::OtherType, Value::Object(_)) => json!([]),
        (Damage::OtherType, Value::Array(_)) => json!({}),
        (Damage::OtherType, _) => json!("text"),
        (Damage::Other, Value::Null) => json!("AAAA"),
        (Damage::Other, Value::Bool(flag)) => json!(!flag),
        (Damage::Other, Value::Number(number)) => json!(number.as_i64().unwrap_or(0) + 1),
        (Damage::Other, Value::String(text)) => json!(other_text(text)),
        (Damage::Other, Value::Array(items)) => {
            let doubled: Vec<_> = items.iter().chain(items).cloned().collect();
            json!(doubled)
        }
        (Damage::Other, Value::Object(members)) => {
            let mut members = members.clone();
            members.insert("unheard-of".to_owned(), json!({}));
            Value::Object(members)
        }
    }
}

/// The text with its first letter or digit replaced by the next one, so that base64 and hex keep
/// their form.
fn other_text(text: &str) -> String {
    let mut changed = false;
    text.chars()
        .map(|letter| match letter {
            _ if changed => letter,
            '0'..='8' | 'a'..='e' | 'A'..='E' => {
                changed = true;
                char::from_u32(u32::from(letter) + 1).unwrap_or(letter)
            }
            'g'..='y' | 'G'..='Y' => {
                changed = true;
                char::from_u32(u32::from(letter) + 1).unwrap_or(letter)
            }
            _ => letter,
        })
        .collect()
}

fn remove(value: &mut Value, pointer: &str) -> Option<()> {
    let (parent, name) = pointer.rsplit_once('/')?;
    match value.pointer_mut(parent)? {
        Value::Object(members) => {
            members.remove(&name.replace("~1", "/").replace("~0", "~")).map(|_| ())
        }
        Value::Array(items) => {
            let index: usize = name.parse().ok()?;
            (index < items.len()).then(|| items.remove(index)).map(|_| ())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_found_once() {
        let value = json!({"a/b": {"c": [1, {"d": null}]}});
        assert_eq!(pointers(&value), ["/a~1b", "/a~1b/c", "/a~1b/c/0", "/a~1b/c/1", "/a~1b/c/1/d"]);
    }

    #[test]
    fn each_damage_changes_only_what_its_pointer_names() {
        let value = json!({"a/b": {"c": [1, {"d": "x"}], "e": true}, "f": 2});
        for pointer in pointers(&value) {
            for damage in Damage::ALL {
                let Some(damaged) = apply(&value, &pointer, damage) else { continue };
                let untouched =
                    |p: &String| !p.starts_with(&pointer) && !pointer.starts_with(p.as_str());
                for other in pointers(&value).iter().filter(|p| untouched(p)) {
                    // Removing an element moves its later siblings.
                    if damage == Damage::Removed && pointer.ends_with("/0") {
                        continue;
                    }
                    assert_eq!(
                        damaged.pointer(other),
                        value.pointer(other),
                        "{pointer} {damage:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn removed_member_is_gone_and_null_member_is_null() {
        let value = json!({"a": 1, "b": 2});
        assert_eq!(apply(&value, "/a", Damage::Removed), Some(json!({"b": 2})));
        assert_eq!(apply(&value, "/a", Damage::Null), Some(json!({"a": null, "b": 2})));
        assert_eq!(apply(&value, "/c", Damage::Removed), None);
    }
}

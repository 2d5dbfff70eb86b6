//! Which keys a file may have, asked of the types that read it, and which of them a wrong one meant.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// More changed letters than this are another word, not a slip.
const MAX_DISTANCE: usize = 4;

/// The keys that the section type `T` reads.
pub(crate) fn keys_of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // The capture never yields a value: it answers with an error once it has the field names.
    T::deserialize(Capture(&mut fields)).err();
    fields
}

/// The text that helps whoever wrote `wrong` to one of `known` (both `section.key`).
pub(crate) fn advice(wrong: &str, known: &[String]) -> String {
    let section = wrong.split('.').next().unwrap_or_default();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let meant = nearest(wrong, known.iter().map(String::as_str))
        .or_else(|| known.iter().map(String::as_str).find(|key| key.starts_with(wrong)))
        .or_else(|| known.iter().map(String::as_str).find(|key| last(key) == last(wrong)));
    if let Some(key) = meant {
        return format!("did you mean `{key}`?");
    }
    let inside: Vec<String> = known
        .iter()
        .filter(|key| key.split('.').next() == Some(section))
        .map(|k| last(k))
        .collect();
    if inside.is_empty() {
        let mut sections: Vec<&str> = known.iter().filter_map(|k| k.split('.').next()).collect();
        sections.dedup();
        format!("the sections are {}", sections.join(", "))
    } else {
        format!("the keys of [{section}] are {}", inside.join(", "))
    }
}

/// The one of `known` that `wrong` is a slip of.
pub(crate) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|key| (distance(wrong, key), key))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .min()
        .map(|(_, key)| key)
}

fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(&a.to_lowercase(), &b.to_lowercase())
}

/// Takes note of the fields that a type asks for.
struct Capture<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Capture<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a section"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wrong: &str, expected: &str) {
        let known = ["server.data_dir", "server.listen", "tls.cert", "keys.passphrase_file"];
        assert_eq!(advice(wrong, &known.map(str::to_owned)), expected, "{wrong}");
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        check("tls.cret", "did you mean `tls.cert`?");
        check("server.DataDir", "did you mean `server.data_dir`?");
        check("sever.listen", "did you mean `server.listen`?");
    }

    #[test]
    fn the_beginning_of_a_key_is_recognised() {
        check("keys.passphrase", "did you mean `keys.passphrase_file`?");
    }

    #[test]
    fn a_key_outside_its_section_is_recognised() {
        check("listen", "did you mean `server.listen`?");
        check("http.listen", "did you mean `server.listen`?");
    }

    #[test]
    fn what_resembles_nothing_gets_the_list() {
        check("server.wallpaper", "the keys of [server] are data_dir, listen");
        check("wallpaper.colour", "the sections are server, tls, keys");
    }
}

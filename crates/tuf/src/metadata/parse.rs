//! One walk through the bytes of a document: its limits are counted, and it is read.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_json::de::Read;

use super::limits::{DocumentLimits, OverLimit, Place, Size, Tally};
use crate::json::builder::Builder;
use crate::json::{JsonError, Tree};

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON, or not of this form.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Over a limit.
    #[error("over the limit on {0}")]
    OverLimit(#[from] OverLimit),
}

/// The JSON value at the beginning of some bytes.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Tree,
    /// Where it ends.
    pub(super) end: usize,
    /// Whether its objects are in the order in which they were written.
    pub(super) as_written: bool,
    pub(super) size: Size,
}

/// Reads the JSON value at the beginning of `raw`. Whatever follows it is left alone.
pub(super) fn parse(raw: Bytes, limits: &DocumentLimits) -> Result<Parsed, Unreadable> {
    let mut tally = Tally::new(limits);
    let mut builder = Builder::new(&raw);
    // Texts are checked one by one where something is wrong with the bytes as a whole.
    let end = match std::str::from_utf8(&raw) {
        Ok(text) => walk(serde_json::Deserializer::from_str(text), &mut builder, &mut tally),
        Err(_) => walk(serde_json::Deserializer::from_slice(&raw), &mut builder, &mut tally),
    };
    if let Some(over) = tally.over() {
        return Err(over.into());
    }
    let end = end.ok().filter(|end| is_delimited(&raw, *end)).ok_or(JsonError::Syntax)?;
    let size = tally.size();
    let (tree, as_written) = builder.finish(raw.clone()).map_err(|_| JsonError::Syntax)?;
    Ok(Parsed { tree, end, as_written, size })
}

/// Walks through one value and says where it ends.
fn walk<'de, R: Read<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    builder: &mut Builder<'de>,
    tally: &mut Tally<'_>,
) -> Result<usize, serde_json::Error> {
    Walk { builder, tally, parent: Place::Elsewhere, place: Place::Document, depth: 0 }
        .deserialize(&mut deserializer)?;
    Ok(deserializer.into_iter::<IgnoredAny>().byte_offset())
}

/// A number, `true`, `false` or `null` ends where something begins that cannot be part of it.
fn is_delimited(raw: &[u8], end: usize) -> bool {
    let first = raw.trim_ascii_start().first();
    matches!(first, Some(b'{' | b'[' | b'"'))
        || raw.get(end).is_none_or(|next| b" \n\t\r\"[]{},:".contains(next))
}

/// Walks through one value. It is counted when it begins.
struct Walk<'a, 'b, 'de> {
    builder: &'a mut Builder<'de>,
    tally: &'a mut Tally<'b>,
    parent: Place,
    place: Place,
    depth: usize,
}

impl<'b, 'de> Walk<'_, 'b, 'de> {
    /// A walk through a value inside this one.
    fn inside(&mut self, place: Place) -> Walk<'_, 'b, 'de> {
        Walk {
            builder: &mut *self.builder,
            tally: &mut *self.tally,
            parent: self.place,
            place,
            depth: self.depth,
        }
    }

    fn enter<E: Error>(&mut self) -> Result<(), E> {
        self.depth = self.depth.saturating_add(1);
        self.tally.enter(self.depth)
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.tally.count(self.parent)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.builder.bool(value);
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.builder.number(value.into());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.builder.number(value.into());
        Ok(())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("no finite number"))?;
        self.builder.number(number);
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.builder.text(text).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.builder.unescaped(text).map_err(E::custom)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.builder.null();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut opened = self.builder.open_list();
        while items.next_element_seed(self.inside(Place::Elsewhere))?.is_some() {
            opened.count();
        }
        self.builder.close(&opened).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        self.enter()?;
        let mut opened = self.builder.open_object();
        let mut order = Order::default();
        let place = self.place;
        while let Some(name) = members.next_key_seed(Name { builder: self.builder, place })? {
            if !order.goes_on(place, name.written) {
                self.builder.out_of_order();
            }
            members.next_value_seed(self.inside(name.place))?;
            opened.count();
        }
        self.builder.close(&opened).map_err(A::Error::custom)
    }
}

/// Whether the names of an object come in order, each once.
#[derive(Default)]
struct Order<'de> {
    highest: Option<&'de str>,
    /// The two members of a document are always written the other way round, and nobody depends
    /// on their order.
    has_signatures: bool,
}

impl<'de> Order<'de> {
    /// Takes the next name. Names with escapes are in no order.
    fn goes_on(&mut self, place: Place, name: Option<&'de str>) -> bool {
        match (self.highest, name) {
            (Some("signed"), Some("signatures"))
                if matches!(place, Place::Document) && !self.has_signatures =>
            {
                self.has_signatures = true;
                true
            }
            (highest, Some(name)) if highest.is_none_or(|highest| highest < name) => {
                self.highest = Some(name);
                true
            }
            _ => false,
        }
    }
}

/// Reads a member's name.
struct Name<'a, 'de> {
    builder: &'a mut Builder<'de>,
    /// Of the object.
    place: Place,
}

/// A member's name that was read.
struct Named<'de> {
    /// The name, if it has no escapes.
    written: Option<&'de str>,
    /// Of its value.
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Name<'_, 'de> {
    type Value = Named<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Named<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_, 'de> {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Named<'de>, E> {
        self.builder.text(name).map_err(E::custom)?;
        Ok(Named { written: Some(name), place: self.place.member(name) })
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Named<'de>, E> {
        self.builder.unescaped(name).map_err(E::custom)?;
        Ok(Named { written: None, place: self.place.member(name) })
    }
}

/// A whole text, for tests.
#[cfg(test)]
pub(crate) fn read_tree(text: &str) -> std::sync::Arc<Tree> {
    parse(text.to_owned().into(), &DocumentLimits::NONE).unwrap().tree.into()
}

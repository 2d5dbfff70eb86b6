//! A JSON value as it was read: its tokens one after the other, texts where they stand.
//!
//! A value of ten thousand targets is one list of small tokens, not a hundred thousand little
//! allocations. Members of objects are in order and each name is there once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Number;

/// A JSON text that was read. Made by [`Builder`](super::builder::Builder) only.
pub(crate) struct Tree {
    pub(super) raw: Bytes,
    pub(super) unescaped: Vec<u8>,
    pub(super) tokens: Vec<Token>,
}

/// One token. What stands inside a list or an object follows it; `after` is the first token that
/// does not. A member is the token of its name, then its value.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Bool(bool),
    List {
        after: u32,
        items: u32,
    },
    Null,
    Number(Number),
    Object {
        after: u32,
        members: u32,
    },
    /// A text without escapes, by its place in the raw bytes.
    Text {
        start: u32,
        end: u32,
    },
    /// A text that was written with escapes, by its place in the bytes without them.
    Unescaped {
        start: u32,
        end: u32,
    },
}

/// A value in a [`Tree`].
#[derive(Clone, Copy)]
pub struct Node<'a> {
    tree: &'a Arc<Tree>,
    at: usize,
}

/// What a value is.
#[derive(Clone, Copy)]
pub(crate) enum Kind<'a> {
    Bool(bool),
    List(Items<'a>),
    Null,
    Number(&'a Number),
    Object(Members<'a>),
    Text(Text<'a>),
}

/// A text or a name: always UTF-8, for the parser has checked it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<'a>(&'a [u8]);

/// The values of a list that are still to come.
#[derive(Clone, Copy)]
pub(crate) struct Items<'a> {
    tree: &'a Arc<Tree>,
    next: usize,
    after: usize,
}

/// The members of an object that are still to come, in the order of their names.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a>(Items<'a>);

impl<'a> Text<'a> {
    pub(crate) fn as_str(self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl Tree {
    fn node(self: &Arc<Self>, at: usize) -> Node<'_> {
        Node { tree: self, at }
    }

    pub(super) fn token(&self, at: usize) -> &Token {
        self.tokens.get(at).unwrap_or(&Token::Null)
    }

    /// The first token that is no part of the value at `at`.
    pub(super) fn after(&self, at: usize) -> usize {
        match self.token(at) {
            Token::List { after, .. } | Token::Object { after, .. } => index(*after),
            Token::Bool(_)
            | Token::Null
            | Token::Number(_)
            | Token::Text { .. }
            | Token::Unescaped { .. } => at.saturating_add(1),
        }
    }

    pub(super) fn text(&self, at: usize) -> Option<Text<'_>> {
        let (bytes, start, end): (&[u8], _, _) = match self.token(at) {
            Token::Text { start, end } => (&self.raw, start, end),
            Token::Unescaped { start, end } => (&self.unescaped, start, end),
            Token::Bool(_)
            | Token::List { .. }
            | Token::Null
            | Token::Number(_)
            | Token::Object { .. } => return None,
        };
        bytes.get(index(*start)..index(*end)).map(Text)
    }

    /// The whole value.
    pub(crate) fn root(self: &Arc<Self>) -> Node<'_> {
        self.node(0)
    }

    /// The value at a [`Node::position`].
    pub(crate) fn at(self: &Arc<Self>, position: usize) -> Node<'_> {
        self.node(position)
    }

    /// The bytes that it was read from, and maybe more behind them.
    pub(crate) fn raw(&self) -> &Bytes {
        &self.raw
    }
}

impl<'a> Node<'a> {
    /// Where in its tree it is. A position that is in no tree is that of a null.
    pub(crate) fn position(self) -> usize {
        self.at
    }

    pub(crate) fn kind(self) -> Kind<'a> {
        let inside = |after: &u32| Items {
            tree: self.tree,
            next: self.at.saturating_add(1),
            after: index(*after),
        };
        match self.tree.token(self.at) {
            Token::Bool(value) => Kind::Bool(*value),
            Token::List { after, .. } => Kind::List(inside(after)),
            Token::Null => Kind::Null,
            Token::Number(number) => Kind::Number(number),
            Token::Object { after, .. } => Kind::Object(Members(inside(after))),
            Token::Text { .. } | Token::Unescaped { .. } => {
                Kind::Text(self.tree.text(self.at).unwrap_or(Text(&[])))
            }
        }
    }

    pub(crate) fn is_null(self) -> bool {
        matches!(self.tree.token(self.at), Token::Null)
    }

    /// The length of the canonical form, if each token stands in the raw bytes as it stands
    /// there: no escapes, no numbers but plain integers that a double holds exactly.
    ///
    /// Nothing else that JSON allows is shorter than its canonical form. So a value that takes
    /// exactly this many raw bytes has no white space either, and is canonical.
    pub(crate) fn plain_length(self) -> Option<usize> {
        const EXACT: u64 = 1 << 53;
        let own = |token: &Token| match token {
            Token::Bool(true) | Token::Null => Some(4),
            Token::Bool(false) => Some(5),
            Token::List { items, .. } => Some(index(*items).max(1).saturating_add(1)),
            Token::Number(number) => {
                let number = number.as_i64().filter(|n| n.unsigned_abs() <= EXACT)?;
                let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0).saturating_add(1);
                Some(index(digits).saturating_add(usize::from(number < 0)))
            }
            // Braces, a colon each, and commas between.
            Token::Object { members: 0, .. } => Some(2),
            Token::Object { members, .. } => {
                Some(index(*members).saturating_mul(2).saturating_add(1))
            }
            Token::Text { start, end } => Some(index(end.saturating_sub(*start)).saturating_add(2)),
            Token::Unescaped { .. } => None,
        };
        let tokens = self.tree.tokens.get(self.at..self.tree.after(self.at))?;
        tokens.iter().try_fold(0_usize, |sum, token| Some(sum.saturating_add(own(token)?)))
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Bool(value) => value.fmt(f),
            Kind::List(items) => f.debug_list().entries(items).finish(),
            Kind::Null => f.write_str("null"),
            Kind::Number(number) => number.fmt(f),
            Kind::Object(members) => {
                f.debug_map().entries(members.map(|(name, value)| (name.as_str(), value))).finish()
            }
            Kind::Text(text) => text.as_str().fmt(f),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree({} tokens)", self.tokens.len())
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        if self.next >= self.after {
            return None;
        }
        let node = self.tree.node(self.next);
        self.next = self.tree.after(self.next);
        Some(node)
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, Node<'a>);

    fn next(&mut self) -> Option<(Text<'a>, Node<'a>)> {
        let name = self.0.next()?;
        let name = self.0.tree.text(name.at)?;
        Some((name, self.0.next()?))
    }
}

impl<'a> Members<'a> {
    /// The same members, for as long as anybody wants them.
    pub(crate) fn keep(&self) -> KeptMembers {
        KeptMembers { tree: Arc::clone(self.0.tree), next: self.0.next, after: self.0.after }
    }

    /// The raw bytes of a member's value, if both names around it are written without escapes and
    /// the object is in the order in which it was written.
    ///
    /// `end` is where the object ends in the raw bytes, its brace included.
    pub(crate) fn raw_value(mut self, name: &str, end: usize) -> Option<&'a [u8]> {
        let tree = self.0.tree;
        let begins = loop {
            let at = self.0.next;
            let (found, _) = self.next()?;
            if found.as_bytes() == name.as_bytes() {
                break at;
            }
        };
        let (Token::Text { end: name_end, .. }, next) = (tree.token(begins), self.0.next) else {
            return None;
        };
        let ends = match (next < self.0.after, tree.token(next)) {
            (false, _) => end,
            (true, Token::Text { start, .. }) => index(*start),
            (true, _) => return None,
        };
        let between = tree.raw.get(index(*name_end)..ends)?;
        let value = between.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
        let value = match next < self.0.after {
            true => value.strip_suffix(b"\"")?.trim_ascii_end().strip_suffix(b",")?,
            false => value.strip_suffix(b"}")?,
        };
        Some(value.trim_ascii())
    }
}

/// [`Members`] that keep their tree.
#[derive(Clone, Debug)]
pub(crate) struct KeptMembers {
    tree: Arc<Tree>,
    next: usize,
    after: usize,
}

impl KeptMembers {
    pub(crate) fn iter(&self) -> Members<'_> {
        Members(Items { tree: &self.tree, next: self.next, after: self.after })
    }
}

pub(super) fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

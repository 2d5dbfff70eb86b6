//! How a [`Tree`] comes to be: token by token, then with every object in order.

use bytes::Bytes;
use serde_json::Number;

use super::tree::{Token, Tree};

/// A tree while it is read, token by token.
pub(crate) struct Builder<'de> {
    raw: &'de [u8],
    unescaped: Vec<u8>,
    tokens: Vec<Token>,
    in_order: bool,
}

/// A list or an object that has begun, and how much stands in it.
pub(crate) struct Opened {
    at: usize,
    held: u32,
}

/// The text is larger than 4 GiB.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more than 4 GiB of JSON")]
pub(crate) struct TooLarge;

impl<'de> Builder<'de> {
    pub(crate) fn new(raw: &'de [u8]) -> Self {
        /// About how many raw bytes there are for each token of a document of many targets.
        const BYTES_PER_TOKEN: usize = 16;
        let tokens = Vec::with_capacity(raw.len() / BYTES_PER_TOKEN);
        Self { raw, unescaped: Vec::new(), tokens, in_order: true }
    }

    pub(crate) fn null(&mut self) {
        self.tokens.push(Token::Null);
    }

    #[expect(clippy::fn_params_excessive_bools, reason = "it is the value that was read")]
    pub(crate) fn bool(&mut self, value: bool) {
        self.tokens.push(Token::Bool(value));
    }

    pub(crate) fn number(&mut self, number: Number) {
        self.tokens.push(Token::Number(number));
    }

    /// A text that stands in the raw bytes.
    pub(crate) fn text(&mut self, text: &'de str) -> Result<(), TooLarge> {
        let start = text.as_ptr().addr().saturating_sub(self.raw.as_ptr().addr());
        let (start, end) = (position(start)?, position(start.saturating_add(text.len()))?);
        self.tokens.push(Token::Text { start, end });
        Ok(())
    }

    /// A text that stands there with escapes.
    pub(crate) fn unescaped(&mut self, text: &str) -> Result<(), TooLarge> {
        let start = position(self.unescaped.len())?;
        self.unescaped.extend_from_slice(text.as_bytes());
        let end = position(self.unescaped.len())?;
        self.tokens.push(Token::Unescaped { start, end });
        Ok(())
    }

    pub(crate) fn open_list(&mut self) -> Opened {
        self.open(Token::List { after: 0, items: 0 })
    }

    pub(crate) fn open_object(&mut self) -> Opened {
        self.open(Token::Object { after: 0, members: 0 })
    }

    fn open(&mut self, token: Token) -> Opened {
        self.tokens.push(token);
        Opened { at: self.tokens.len().saturating_sub(1), held: 0 }
    }

    pub(crate) fn close(&mut self, opened: &Opened) -> Result<(), TooLarge> {
        close(&mut self.tokens, opened)
    }

    /// Some object has a name that does not come after the one before it.
    pub(crate) fn out_of_order(&mut self) {
        self.in_order = false;
    }

    /// What was read of `raw`, the same bytes as before. Says whether objects are as they were
    /// written.
    pub(crate) fn finish(self, raw: Bytes) -> Result<(Tree, bool), TooLarge> {
        let tree = Tree { raw, unescaped: self.unescaped, tokens: self.tokens };
        if self.in_order {
            return Ok((tree, true));
        }
        let mut tokens = Vec::with_capacity(tree.tokens.len());
        tree.put_in_order(0, &mut tokens)?;
        Ok((Tree { tokens, ..tree }, false))
    }
}

impl Opened {
    /// One more stands in it.
    pub(crate) fn count(&mut self) {
        self.held = self.held.saturating_add(1);
    }
}

impl Tree {
    /// Copies the value at `at` with the members of its objects in order. Of members with one
    /// name the last counts.
    fn put_in_order(&self, at: usize, out: &mut Vec<Token>) -> Result<(), TooLarge> {
        let token = self.token(at);
        let (opened, after) = (out.len(), self.after(at));
        out.push(token.clone());
        let mut held = 0_u32;
        let mut next = at.saturating_add(1);
        match token {
            Token::List { .. } => {
                while next < after {
                    self.put_in_order(next, out)?;
                    held = held.saturating_add(1);
                    next = self.after(next);
                }
            }
            Token::Object { .. } => {
                let mut members = Vec::new();
                while next < after {
                    let value = next.saturating_add(1);
                    members.push((self.text(next), next, value));
                    next = self.after(value);
                }
                // Stable: those of one name stay in the order in which they were written.
                members.sort_by_key(|(name, ..)| *name);
                for pair in members.chunk_by(|(one, ..), (other, ..)| one == other) {
                    let Some((_, name, value)) = pair.last() else { continue };
                    out.push(self.token(*name).clone());
                    self.put_in_order(*value, out)?;
                    held = held.saturating_add(1);
                }
            }
            Token::Bool(_)
            | Token::Null
            | Token::Number(_)
            | Token::Text { .. }
            | Token::Unescaped { .. } => return Ok(()),
        }
        close(out, &Opened { at: opened, held })
    }
}

/// Says in the token of a list or an object what has been put in it.
fn close(tokens: &mut [Token], opened: &Opened) -> Result<(), TooLarge> {
    let end = position(tokens.len())?;
    if let Some(Token::List { after, items: held } | Token::Object { after, members: held }) =
        tokens.get_mut(opened.at)
    {
        (*after, *held) = (end, opened.held);
    }
    Ok(())
}

fn position(index: usize) -> Result<u32, TooLarge> {
    u32::try_from(index).map_err(|_| TooLarge)
}

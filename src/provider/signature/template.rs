//! The text that a provider signs, as a template: `{sig:t}.{body}`.
//!
//! `{selector}` is the text that it finds, or nothing where that is absent or empty; `{a|b}` the first that is there;
//! `{selector|lower}` in lower case; `[id:{selector};]` is left out as a whole where nothing is found. Compiled once; writing streams the
//! pieces into the MAC, so the body is never copied.

use super::super::SourceSettings;
use super::super::fields::Scalar;
use super::super::fields::{Selector, Selectors, View};

/// A compiled template.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Value { selectors: Vec<Selector>, lower: bool },
    Optional(Template),
}

/// A selector of the template finds something that cannot be what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unwritable;

impl Template {
    /// Compiles `{..}` and `[..]`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn new(
        text: &str,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '[']) {
            let (before, marked) = rest.split_at(at);
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let close = if marked.starts_with('{') { '}' } else { ']' };
            let (inside, after) = marked
                .get(1..)
                .and_then(|marked| marked.split_once(close))
                .ok_or_else(|| format!("`{text}` lacks a `{close}`"))?;
            pieces.push(if close == '}' {
                value(inside, selectors, source)?
            } else {
                Piece::Optional(Self::new(inside, selectors, source)?)
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// Writes the text piece by piece.
    ///
    /// # Errors
    /// [`Unwritable`] when a selector finds two texts, or no text.
    pub(super) fn write(
        &self,
        view: &View<'_>,
        secret: &str,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Unwritable> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sink(text.as_bytes()),
                Piece::Value { selectors, .. } if matches!(selectors.as_slice(), [Selector::Body]) => {
                    sink(view.webhook.body);
                }
                Piece::Value { selectors, lower } => match value_of(selectors, view, secret) {
                    Scalar::Text(text) if *lower => sink(text.to_ascii_lowercase().as_bytes()),
                    Scalar::Text(text) => sink(text.as_bytes()),
                    Scalar::Absent => {}
                    Scalar::Unreadable => return Err(Unwritable),
                },
                Piece::Optional(template) => {
                    if template.is_whole(view, secret) {
                        template.write(view, secret, sink)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether every value of it is there. One that is unreadable counts, so that writing it refuses.
    fn is_whole(&self, view: &View<'_>, secret: &str) -> bool {
        self.0.iter().all(|piece| match piece {
            Piece::Text(_) | Piece::Optional(_) => true,
            Piece::Value { selectors, .. } => value_of(selectors, view, secret) != Scalar::Absent,
        })
    }
}

/// The first text of some selectors that is not absent or empty.
fn value_of<'a>(selectors: &'a [Selector], view: &'a View<'a>, secret: &'a str) -> Scalar<'a> {
    let values = selectors.iter().map(|selector| view.scalar_with(selector, secret));
    let is_there = |value: &Scalar<'_>| !matches!(value, Scalar::Absent) && *value != Scalar::Text("".into());
    values.into_iter().find(is_there).unwrap_or(Scalar::Absent)
}

fn value(inside: &str, selectors: &mut Selectors, source: &SourceSettings) -> Result<Piece, String> {
    let (names, lower) = inside.strip_suffix("|lower").map_or((inside, false), |names| (names, true));
    Ok(Piece::Value { selectors: selectors.any_of(names, source)?, lower })
}

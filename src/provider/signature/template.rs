//! The text that a provider signs, as a template: `{sig:t}.{body}`.
//!
//! `{place}` is the place's text, or nothing where it is absent or empty; `{a|b}` the first that is there; `{place|lower}` in
//! lower case; `[id:{place};]` is left out as a whole where the place is absent. Compiled once; writing streams the
//! pieces into the MAC, so the body is never copied.

use super::super::SourceSettings;
use super::super::place::{Place, Places, View};
use super::super::reader::Scalar;

/// A compiled template.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Value { places: Vec<Place>, lower: bool },
    Optional(Template),
}

/// A place that the template names holds something that cannot be what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unwritable;

impl Template {
    /// Compiles `{..}` and `[..]`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(super) fn new(text: &str, places: &mut Places, source: &SourceSettings) -> Result<Self, String> {
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
                value(inside, places, source)?
            } else {
                Piece::Optional(Self::new(inside, places, source)?)
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
    /// [`Unwritable`] when a place is there twice or holds no text.
    pub(super) fn write(
        &self,
        view: &View<'_>,
        secret: &str,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Unwritable> {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sink(text.as_bytes()),
                Piece::Value { places, .. } if matches!(places.as_slice(), [Place::Body]) => {
                    sink(view.webhook.body);
                }
                Piece::Value { places, lower } => match value_of(places, view, secret) {
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
            Piece::Value { places, .. } => value_of(places, view, secret) != Scalar::Absent,
        })
    }
}

/// The first of some places that is not absent or empty.
fn value_of<'a>(places: &'a [Place], view: &'a View<'a>, secret: &'a str) -> Scalar<'a> {
    let values = places.iter().map(|place| view.scalar_with(place, secret));
    let is_there = |value: &Scalar<'_>| !matches!(value, Scalar::Absent) && *value != Scalar::Text("".into());
    values.into_iter().find(is_there).unwrap_or(Scalar::Absent)
}

fn value(inside: &str, places: &mut Places, source: &SourceSettings) -> Result<Piece, String> {
    let (names, lower) = inside.strip_suffix("|lower").map_or((inside, false), |names| (names, true));
    Ok(Piece::Value { places: places.any_of(names, source)?, lower })
}

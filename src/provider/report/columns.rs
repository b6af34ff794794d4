//! The cells of a report that a definition names: compiled once, found by name in whatever order a file has them.

use std::borrow::Cow;

use super::super::definition::Texts;

/// How much of a cell's text an error shows.
const SHOWN_CHARS_MAX: usize = 40;

/// Every name that a report's definition reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(Vec<String>);

/// Where one text of a row is.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    at: usize,
    name: String,
    /// What follows the last slash is meant: the id in `gid://shopify/Order/1`.
    is_last_part: bool,
}

/// The texts of one row, in the order of [`Columns`], and the account that its section of the file names.
pub(super) struct Cells<'r> {
    pub(super) texts: Vec<Option<Cow<'r, str>>>,
    pub(super) section_account: Option<&'r str>,
}

impl Columns {
    /// The cell of this name.
    pub(super) fn cell(&mut self, text: &str) -> Cell {
        let (name, is_last_part) = match text.strip_prefix("last-part-of:") {
            Some(name) => (name, true),
            None => (text, false),
        };
        let at = self.0.iter().position(|own| own == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        Cell { at, name: name.to_owned(), is_last_part }
    }

    /// The cells of these names.
    pub(super) fn cells(&mut self, texts: &Texts) -> Vec<Cell> {
        texts.0.iter().map(|text| self.cell(text)).collect()
    }

    /// The names.
    pub(super) fn names(&self) -> &[String] {
        &self.0
    }
}

impl Cell {
    /// Its place among the names.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What its column is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Cells<'_> {
    /// What a cell holds; nothing where it is empty or not there.
    pub(super) fn text(&self, cell: &Cell) -> Option<&str> {
        let text = self.texts.get(cell.at)?.as_deref()?.trim();
        let part = if cell.is_last_part { text.rsplit('/').next()? } else { text };
        (!part.is_empty()).then_some(part)
    }

    /// The first of some cells that is not empty.
    pub(super) fn first(&self, cells: &[Cell]) -> Option<&str> {
        cells.iter().find_map(|cell| self.text(cell))
    }
}

/// What is said of a row that has nothing in any of these cells.
pub(super) fn empty<'c>(cells: impl IntoIterator<Item = &'c Cell>) -> String {
    let names: Vec<&str> = cells.into_iter().map(Cell::name).collect();
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb} empty", names.join(" and "))
}

/// The beginning of a text that somebody else wrote, for an error.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{shown:?}")
}

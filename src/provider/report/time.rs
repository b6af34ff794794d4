//! When a report's row happened.

use super::super::definition::{ReportTime, Unit};
use super::columns::{Cell, Cells, Columns, quoted};
use super::time_zone::{ANY_ZONE, by_clock_of};
use crate::order::UnixMicros;

/// Where the time of a row is, and by whose clock.
#[derive(Debug, Clone)]
pub(super) struct RowTime {
    from: Vec<Cell>,
    /// By a clock that the report does not name.
    local: Vec<Cell>,
    unit: Unit,
    zone: Option<Cell>,
}

impl RowTime {
    pub(super) fn new(time: &ReportTime, columns: &mut Columns) -> Self {
        Self {
            from: columns.cells(&time.from),
            local: columns.cells(&time.local),
            unit: time.unit,
            zone: time.zone.as_ref().map(|zone| columns.cell(zone)),
        }
    }

    /// The places of its columns among the names.
    pub(super) fn places(&self) -> Vec<usize> {
        self.from.iter().chain(&self.local).map(Cell::at).collect()
    }

    /// The time, and by how many microseconds it may be off; nothing where the row has none.
    pub(super) fn read(&self, cells: &Cells<'_>) -> Result<Option<(UnixMicros, i64)>, String> {
        let known = self.from.iter().map(|cell| (cell, true));
        let mut all = known.chain(self.local.iter().map(|cell| (cell, false)));
        let first = all.find_map(|(cell, is_known)| Some((cell, cells.text(cell)?, is_known)));
        let Some((cell, text, is_known)) = first else { return Ok(None) };
        let read = self.unit.read(text).ok_or_else(|| {
            format!(
                "{} {} is no time as this report writes it; a spreadsheet may have changed it",
                cell.name(),
                quoted(text)
            )
        })?;
        Ok(Some(match &self.zone {
            _ if !is_known => (read, ANY_ZONE),
            None => (read, 0),
            Some(zone) => by_clock_of(cells.text(zone), read),
        }))
    }
}

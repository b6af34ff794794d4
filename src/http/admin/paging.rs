//! What all lists share: reading the query, checking limit and cursor, cutting a page off, and turning a database's error into
//! a [`Problem`].

use std::ops::RangeInclusive;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use tracing::{error, warn};
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::http::{Code, Problem};
use crate::order::{Id, Key};
use crate::store::StoreError;

/// Rows of a list, unless asked otherwise.
const ROWS_DEFAULT: u32 = 50;
/// Rows of a list at most.
const ROWS_MAX: u32 = 200;

/// The values of a query.
pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| invalid(rejection.body_text()))
}

/// The row that `/{source}/{id}` names, or `missing`.
pub(super) fn key(
    path: Result<Path<(String, String)>, PathRejection>,
    missing: Code,
) -> Result<Key, Problem> {
    let key = path
        .ok()
        .and_then(|Path((source, id))| Some(Key { id: Id::new(&id).ok()?, source: Id::new(&source).ok()? }));
    key.ok_or(Problem::new(missing))
}

/// How many rows to show.
pub(super) fn rows(limit: Option<u32>) -> Result<u32, Problem> {
    within("limit", limit, 1..=ROWS_MAX, ROWS_DEFAULT)
}

/// A number of a query, or what it is unless it is given.
pub(super) fn within(
    name: &str,
    number: Option<u32>,
    range: RangeInclusive<u32>,
    default: u32,
) -> Result<u32, Problem> {
    match number {
        None => Ok(default),
        Some(number) if range.contains(&number) => Ok(number),
        Some(_) => Err(invalid(format!("{name}: expected {} to {}", range.start(), range.end()))),
    }
}

/// Checks that a list begins where one before it ended.
pub(super) fn begins(after: Option<&str>) -> Result<(), Problem> {
    match after {
        Some(after) if !after.contains('/') => Err(invalid("after: expected the `after` of a list")),
        Some(_) | None => Ok(()),
    }
}

/// Checks that a filter is one of the words that it can be.
pub(super) fn one_of<'a>(
    name: &str,
    word: Option<&str>,
    mut words: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Problem> {
    let expected = words.clone();
    match word {
        Some(word) if !words.any(|known| known == word) => {
            let expected = expected.collect::<Vec<_>>().join(", ");
            Err(invalid(format!("{name}: expected one of {expected}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// How a filter that is one of `words` is described.
pub(super) fn described<'a>(words: impl Iterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// Cuts `found`, which has one row more than was asked for if there are more, and says where the rest begins.
pub(super) fn cut<T, C>(found: &mut Vec<T>, rows: u32, cursor: impl Fn(&T) -> C) -> Option<C> {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let more = found.len() > rows;
    found.truncate(rows);
    found.last().filter(|_| more).map(cursor)
}

impl From<StoreError> for Problem {
    fn from(refused: StoreError) -> Self {
        match refused {
            StoreError::Unavailable(reason) | StoreError::Unknown(reason) => {
                warn!(reason, "a query of the admin API failed: the database does not answer");
                Self::new(Code::DatabaseAway)
            }
            StoreError::Busy(reason) => {
                warn!(reason, "a query of the admin API was given up");
                Self::new(Code::Busy)
            }
            StoreError::Misconfigured(reason)
            | StoreError::Forbidden(reason)
            | StoreError::Blocked(reason) => {
                warn!(reason, "the database cannot be used");
                Self::new(Code::DatabaseUnfit)
            }
            // Only what was asked for can be refused: a text that no row can hold.
            StoreError::Refused { code, message } => {
                warn!(code, message, "the database refused a query of the admin API");
                invalid("a value holds what no row can have, such as a NUL")
            }
            StoreError::Stale(reason) => {
                error!(reason, "a query of the admin API raced with a write");
                Self::new(Code::Internal)
            }
        }
    }
}

pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::QueryInvalid).detail(detail)
}

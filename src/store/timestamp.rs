//! How moments travel: Postgres' `timestamptz` in binary, SQLite's RFC 3339 text in UTC with microseconds.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Postgres, Sqlite, Type};

use crate::order::UnixMicros;

/// 2000-01-01T00:00:00Z, from which Postgres counts, in Unix microseconds.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
/// `timestamptz` and `timestamptz[]` in Postgres' catalog; built-in types keep their numbers for ever.
const TIMESTAMPTZ: PgTypeInfo = PgTypeInfo::with_oid(Oid(1184));
const TIMESTAMPTZ_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(1185));

/// Refuses what the domain never makes: Postgres would take a moment that no reader can show.
fn checked(at: UnixMicros) -> Result<i64, BoxDynError> {
    Ok(UnixMicros::new(at.0).ok_or("a time is not between 1970 and 9999")?.0)
}

/// `2026-01-31T12:00:00.000000Z`: always 27 characters, so that texts sort by time.
pub(super) fn rfc3339(at: UnixMicros) -> Result<String, jiff::Error> {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    Ok(PRINTER.timestamp_to_string(&Timestamp::from_microsecond(at.0)?))
}

impl Type<Postgres> for UnixMicros {
    fn type_info() -> PgTypeInfo {
        TIMESTAMPTZ
    }
}

impl PgHasArrayType for UnixMicros {
    fn array_type_info() -> PgTypeInfo {
        TIMESTAMPTZ_ARRAY
    }
}

impl Encode<'_, Postgres> for UnixMicros {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(checked(*self)?.saturating_sub(POSTGRES_EPOCH), buffer)
    }
}

impl<'r> Decode<'r, Postgres> for UnixMicros {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros = <i64 as Decode<Postgres>>::decode(value)?;
                Ok(Self(micros.saturating_add(POSTGRES_EPOCH)))
            }
            PgValueFormat::Text => Err("times are read in binary".into()),
        }
    }
}

impl Type<Sqlite> for UnixMicros {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for UnixMicros {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(rfc3339(Self(checked(*self)?))?, buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for UnixMicros {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = <&str as Decode<Sqlite>>::decode(value)?;
        Ok(Self(text.parse::<Timestamp>()?.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::{UnixMicros, rfc3339};

    #[test]
    fn every_moment_that_is_one_can_be_written() {
        let last = 253_402_207_200_000_000;
        for micros in [0, 1, last - 1, last] {
            let text = rfc3339(UnixMicros::new(micros).unwrap()).unwrap();
            assert_eq!(text.len(), 27, "{text}");
            assert_eq!(text.parse::<jiff::Timestamp>().unwrap().as_microsecond(), micros);
        }
        for beyond in [last + 1, 253_402_300_799_999_999, -1] {
            assert_eq!(UnixMicros::new(beyond), None);
        }
    }
}

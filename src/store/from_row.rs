//! A macro that reads a row of either database into a struct: each field from the column of its name.

/// Reads a row of either database into a struct: each field from the column of its name, as it is or by what is named behind it.
macro_rules! from_row {
    ($row:ident { $($field:ident $(by $read:path)?),+ $(,)? }) => {
        impl<'r, R> sqlx::FromRow<'r, R> for $row
        where
            R: sqlx::Row,
            &'static str: sqlx::ColumnIndex<R>,
            String: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            i16: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            bool: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            Vec<u8>: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
            $crate::order::UnixMicros: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
        {
            fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: from_row!(row, $field $(, $read)?)),+ })
            }
        }
    };
    ($of:ident, $field:ident) => { sqlx::Row::try_get($of, stringify!($field))? };
    ($of:ident, $field:ident, $read:path) => { $read($of, stringify!($field))? };
}

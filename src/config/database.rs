//! The database: where it is and how long it may take.

use super::reader::Reader;
use crate::secret::Secret;
use crate::store::StoreSettings;

/// What a database's URL starts with.
const DATABASES: [&str; 3] = ["postgres://", "postgresql://", "sqlite:"];

/// The longest name of a schema, in bytes: Postgres cuts what is longer.
const SCHEMA_BYTES_MAX: usize = 63;

/// The database, if one is named.
pub(super) fn take(reader: &mut Reader) -> Option<StoreSettings> {
    let url = reader.secret_url("database_url");
    let is_known = |url: &Secret| DATABASES.iter().any(|scheme| url.expose().starts_with(scheme));
    if url.as_ref().is_some_and(|url| !is_known(url)) {
        reader.object("database_url", "expected postgres://user@host/database or sqlite://path");
    }
    let schema = take_schema(reader, url.as_ref());
    let call_timeout = reader.millis("database_call_timeout_ms", 2_000, 100..=60_000);
    Some(StoreSettings { call_timeout, schema, ..StoreSettings::new(url?) })
}

/// The name goes into SQL, also into that of people: a plain one needs no quotes there.
fn take_schema(reader: &mut Reader, url: Option<&Secret>) -> Option<String> {
    let name = reader.text("database_schema")?;
    let is_plain = name.len() <= SCHEMA_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with("pg_");
    if !is_plain {
        let problem = "is no plain name of a schema; expected up to 63 of a-z, 0-9 and _, not beginning with a digit or pg_";
        reader.object("database_schema", problem);
        return None;
    }
    if url.is_some_and(|url| url.expose().starts_with("sqlite:")) {
        reader
            .object("database_schema", "is set, but SQLite has no schemas; expected a Postgres database_url");
        return None;
    }
    Some(name)
}

/// Whether the database is a file of SQLite.
pub(super) fn is_sqlite(store: &StoreSettings) -> bool {
    store.url.expose().starts_with("sqlite:")
}

//! Where settings come from: each layer as it was given, with its origin.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

/// Everything that was given, strongest first.
#[derive(Clone, Default)]
pub struct Layers {
    /// From the command line.
    pub flags: Vec<Flag>,
    /// All variables; those of other programs are left alone.
    pub environment: BTreeMap<String, String>,
    /// The settings file, if there is one.
    pub file: Option<File>,
    /// What `paylatch dev` makes of these.
    pub dev: Option<DevLayer>,
}

/// A `paylatch dev`: sources that were made for it are there beside those of the settings file.
#[derive(Clone)]
pub struct DevLayer {
    /// The sources that were made; weaker than the settings file.
    pub made: File,
    /// Whether all of the settings file holds. If not, its sources and definitions do.
    pub with_database: bool,
}

/// A setting from the command line.
#[derive(Clone)]
pub struct Flag {
    /// The setting's name, such as `lock.ttl_ms`.
    pub setting: String,
    /// Its value as text.
    pub value: String,
    /// What the user wrote, such as `--listen`.
    pub written: &'static str,
}

/// A settings file that was read.
#[derive(Clone)]
pub struct File {
    /// As messages name it.
    pub path: PathBuf,
    /// Its TOML.
    pub text: String,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The flag as it was written.
    Flag(&'static str),
    /// The variable's name.
    Environment(String),
    /// A line of the settings file, counted from 1.
    File(Arc<str>, usize),
}

/// What most lists are not.
const OTHER_ARRAY: &str = "an array of other things than strings";

/// A value before anybody knows what it should be.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// From a flag or the environment: may stand for anything.
    Untyped(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Boolean(bool),
    /// A TOML array of strings.
    List(Vec<String>),
    /// A TOML array of integers.
    Numbers(Vec<i64>),
    /// A TOML table without keys.
    EmptyTable,
    /// Another TOML value, by its type's name.
    Other(&'static str),
}

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(written) => f.write_str(written),
            Self::Environment(variable) => f.write_str(variable),
            Self::File(path, line) => write!(f, "{path}:{line}"),
        }
    }
}

impl Value {
    /// The value for a message. Only called for settings that are no secrets.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Untyped(text) | Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(is_on) => is_on.to_string(),
            Self::List(_) | Self::Numbers(_) | Self::EmptyTable | Self::Other(_) => self.kind().to_owned(),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Untyped(_) | Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Numbers(_) => OTHER_ARRAY,
            Self::EmptyTable => "a table",
            Self::Other(kind) => kind,
        }
    }
}

impl File {
    /// All values by their dotted names, and the file's syntax errors with their lines. The text of a wrong line is not
    /// told: it may hold a secret.
    pub(super) fn flatten(&self) -> (BTreeMap<String, Given>, Vec<(Origin, String)>) {
        let path: Arc<str> = self.path.display().to_string().into();
        let origin_at = |offset: usize| {
            Origin::File(path.clone(), 1 + self.text.bytes().take(offset).filter(|b| *b == b'\n').count())
        };
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        let mut values = BTreeMap::new();
        flatten_table(table.get_ref(), "", &origin_at, &mut values);
        let errors = errors
            .iter()
            .map(|error| (origin_at(error.span().map_or(0, |span| span.start)), error.message().to_owned()))
            .collect();
        (values, errors)
    }
}

fn flatten_table(
    table: &DeTable<'_>,
    prefix: &str,
    origin_at: &dyn Fn(usize) -> Origin,
    values: &mut BTreeMap<String, Given>,
) {
    for (key, value) in table {
        let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let key_text = key.get_ref();
        let name = if key_text.bytes().all(is_bare) {
            format!("{prefix}{key_text}")
        } else {
            format!("{prefix}{key_text:?}")
        };
        let value = match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                flatten_table(inner, &format!("{name}."), origin_at, values);
                continue;
            }
            DeValue::Table(_) => Value::EmptyTable,
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Value::Other("an integer out of range"), Value::Integer),
            DeValue::Array(items) => list_of(items.iter().map(|item| item.get_ref())),
            DeValue::Boolean(is_on) => Value::Boolean(*is_on),
            DeValue::Float(_) => Value::Other("a number with decimals"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        values.insert(name, Given { value, origin: origin_at(key.span().start) });
    }
}

/// An array of strings, or of whole numbers.
fn list_of<'t>(items: impl Iterator<Item = &'t DeValue<'t>> + Clone) -> Value {
    let texts: Option<Vec<String>> = items.clone().map(|item| item.as_str().map(str::to_owned)).collect();
    let number = |item: &'t DeValue<'t>| match item {
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok(),
        _ => None,
    };
    texts
        .map(Value::List)
        .or_else(|| items.map(number).collect::<Option<_>>().map(Value::Numbers))
        .unwrap_or(Value::Other(OTHER_ARRAY))
}

//! JSON inside the texts of a JSON document: metadata that was sent as text, a payload in base64, the claims of a JWS.
//! What is unfolded stands in the text's place, so that pointers go on into it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;

use super::super::definition::{InsideTable, Written};
use super::super::signing::replace_part;
use super::json::FieldReader;
use super::tree::Slot;
use super::values::Scalar;

/// Compiled `inside` tables.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Unfold(Vec<(FieldReader, Slot, Written)>);

impl Unfold {
    /// # Errors
    /// What was expected.
    pub(in crate::provider) fn new(inside: &[InsideTable]) -> Result<Self, String> {
        let compiled = |inside: &InsideTable| {
            let mut reader = FieldReader::default();
            let slot = reader.slot(&inside.at)?;
            Ok((reader, slot, inside.written))
        };
        inside.iter().map(compiled).collect::<Result<_, String>>().map(Self)
    }

    /// The document with the texts' contents in their places. A text that is not what it should be stays: nothing is found
    /// inside it.
    ///
    /// # Errors
    /// Why the document itself is no readable JSON.
    pub(in crate::provider) fn unfold<'a>(&self, mut json: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>, String> {
        for (reader, slot, written) in &self.0 {
            if let Some(unfolded) = unfold_one(reader, *slot, *written, &json)? {
                json = Cow::Owned(unfolded.into_bytes());
            }
        }
        Ok(json)
    }
}

fn unfold_one(
    reader: &FieldReader,
    slot: Slot,
    written: Written,
    json: &[u8],
) -> Result<Option<String>, String> {
    let fields = reader.read(json)?;
    let (Some(part), Scalar::Text(text)) = (fields.json(slot), fields.scalar(slot)) else { return Ok(None) };
    let content = match written {
        Written::Json => Some(text.into_owned()),
        Written::Base64 => decoded(&text),
        Written::Jws => text.split('.').nth(1).and_then(decoded),
    };
    // One whole value, so that nothing of it reaches the document around it.
    let value = content.and_then(|content| serde_json::from_str::<Box<RawValue>>(&content).ok());
    let whole = std::str::from_utf8(json).map_err(|error| format!("body is not UTF-8: {error}"))?;
    Ok(value.map(|value| replace_part(whole, part, value.get())))
}

/// Base64 of either alphabet, padded or not.
fn decoded(text: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    String::from_utf8(GeneralPurpose::new(alphabet, config).decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(json: &str, inside: &[(&str, Written)]) -> String {
        let inside: Vec<InsideTable> = inside
            .iter()
            .map(|(at, written)| InsideTable { at: (*at).to_owned(), written: *written })
            .collect();
        let json = Unfold::new(&inside).unwrap().unfold(Cow::Borrowed(json.as_bytes())).unwrap();
        String::from_utf8(json.into_owned()).unwrap()
    }

    #[test]
    fn texts_are_unfolded_where_they_stand_one_inside_another() {
        let inside = [("/data", Written::Base64), ("/data/token", Written::Jws), ("/note", Written::Json)];
        // {"token":"e30.eyJhIjoxfQ.c2ln"} in base64; {"a":1} in the JWS.
        let json = r#"{"data":"eyJ0b2tlbiI6ImUzMC5leUpoSWpveGZRLmMybG4ifQ==","note":"{\"o\": \"1\"}","x":2}"#;
        assert_eq!(unfolded(json, &inside), r#"{"data":{"token":{"a":1}},"note":{"o": "1"},"x":2}"#);
    }

    #[test]
    fn a_text_that_is_no_single_value_stays_as_it_is() {
        for json in [
            r#"{"a":"1} ,{"}"#,
            r#"{"a":"plain"}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":null}"#,
            r#"{"b":1}"#,
            r#"{"a":""}"#,
        ] {
            assert_eq!(unfolded(json, &[("/a", Written::Json)]), json);
        }
    }
}

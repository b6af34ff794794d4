//! The one-pass JSON reader: what it finds, keeps as spelled, refuses, and survives.

use proptest::prelude::*;

use super::super::fields::{FieldReader, Scalar};
use super::{Mode, SourceSettings, settings, source};
use crate::secret::Secret;

fn read(pointers: &[&str], json: &str) -> Result<Vec<Option<String>>, String> {
    let mut reader = FieldReader::default();
    let slots: Vec<_> = pointers.iter().map(|pointer| reader.slot(pointer).unwrap()).collect();
    let fields = reader.read(json.as_bytes())?;
    let text = |slot| match fields.scalar(slot) {
        Scalar::Text(text) => Some(text.into_owned()),
        Scalar::Absent => None,
        Scalar::Unreadable => Some("?".to_owned()),
    };
    Ok(slots.into_iter().map(text).collect())
}

fn one(pointer: &str, json: &str) -> Option<String> {
    read(&[pointer], json).unwrap().remove(0)
}

#[test]
fn numbers_keep_their_spelling() {
    for number in ["1e400", "123456789012345678901234567890", "10.00", "-0", "1E2"] {
        assert_eq!(one("/a", &format!("{{\"a\": {number} }}")).as_deref(), Some(number));
    }
}

#[test]
fn members_are_found_whatever_surrounds_them() {
    let json = r#"{"x":[{"a":{"b":"no"}}],"a":{"z":{},"b":"yes","c":[1,{"d":true}]},"e~/f":null}"#;
    assert_eq!(
        read(&["/a/b", "/a/c/1/d", "/a/c/0", "/e~0~1f", "/a/missing", "/a/z"], json).unwrap(),
        [Some("yes".into()), Some("true".into()), Some("1".into()), None, None, Some("?".into())]
    );
}

#[test]
fn an_element_can_be_chosen_by_a_member() {
    let json = r#"{"l":[{"rel":"self","href":"a"},7,{"href":"b","rel":"up"}]}"#;
    assert_eq!(one("/l/[rel=up]/href", json).as_deref(), Some("b"));
    assert_eq!(one("/l/[rel=down]/href", json), None);
    // Of two the reader takes neither, and goes on with the rest.
    let two = r#"{"l":[{"rel":"x","href":"a"},{"rel":"x","href":"b"}],"id":"1"}"#;
    assert_eq!(read(&["/l/[rel=x]/href", "/id"], two).unwrap(), [Some("?".into()), Some("1".into())]);
}

#[test]
fn a_field_can_be_read_both_whole_and_in_part() {
    let both = ["/a", "/a/id"];
    assert_eq!(read(&both, r#"{"a":"x"}"#).unwrap(), [Some("x".into()), None]);
    assert_eq!(read(&both, r#"{"a":{"id":"y"}}"#).unwrap(), [Some("?".into()), Some("y".into())]);
}

#[test]
fn a_member_given_twice_is_refused_however_its_name_is_spelled() {
    assert!(read(&["/a/b"], r#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err().contains("duplicate key `b`"));
    assert!(read(&["/a/b"], r#"{"a":{"b":1},"a":{}}"#).unwrap_err().contains("duplicate key `a`"));
    assert_eq!(one("/a", r#"{"a":1,"other":1,"other":2}"#).as_deref(), Some("1"));
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for json in ["", "[]", "1", "null", "{", "{}x", "\u{feff}{}", "{\"a\":01}", "{'a':1}"] {
        assert!(read(&["/a"], json).is_err(), "{json:?}");
    }
    let mut reader = FieldReader::default();
    reader.slot("/a").unwrap();
    assert!(reader.read(b"{\"b\":\"\xff\"}").unwrap_err().contains("UTF-8"));
}

#[test]
fn depth_costs_no_stack() {
    let deep = "[".repeat(500_000) + &"]".repeat(500_000);
    assert_eq!(one("/a", &format!("{{\"b\":{deep},\"a\":7}}")).as_deref(), Some("7"));
    assert_eq!(one("/a", &format!("{{\"a\":{deep}}}")).as_deref(), Some("?"));
}

#[test]
fn a_string_that_is_no_unicode_is_unreadable_only_where_it_is_read() {
    assert_eq!(one("/a", r#"{"a":"\ud800"}"#).as_deref(), Some("?"));
    assert_eq!(one("/a", r#"{"b":"\ud800","a":"\u0041"}"#).as_deref(), Some("A"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = FieldReader::default();
        reader.slot("/a/b").unwrap();
        let _ = reader.read(&bytes);
    }

    #[test]
    fn arbitrary_json_like_text_never_panics(text in r#"\{("[ab]"|[\[\]{}:,"\\0-9eEtrufalsn. -]){0,60}"#) {
        let mut reader = FieldReader::default();
        reader.slot("/a/b").unwrap();
        reader.slot("/a").unwrap();
        let _ = reader.read(text.as_bytes());
    }
}

#[test]
fn what_read_an_event_has_a_number_of_the_definition_and_of_the_settings_that_change_what_it_says() {
    let number = |change: fn(&mut SourceSettings)| {
        let mut settings = settings("stripe");
        change(&mut settings);
        source(settings).read_by()
    };
    let usual = number(|_| ());
    assert_eq!(number(|settings| settings.secrets.push(Secret::new("whsec_canary_another"))), usual);
    assert_eq!(number(|settings| settings.tolerance_s = Some(9)), usual);
    let others = [
        number(|settings| settings.mode = Some(Mode::Live)),
        number(|settings| settings.order.push("/data/object/x".to_owned())),
        number(|settings| settings.accounts.push("acct_1".to_owned())),
        number(|settings| settings.ignore_types.push("invoice.*".to_owned())),
        source(settings("adyen")).read_by(),
    ];
    assert!(others.iter().all(|other| *other > 0 && *other != usual), "{usual} {others:?}");
}

//! XML payloads as JSON, so that one reader serves both: an element with elements inside becomes an object, another its
//! text. Attributes are left out, but `nil="true"` is null. Repeated elements become repeated members, which the reader
//! refuses where they are asked for.

use roxmltree::{Document, Node};

/// Deeper elements are refused; Braintree's are eight deep.
const DEPTH_MAX: usize = 32;

/// # Errors
/// Why it is no readable XML.
pub(in crate::provider) fn to_json(xml: &str) -> Result<String, String> {
    let document = Document::parse(xml).map_err(|error| format!("payload is not readable XML: {error}"))?;
    let mut json = String::with_capacity(xml.len());
    write_members(document.root(), &mut json, 0)?;
    Ok(json)
}

fn write_members(parent: Node<'_, '_>, json: &mut String, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("payload is more than {DEPTH_MAX} elements deep"));
    }
    json.push('{');
    for (position, element) in parent.children().filter(Node::is_element).enumerate() {
        if position > 0 {
            json.push(',');
        }
        json.push_str(&quoted(element.tag_name().name()));
        json.push(':');
        if element.children().any(|child| child.is_element()) {
            write_members(element, json, depth + 1)?;
        } else if element.attribute("nil") == Some("true") {
            json.push_str("null");
        } else {
            json.push_str(&quoted(element.text().unwrap_or_default()));
        }
    }
    json.push('}');
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::to_json;

    #[test]
    fn elements_become_members_and_texts() {
        let xml =
            r#"<n><kind a="b">x &amp; "y"</kind><s><t><id>1</id></t><none nil="true"/><empty/></s></n>"#;
        let json = r#"{"n":{"kind":"x & \"y\"","s":{"t":{"id":"1"},"none":null,"empty":""}}}"#;
        assert_eq!(to_json(xml).unwrap(), json);
    }

    #[test]
    fn entities_documents_and_depth_are_refused() {
        assert!(to_json("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").is_err());
        assert!(to_json("no xml").is_err());
        assert!(to_json(&("<a>".repeat(40) + &"</a>".repeat(40))).is_err());
    }
}

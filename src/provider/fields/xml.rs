//! XML payloads as JSON, so that one reader serves both: an element with elements inside becomes an object, another its
//! text. Attributes are left out, but `nil="true"` is null, and what is inside of `type="array"` becomes a list. Other repeated
//! elements become repeated members, which the reader refuses where they are asked for.

use roxmltree::{Document, Node};

/// Deeper elements are refused; Braintree's are eight deep.
const DEPTH_MAX: usize = 32;

/// Attributes of one element, told by its `=`: the parser compares each with each. Braintree's have at most two.
const ATTRIBUTES_MAX: usize = 64;

/// # Errors
/// Why it is no readable XML.
pub(in crate::provider) fn to_json(xml: &str) -> Result<String, String> {
    refuse_what_is_costly(xml)?;
    let document = Document::parse(xml).map_err(|error| format!("payload is not readable XML: {error}"))?;
    let mut json = String::with_capacity(xml.len());
    write_members(document.root(), &mut json, 0)?;
    Ok(json)
}

/// Namespaces are handed down from element to element, and attributes are compared: both cost the parser more than the
/// length of the text. No attribute holds a `<`, so each element's end at the next one, with the text after it.
fn refuse_what_is_costly(xml: &str) -> Result<(), String> {
    if xml.contains("xmlns") {
        return Err("payload has XML namespaces".to_owned());
    }
    let attributes = |element: &str| element.bytes().filter(|byte| *byte == b'=').count();
    match xml.split('<').map(attributes).max() {
        Some(most) if most > ATTRIBUTES_MAX => {
            Err(format!("payload has more than {ATTRIBUTES_MAX} `=` in one element"))
        }
        Some(_) | None => Ok(()),
    }
}

fn write_members(parent: Node<'_, '_>, json: &mut String, depth: usize) -> Result<(), String> {
    json.push('{');
    for (position, element) in parent.children().filter(Node::is_element).enumerate() {
        if position > 0 {
            json.push(',');
        }
        json.push_str(&quoted(element.tag_name().name()));
        json.push(':');
        write_value(element, json, depth + 1)?;
    }
    json.push('}');
    Ok(())
}

fn write_value(element: Node<'_, '_>, json: &mut String, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("payload is more than {DEPTH_MAX} elements deep"));
    }
    if element.attribute("type") == Some("array") {
        json.push('[');
        for (position, item) in element.children().filter(Node::is_element).enumerate() {
            if position > 0 {
                json.push(',');
            }
            write_value(item, json, depth + 1)?;
        }
        json.push(']');
        return Ok(());
    }
    if element.children().any(|child| child.is_element()) {
        return write_members(element, json, depth);
    }
    json.push_str(&match element.attribute("nil") {
        Some("true") => "null".to_owned(),
        _ => quoted(element.text().unwrap_or_default()),
    });
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
        let xml = r#"<n><kind a="b">x &amp; "y"</kind><s><t><id>1</id></t><none nil="true"/><empty/></s><l type="array"><i>1</i><i><k>2</k></i></l></n>"#;
        let json =
            r#"{"n":{"kind":"x & \"y\"","s":{"t":{"id":"1"},"none":null,"empty":""},"l":["1",{"k":"2"}]}}"#;
        assert_eq!(to_json(xml).unwrap(), json);
    }

    #[test]
    fn entities_documents_and_depth_are_refused() {
        assert!(to_json("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>").is_err());
        assert!(to_json("no xml").is_err());
        assert!(to_json(&("<a>".repeat(40) + &"</a>".repeat(40))).is_err());
    }

    #[test]
    fn attributes_and_namespaces_cost_no_more_than_the_length_of_the_text() {
        let many = |attribute: &dyn Fn(usize) -> String| (0..50_000).map(attribute).collect::<String>();
        let attributes = format!("<a {}/>", many(&|number| format!("a{number}=\">\" ")));
        let nested = many(&|number| format!("<a xmlns:n{number}=\"\">")) + &"</a>".repeat(50_000);
        for xml in [attributes, nested] {
            let begun = std::time::Instant::now();
            assert!(to_json(&xml).is_err());
            assert!(begun.elapsed().as_millis() < 500, "{:?}", begun.elapsed());
        }
        let text = "<a>".to_owned() + &"=".repeat(60) + "</a>";
        assert_eq!(to_json(&text).unwrap(), format!(r#"{{"a":"{}"}}"#, "=".repeat(60)));
    }
}

//! How deep JSON is nested, told in one pass over its bytes: asked before anything goes down level by level.

/// The deepest that is looked into. The deepest body of a provider has a dozen levels; `serde_json` has the same limit.
const DEPTH_MAX: usize = 128;

/// Whether lists and objects are nested deeper than is looked into. Of what is no JSON it says whatever it says.
pub(super) fn is_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut is_in_text, mut is_escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_text,
            b'"' => is_in_text = !is_in_text,
            _ if is_in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, is_too_deep};

    fn nested(depth: usize) -> String {
        "[".repeat(depth) + &"]".repeat(depth)
    }

    #[test]
    fn depth_is_counted_outside_texts_and_at_its_deepest() {
        assert!(!is_too_deep(nested(DEPTH_MAX).as_bytes()));
        assert!(is_too_deep(nested(DEPTH_MAX + 1).as_bytes()));
        assert!(is_too_deep("{\"a\":".repeat(DEPTH_MAX + 1).as_bytes()));
        assert!(!is_too_deep("[],".repeat(1_000).as_bytes()), "beside each other");
        let brackets = format!(r#"["{}", "\"{}"]"#, nested(1_000), nested(1_000));
        assert!(!is_too_deep(brackets.as_bytes()), "in texts");
        assert!(is_too_deep(format!(r#"["\\", {}]"#, nested(1_000)).as_bytes()), "after a text that ends");
    }
}

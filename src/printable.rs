//! Text that strangers chose, made fit to be shown.

/// `text` with control and direction-changing characters escaped: what a sender chose must not steer a terminal, nor make a
/// page read otherwise than it is.
pub(crate) fn printable(text: &str) -> String {
    let is_unsafe = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_could_steer_a_terminal_is_escaped_and_the_rest_is_kept() {
        assert_eq!(printable("ord_1 é 注文"), "ord_1 é 注文");
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\u{7}"), "a\\u{1b}[2Jb\\u{202e}c\\u{7}");
    }
}

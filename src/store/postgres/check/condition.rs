//! Compares the condition of a check constraint as Postgres tells it with the one that a migration states.
//!
//! Postgres writes conditions in its own way: `between` as two comparisons, `in` as `= ANY (ARRAY[..])`, with parentheses
//! and casts of its choice, which differ between its versions. Both are brought to one form without those: columns,
//! operators, texts, numbers and their order stay. How `and` and `or` are grouped is not compared.

/// Whether a constraint that Postgres tells as `found` is the one stated as `expected`.
pub(super) fn same(found: &str, expected: &str) -> bool {
    normal(found) == normal(expected)
}

/// `check (..)` at the start of `text`, up to its closing parenthesis.
pub(super) fn first(text: &str) -> &str {
    let (mut depth, mut is_text) = (0_u32, false);
    let end = text.bytes().position(|byte| {
        match byte {
            b'\'' => is_text = !is_text,
            b'(' if !is_text => depth += 1,
            b')' if !is_text => {
                depth -= 1;
                return depth == 0;
            }
            _ => {}
        }
        false
    });
    end.and_then(|end| text.get(..=end)).unwrap_or(text)
}

/// The words of a condition, without parentheses and casts; `between` and `in` as Postgres writes them.
fn normal(condition: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut all = words_of(condition).into_iter().peekable();
    while let Some(word) = all.next() {
        match word.as_str() {
            "(" | ")" | "[" | "]" => {}
            // A cast, and the brackets of an array's.
            "::" => drop(all.next()),
            "in" => words.extend(["=", "any", "array"].map(str::to_owned)),
            // The left side is the comparison's whole beginning: `length(x)`, or a column.
            "between" => {
                let start = words.iter().rposition(|own| ["check", "and", "or"].contains(&own.as_str()));
                let left: Vec<_> = words.iter().skip(start.map_or(0, |at| at + 1)).cloned().collect();
                let low = all.next().unwrap_or_default();
                words.extend([">=".to_owned(), low]);
                words.extend(all.next());
                words.extend(left);
                words.push("<=".to_owned());
            }
            _ => words.push(word),
        }
    }
    words
}

/// Names and key words in lower case, numbers, texts with their quotes, operators.
fn words_of(condition: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = condition.trim_start();
    while let Some(character) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match character {
            '\'' => rest.get(1..).and_then(|text| text.find('\'')).map_or(rest.len(), |at| at + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if ["::", "<=", ">=", "<>"].iter().any(|operator| rest.starts_with(operator)) => 2,
            _ => character.len_utf8(),
        };
        let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        words.push(if character == '\'' { word.to_owned() } else { word.to_ascii_lowercase() });
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{first, same};

    #[test]
    fn what_postgres_makes_of_a_condition_is_the_same_condition() {
        for (stated, told) in [
            (
                "check (length(event_id) between 1 and 255)",
                "CHECK (((length(event_id) >= 1) AND (length(event_id) <= 255)))",
            ),
            ("check (amount >= 0)", "CHECK ((amount >= 0))"),
            ("check (currency ~ '^[A-Z]{3,4}$')", "CHECK ((currency ~ '^[A-Z]{3,4}$'::text))"),
            (
                "check (outcome in ('parked', 'dead'))",
                "CHECK ((outcome = ANY (ARRAY['parked'::text, 'dead'::text])))",
            ),
            (
                "check (link in ('known', 'provisional'))",
                "CHECK (((link)::text = ANY ((ARRAY['known'::text, 'provisional'::text])::text[])))",
            ),
            (
                "check (num_nulls(order_claim, claim_rank) in (0, 2))",
                "CHECK ((num_nulls(order_claim, claim_rank) = ANY (ARRAY[0, 2])))",
            ),
            (
                "check (payment_id is not null or (kind is null and order_claim is null))",
                "CHECK (((payment_id IS NOT NULL) OR ((kind IS NULL) AND (order_claim IS NULL))))",
            ),
        ] {
            assert!(same(told, stated), "{told}");
        }
    }

    #[test]
    fn another_condition_is_another_condition() {
        let stated = "check (length(event_id) between 1 and 255)";
        for told in [
            "CHECK (((length(event_id) >= 0) AND (length(event_id) <= 255)))",
            "CHECK (((length(event_id) >= 1) OR (length(event_id) <= 255)))",
            "CHECK (((length(source) >= 1) AND (length(source) <= 255)))",
            "CHECK ((length(event_id) >= 1))",
            "CHECK (true)",
        ] {
            assert!(!same(told, stated), "{told}");
        }
        assert!(!same("CHECK ((amount >= '-1'::integer))", "check (amount >= 0)"));
        assert!(!same("CHECK ((amount >= (- 1)))", "check (amount >= 1)"));
        assert!(!same("CHECK ((kind = ANY (ARRAY['A'::text])))", "check (kind in ('a'))"));
        assert!(!same("CHECK ((kind <> ALL (ARRAY['a'::text])))", "check (kind in ('a'))"));
    }

    #[test]
    fn a_condition_ends_with_its_parenthesis() {
        assert_eq!(
            first("check (a ~ '^(x' or (b > 1)), next text check (c)"),
            "check (a ~ '^(x' or (b > 1))"
        );
    }
}

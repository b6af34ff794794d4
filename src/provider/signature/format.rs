//! How a signature is written in its place, read and rendered.

use super::super::definition::{Format, Pairs};

/// The most signatures of one webhook. Providers send one per active secret.
const CANDIDATES_MAX: usize = 16;

/// A signature, taken apart.
#[derive(Debug, Default)]
pub(super) struct Received<'a> {
    /// Any may prove the webhook.
    pub(super) candidates: Vec<&'a str>,
    /// The named parts that were asked for.
    pub(super) parts: Vec<Option<&'a str>>,
}

/// A field of a list's elements, and what it may be for an element to count.
#[derive(Debug, Clone)]
pub(super) struct ListSetting {
    pub(super) field: String,
    pub(super) texts: Vec<String>,
}

impl Format {
    /// Takes `text` apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read<'a>(
        &self,
        text: &'a str,
        parts: &[String],
        settings: &[ListSetting],
    ) -> Result<Received<'a>, &'static str> {
        let mut received = Received { candidates: Vec::new(), parts: vec![None; parts.len()] };
        match self {
            Self::Plain(plain) => {
                let bare = text.strip_prefix(&plain.prefix);
                let bare = if plain.prefix_optional { bare.or(Some(text)) } else { bare };
                received.candidates.push(bare.ok_or("the prefix is missing")?);
            }
            Self::Pairs(pairs) => read_pairs(pairs, text, parts, &mut received)?,
            Self::List(list) => {
                for element in text.split(list.separator) {
                    let fields: Vec<&str> = element.splitn(list.fields.len(), list.field_separator).collect();
                    let field = |name: &str| {
                        let at = list.fields.iter().position(|own| own == name)?;
                        fields.get(at).copied()
                    };
                    let fits = settings.iter().all(|setting| {
                        field(&setting.field).is_some_and(|own| setting.texts.iter().any(|text| text == own))
                    });
                    if let (true, Some(proof)) = (fits, field(&list.take)) {
                        received.candidates.push(proof);
                    }
                }
            }
        }
        received.candidates.retain(|candidate| !candidate.is_empty());
        match received.candidates.len() {
            0 => Err("no signature of the right kind"),
            1..=CANDIDATES_MAX => Ok(received),
            _ => Err("more than 16 signatures"),
        }
    }

    /// Writes one signature.
    pub(super) fn render(&self, proof: &str, parts: &[(&str, &str)], settings: &[ListSetting]) -> String {
        match self {
            Self::Plain(plain) => format!("{}{proof}", plain.prefix),
            Self::Pairs(pairs) => {
                let mut written: Vec<String> =
                    parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
                written.push(format!("{}={proof}", pairs.take));
                written.join(&pairs.separator.to_string())
            }
            Self::List(list) => {
                let field = |name: &String| {
                    let set = settings.iter().find(|setting| setting.field == *name);
                    let set = set.and_then(|setting| setting.texts.first()).map(String::as_str);
                    set.unwrap_or(if *name == list.take { proof } else { "1" })
                };
                list.fields.iter().map(field).collect::<Vec<_>>().join(&list.field_separator.to_string())
            }
        }
    }
}

fn read_pairs<'a>(
    pairs: &Pairs,
    text: &'a str,
    parts: &[String],
    received: &mut Received<'a>,
) -> Result<(), &'static str> {
    for pair in text.split(pairs.separator) {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let (name, value) = if pairs.lenient { (name.trim(), value.trim()) } else { (name, value) };
        let is = |own: &str| name == own || (pairs.lenient && name.eq_ignore_ascii_case(own));
        if is(&pairs.take) {
            if pairs.lenient {
                received.candidates.clear();
            }
            received.candidates.push(value);
        } else if let Some(at) = parts.iter().position(|part| is(part))
            && let Some(part) = received.parts.get_mut(at)
            && part.replace(value).is_some()
            && !pairs.lenient
        {
            return Err("a part is there twice");
        }
    }
    Ok(())
}

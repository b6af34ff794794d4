//! How a signature is written in its place, read and rendered.

use std::collections::BTreeMap;

use super::super::SourceSettings;
use super::super::definition::{Format, Pairs};

/// The most signatures of one webhook. Providers send one per active secret.
const CANDIDATES_MAX: usize = 16;

/// A signature, taken apart.
#[derive(Debug, Default)]
pub(super) struct Received<'a> {
    /// Any may prove the webhook.
    pub(super) candidates: Vec<&'a str>,
    /// Or these, under a public key.
    pub(super) for_public_keys: Vec<&'a str>,
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
        public: Option<&[ListSetting]>,
    ) -> Result<Received<'a>, &'static str> {
        let mut received = Received { parts: vec![None; parts.len()], ..Received::default() };
        match self {
            Self::Plain(plain) => {
                let bare = text.strip_prefix(&plain.prefix);
                let bare = if plain.prefix_optional { bare.or(Some(text)) } else { bare };
                received.candidates.push(bare.ok_or("the prefix is missing")?);
            }
            Self::Pairs(pairs) => read_pairs(pairs, text, parts, &mut received)?,
            Self::Sequence(sequence) => {
                let mut elements = text.split(sequence.separator).map(str::trim);
                for name in &sequence.parts {
                    let value = elements.next();
                    if let Some(at) = parts.iter().position(|part| part == name)
                        && let Some(part) = received.parts.get_mut(at)
                    {
                        *part = value;
                    }
                }
                received.candidates.extend(elements);
            }
            Self::List(list) => {
                for element in text.split(list.separator) {
                    let fields: Vec<&str> = element.splitn(list.fields.len(), list.field_separator).collect();
                    let field = |name: &str| {
                        let at = list.fields.iter().position(|own| own == name)?;
                        fields.get(at).copied()
                    };
                    let fits = |settings: &[ListSetting]| {
                        settings.iter().all(|setting| {
                            field(&setting.field)
                                .is_some_and(|own| setting.texts.iter().any(|text| text == own))
                        })
                    };
                    match field(&list.take) {
                        Some(proof) if fits(settings) => received.candidates.push(proof),
                        Some(proof) if public.is_some_and(fits) => received.for_public_keys.push(proof),
                        Some(_) | None => {}
                    }
                }
            }
        }
        received.candidates.retain(|candidate| !candidate.is_empty());
        match received.candidates.len() + received.for_public_keys.len() {
            0 => Err("no signature of the right kind"),
            1..=CANDIDATES_MAX => Ok(received),
            _ => Err("more than 16 signatures"),
        }
    }

    /// What a named part holds when this program is the sender: the time, where the definition says nothing else.
    pub(super) fn part<'a>(&'a self, name: &str, now: &'a str) -> &'a str {
        match self {
            Self::Pairs(pairs) => pairs.sample.get(name).map_or(now, String::as_str),
            Self::Plain(_) | Self::List(_) | Self::Sequence(_) => now,
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
            Self::Sequence(sequence) => {
                let named =
                    |name: &String| parts.iter().find(|(own, _)| own == name).map_or("", |(_, now)| now);
                let first = sequence.parts.iter().map(named);
                first.chain([proof]).collect::<Vec<_>>().join(&sequence.separator.to_string())
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

/// A `where` of a list format: fields and the texts that they may be. A param may be a list, or empty for any text.
pub(super) fn list_settings(
    only: &BTreeMap<String, String>,
    source: &SourceSettings,
) -> Result<Vec<ListSetting>, String> {
    let mut settings = Vec::new();
    for (field, wanted) in only {
        let texts = match wanted.strip_prefix("param:") {
            None => wanted,
            Some(name) => source.params.get(name).ok_or_else(|| format!("param `{name}` is not declared"))?,
        };
        if !texts.is_empty() {
            let texts = texts.split(',').map(|text| text.trim().to_owned()).collect();
            settings.push(ListSetting { field: field.clone(), texts });
        }
    }
    Ok(settings)
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

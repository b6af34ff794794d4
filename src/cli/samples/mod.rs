//! Sample webhooks that are built into the program, for `send` and `dev --demo`: those of each provider, and variations.

mod list;
mod text;
mod vary;

use std::collections::BTreeMap;

use bytes::Bytes;

use self::list::SAMPLES;
pub(super) use self::vary::{Wanted, contradict, read, read_signed, vary};
use super::fixtures::Fixture;
use crate::provider::Source;

/// A provider's webhooks, in the order in which they are to be sent.
pub(super) fn of(provider: &str) -> Vec<Fixture> {
    let own = SAMPLES.iter().find(|(name, _)| *name == provider);
    let files = own.map_or(&[][..], |(_, files)| files);
    files.iter().map(|(file, text)| Fixture::new(*file, Bytes::from_static(text.as_bytes()))).collect()
}

/// The samples that `source` can send, by the type of their only event, in the provider's words.
pub(super) fn by_type(source: &Source) -> BTreeMap<String, Vec<Fixture>> {
    let mut types: BTreeMap<String, Vec<Fixture>> = BTreeMap::new();
    for sample in of(&source.settings().provider) {
        if let Ok([event]) = read(source, &sample.body).as_deref() {
            types.entry(event.type_name().to_owned()).or_default().push(sample);
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SAMPLES, Wanted, by_type, of, read, vary};
    use crate::provider::tests::{providers, settings, source};

    /// The program has all of `fixtures/` that it can sign.
    #[test]
    fn every_fixture_of_a_provider_that_others_can_sign_for_is_in_the_program() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let names = |directory: &Path| {
            let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
            names.sort();
            names
        };
        for provider in providers().names() {
            let own: Vec<_> = of(provider).iter().map(super::Fixture::name).collect();
            let can_be_signed_for = !["apple-app-store", "paypal"].contains(&provider);
            let expected = if can_be_signed_for { names(&fixtures.join(provider)) } else { Vec::new() };
            assert_eq!(own, expected, "{provider}");
        }
        assert_eq!(SAMPLES.len() + 2, providers().names().count());
    }

    #[test]
    fn of_every_sample_with_one_event_another_webhook_can_be_made() {
        let mut refused = Vec::new();
        for (provider, _) in SAMPLES {
            let source = source(settings(provider));
            for sample in by_type(&source).into_values().flatten() {
                let [old] = &read(&source, &sample.body).unwrap()[..] else { unreachable!() };
                match vary(&source, &sample.body, &Wanted::default()) {
                    Ok(body) => {
                        let [new] = &read(&source, &body).unwrap()[..] else { panic!("one event") };
                        assert_eq!(new.type_name(), old.type_name());
                        assert_eq!(new.money(), old.money(), "{provider} {}", sample.name());
                        assert_ne!(new.key(), old.key());
                        assert!(new.payment().is_none() || new.payment() != old.payment(), "{provider}");
                    }
                    Err(why) => refused.push(format!("{provider}/{}: {why}", sample.name())),
                }
            }
        }
        assert_eq!(refused, [""; 0]);
    }

    #[test]
    fn every_provider_s_payment_can_be_of_another_amount_and_order() {
        let mut refused = Vec::new();
        for (provider, _) in SAMPLES {
            let source = source(settings(provider));
            let captures = by_type(&source).into_values().flatten().filter(|sample| {
                let events = read(&source, &sample.body).unwrap();
                events[0].money().is_some() && events[0].claim().is_some()
            });
            let wanted = Wanted { amount: Some(4200), order: Some("ord_7".to_owned()), ..Wanted::default() };
            let made: Vec<_> = captures.map(|sample| vary(&source, &sample.body, &wanted)).collect();
            for body in made.iter().flatten() {
                let [event] = &read(&source, body).unwrap()[..] else { panic!("one event") };
                assert_eq!(event.money().unwrap().amount, 4200, "{provider}");
                assert_eq!(event.claim().unwrap().order.as_str(), "ord_7", "{provider}");
            }
            if !made.is_empty() && made.iter().all(Result::is_err) {
                refused.push(format!("{provider}: {:?}", made[0].as_ref().unwrap_err()));
            }
        }
        assert_eq!(refused, [""; 0]);
    }
}

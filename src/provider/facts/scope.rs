//! Which events a source takes: those of its mode and of its accounts.

use super::super::definition::{Definition, ModeField, Texts};
use super::super::fields::{Selector, Selectors, View};
use super::super::{Mistake, Mode, SourceSettings, at};
use crate::order::{FOREIGN_ACCOUNT, Id};

/// Compiled `mode` and `account`.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    mode: Option<ModeRule>,
    account: Vec<Selector>,
    account_absent: Option<Id>,
    /// Any where nothing is listed.
    accounts: Vec<String>,
}

#[derive(Debug, Clone)]
struct ModeRule {
    from: Vec<Selector>,
    wanted: String,
    absent: Option<String>,
    word: &'static str,
}

impl Scope {
    /// # Errors
    /// The key and what was expected.
    pub(super) fn new(
        definition: &Definition,
        source: &SourceSettings,
        selectors: &mut Selectors,
    ) -> Result<Self, Mistake> {
        let facts = &definition.facts;
        if !source.accounts.is_empty() && facts.account.0.is_empty() {
            let problem =
                format!("{} does not say in its events which account they are of", definition.title);
            return Err(("accounts".to_owned(), problem));
        }
        let account_absent = facts.account_absent.as_deref().map(Id::new).transpose();
        Ok(Self {
            mode: mode_rule(definition, source, selectors)?,
            account: at("facts.account", selectors.all(&facts.account, source))?,
            account_absent: at("facts.account_absent", account_absent.map_err(|error| error.to_string()))?,
            accounts: source.accounts.clone(),
        })
    }

    /// The account that the event is about. One that is no id is not known.
    pub(super) fn account(&self, view: &View<'_>) -> Option<Id> {
        match view.first(&self.account) {
            Ok(text) => Id::new(&text).ok(),
            Err(_) => self.account_absent.clone(),
        }
    }

    /// Why an event that the source does not want is only noted. One that names no account is never another's.
    pub(super) fn excludes(&self, view: &View<'_>, account: Option<&Id>) -> Option<String> {
        if let Some(mode) = &self.mode
            && view.first(&mode.from).ok().or(mode.absent.as_deref().map(Into::into)).as_deref()
                != Some(&mode.wanted)
        {
            return Some(format!("not a {} event, and this source takes only those", mode.word));
        }
        let account = account?;
        let is_listed = self.accounts.iter().any(|own| own == account.as_str());
        (!self.accounts.is_empty() && !is_listed).then(|| FOREIGN_ACCOUNT.to_owned())
    }
}

fn mode_rule(
    definition: &Definition,
    source: &SourceSettings,
    selectors: &mut Selectors,
) -> Result<Option<ModeRule>, Mistake> {
    let Some(wanted) = source.mode else { return Ok(None) };
    let Some(ModeField { from, live, test, absent }) = &definition.facts.mode else {
        let problem = "does not say in its events whether money is real; leave `mode` out, and use one source per endpoint";
        return Err(("mode".to_owned(), format!("{} {problem}", definition.title)));
    };
    let (wanted, word) = match wanted {
        Mode::Live => (live, "live"),
        Mode::Test => (test, "test"),
    };
    let from = at("facts.mode", selectors.all(&Texts(from.0.clone()), source))?;
    Ok(Some(ModeRule { from, wanted: wanted.clone(), absent: absent.clone(), word }))
}

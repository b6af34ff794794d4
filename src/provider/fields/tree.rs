//! The tree that a definition's JSON pointers are compiled into: where in a document a value is asked for.

/// The most different members of one object that a definition can ask for: one bit each while reading.
const MEMBERS_MAX: usize = 128;

/// Which of a reader's pointers a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) struct Slot(pub(super) usize);

/// A step of some pointers.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) slot: Option<Slot>,
    pub(super) children: Vec<(String, Node)>,
}

impl Node {
    /// The node at the end of `steps`, made where it is missing.
    ///
    /// # Errors
    /// Too many members of one object would be asked for.
    pub(super) fn below(&mut self, steps: &[String]) -> Result<&mut Self, String> {
        let Some((name, rest)) = steps.split_first() else { return Ok(self) };
        let known = self.children.iter().position(|(own, _)| own == name);
        let at = known.unwrap_or_else(|| {
            self.children.push((name.clone(), Self::default()));
            self.children.len() - 1
        });
        let members = self.children.len();
        match self.children.get_mut(at) {
            Some((_, child)) if members <= MEMBERS_MAX => child.below(rest),
            Some(_) | None => Err(format!("more than {MEMBERS_MAX} members of one object are read")),
        }
    }

    /// The children of a list's elements that are chosen by a member: its name, its value, the child.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (&str, &str, &Self)> {
        self.children.iter().filter_map(|(step, node)| {
            let (member, value) = step.strip_prefix('[')?.strip_suffix(']')?.split_once('=')?;
            Some((member, value, node))
        })
    }
}

//! What a majority of independent nodes says.

use super::super::backend::Failure;

/// One node's answer: for each key, whether it was done.
pub(super) type Vote = Result<Vec<Option<u64>>, Failure>;

/// Counts the votes of all nodes on every key.
#[derive(Debug)]
pub(super) struct Ballot {
    nodes: usize,
    /// Nodes that said yes, for each key.
    yes: Vec<usize>,
    /// Nodes that voted.
    voted: usize,
    failures: Vec<Failure>,
}

impl Ballot {
    pub(super) fn new(nodes: usize, keys: usize) -> Self {
        Self { nodes, yes: vec![0; keys], voted: 0, failures: Vec::new() }
    }

    pub(super) fn count(&mut self, vote: Vote) {
        match vote {
            Ok(done) => {
                self.voted += 1;
                for (yes, done) in self.yes.iter_mut().zip(done) {
                    *yes += usize::from(done.is_some());
                }
            }
            Err(failure) => self.failures.push(failure),
        }
    }

    fn majority(&self) -> usize {
        self.nodes / 2 + 1
    }

    /// No vote to come can change the result.
    pub(super) fn is_decided(&self) -> bool {
        let to_come = self.nodes - self.voted - self.failures.len();
        let failed = self.failures.len() > self.nodes - self.majority();
        let heard = self.voted >= self.majority();
        let settled = |yes: &usize| *yes >= self.majority() || yes + to_come < self.majority();
        failed || heard && self.yes.iter().all(settled)
    }

    /// Which keys have a majority; or why no majority answered.
    pub(super) fn result(self) -> Vote {
        let majority = self.majority();
        if self.voted >= majority {
            return Ok(self.yes.iter().map(|yes| (*yes >= majority).then_some(0)).collect());
        }
        let reasons: Vec<String> = self.failures.iter().map(ToString::to_string).collect();
        let reason = format!("{} of {} nodes answer: {}", self.voted, self.nodes, reasons.join("; "));
        let unsent = self.failures.iter().filter(|failure| matches!(failure, Failure::Unsent(_)));
        // A node that has not answered yet may do it still.
        if unsent.count() == self.nodes {
            Err(Failure::Unsent(reason))
        } else {
            Err(Failure::NoQuorum(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ballot, Failure, Vote};

    fn says<const N: usize>(keys: [bool; N]) -> Vote {
        Ok(keys.map(|yes| yes.then_some(0)).to_vec())
    }

    fn away() -> Vote {
        Err(Failure::Unsent("away".to_owned()))
    }

    fn count<const N: usize>(nodes: usize, keys: usize, votes: [Vote; N]) -> Ballot {
        let mut ballot = Ballot::new(nodes, keys);
        votes.into_iter().for_each(|vote| ballot.count(vote));
        ballot
    }

    #[test]
    fn two_of_three_decide_without_the_third() {
        let ballot = count(3, 2, [says([true, false]), says([true, false])]);
        assert!(ballot.is_decided());
        assert_eq!(ballot.result().expect("a majority answered"), [Some(0), None]);
    }

    #[test]
    fn a_key_that_the_last_vote_decides_is_waited_for() {
        assert!(!count(3, 1, [says([true]), says([false])]).is_decided());
        let ballot = count(3, 1, [says([true]), says([false]), away()]);
        assert!(ballot.is_decided());
        assert_eq!(ballot.result().expect("a majority answered"), [None]);
    }

    #[test]
    fn without_a_majority_there_is_no_answer() {
        let ballot = count(5, 1, [away(), says([true]), away(), away()]);
        assert!(ballot.is_decided());
        assert!(ballot.result().is_err_and(|failure| matches!(failure, Failure::NoQuorum(_))));
        let ballot = count(3, 1, [away(), away()]);
        assert!(ballot.is_decided(), "the third cannot change it");
        assert!(
            matches!(ballot.result(), Err(Failure::NoQuorum(_))),
            "but it may act, and is to be cleaned up"
        );
        let ballot = count(3, 1, [away(), away(), away()]);
        assert!(matches!(ballot.result(), Err(Failure::Unsent(_))));
    }
}

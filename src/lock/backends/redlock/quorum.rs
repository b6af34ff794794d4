//! Counts the replies of independent nodes, and decides each key by majority.

use crate::lock::contract::Failure;

/// One node's answer: for each key, whether it was done.
pub(super) type NodeReply = Result<Vec<Option<u64>>, Failure>;

/// Counts the replies of all nodes for every key.
#[derive(Debug)]
pub(super) struct Quorum {
    nodes: usize,
    /// Nodes that said yes, for each key.
    yes: Vec<usize>,
    /// Nodes that answered.
    answered: usize,
    failures: Vec<Failure>,
}

impl Quorum {
    pub(super) fn new(nodes: usize, keys: usize) -> Self {
        Self { nodes, yes: vec![0; keys], answered: 0, failures: Vec::new() }
    }

    pub(super) fn count(&mut self, reply: NodeReply) {
        match reply {
            Ok(done) => {
                self.answered += 1;
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

    /// No reply to come can change the result.
    pub(super) fn is_decided(&self) -> bool {
        let to_come = self.nodes - self.answered - self.failures.len();
        let failed = self.failures.len() > self.nodes - self.majority();
        let heard = self.answered >= self.majority();
        let settled = |yes: &usize| *yes >= self.majority() || yes + to_come < self.majority();
        failed || heard && self.yes.iter().all(settled)
    }

    /// Which keys have a majority; or why no majority answered.
    pub(super) fn result(self) -> NodeReply {
        let majority = self.majority();
        if self.answered >= majority {
            return Ok(self.yes.iter().map(|yes| (*yes >= majority).then_some(0)).collect());
        }
        let reasons: Vec<String> = self.failures.iter().map(ToString::to_string).collect();
        let reason = format!("{} of {} nodes answer: {}", self.answered, self.nodes, reasons.join("; "));
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
    use super::{Failure, NodeReply, Quorum};

    fn says<const N: usize>(keys: [bool; N]) -> NodeReply {
        Ok(keys.map(|yes| yes.then_some(0)).to_vec())
    }

    fn away() -> NodeReply {
        Err(Failure::Unsent("away".to_owned()))
    }

    fn count<const N: usize>(nodes: usize, keys: usize, replies: [NodeReply; N]) -> Quorum {
        let mut quorum = Quorum::new(nodes, keys);
        replies.into_iter().for_each(|reply| quorum.count(reply));
        quorum
    }

    #[test]
    fn two_of_three_decide_without_the_third() {
        let quorum = count(3, 2, [says([true, false]), says([true, false])]);
        assert!(quorum.is_decided());
        assert_eq!(quorum.result().expect("a majority answered"), [Some(0), None]);
    }

    #[test]
    fn a_key_that_the_last_reply_decides_is_waited_for() {
        assert!(!count(3, 1, [says([true]), says([false])]).is_decided());
        let quorum = count(3, 1, [says([true]), says([false]), away()]);
        assert!(quorum.is_decided());
        assert_eq!(quorum.result().expect("a majority answered"), [None]);
    }

    #[test]
    fn without_a_majority_there_is_no_answer() {
        let quorum = count(5, 1, [away(), says([true]), away(), away()]);
        assert!(quorum.is_decided());
        assert!(quorum.result().is_err_and(|failure| matches!(failure, Failure::NoQuorum(_))));
        let quorum = count(3, 1, [away(), away()]);
        assert!(quorum.is_decided(), "the third cannot change it");
        assert!(
            matches!(quorum.result(), Err(Failure::NoQuorum(_))),
            "but it may act, and is to be cleaned up"
        );
        let quorum = count(3, 1, [away(), away(), away()]);
        assert!(matches!(quorum.result(), Err(Failure::Unsent(_))));
    }
}

//! What is decided for one kind of people at one place, what does it still depend on, and when does it change?
//!
//! A cell of the table as a person would say it: "from this network that, otherwise this".

use super::rule::{Action, Rule, RuleId};
use super::table::{Cell, Entry};
use super::walk::Group;
use super::{Page, Policy, class};
use crate::identity::Principal;
use ipnet::IpNet;
use jiff::Timestamp;

/// What is done, and for whom of a kind of people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch {
    pub action: Action,
    /// As the rule names it.
    pub page: Option<Page>,
    /// Percent of the people for whom it is enforced; 0: it is only observed.
    pub share: u8,
    /// Only for clients from these networks; empty: from anywhere.
    pub within: Vec<IpNet>,
    /// Not for clients from these.
    pub outside: Vec<IpNet>,
    /// The rules that say so.
    pub rules: Vec<RuleId>,
}

impl Branch {
    fn does_like(&self, other: &Branch) -> bool {
        (self.action, self.page) == (other.action, other.page)
    }

    /// Whether it depends on nothing.
    pub fn is_plain(&self) -> bool {
        self.share >= 100 && self.within.is_empty() && self.outside.is_empty()
    }
}

/// The first branch that admits somebody and is enforced for them holds; one always does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ruling(pub Vec<Branch>);

/// Rulings one after the other, each with the moment from which it holds; the first holds since ever.
pub type Timeline = Vec<(Timestamp, Ruling)>;

impl Ruling {
    /// Whether the same is done for the same people, by whatever rules.
    pub fn does_like(&self, other: &Ruling) -> bool {
        let same = |(a, b): (&Branch, &Branch)| {
            a.does_like(b) && (a.share, &a.within, &a.outside) == (b.share, &b.within, &b.outside)
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// The last of the branches holds for everyone who is left.
    fn simplified(branches: Vec<Branch>) -> Ruling {
        // What one pass drops or joins may show the other one more.
        Ruling(narrowed(joined(narrowed(joined(branches)))))
    }
}

/// Branches that do the same as all after them are one with these.
fn joined(branches: Vec<Branch>) -> Vec<Branch> {
    let mut kept: Vec<Branch> = Vec::new();
    for branch in branches.into_iter().rev() {
        match kept.as_mut_slice() {
            [last] if last.does_like(&branch) => {
                last.rules.splice(0..0, branch.rules).for_each(drop);
                (last.within, last.outside) = (Vec::new(), Vec::new());
            }
            _ => kept.push(branch),
        }
    }
    kept.reverse();
    kept
}

/// Each branch with the networks alone that the enforced ones before it leave to it.
fn narrowed(branches: Vec<Branch>) -> Vec<Branch> {
    let mut kept = Vec::new();
    // Networks are nested or apart, never across each other.
    let mut taken: Vec<IpNet> = Vec::new();
    let mut left: Option<Vec<IpNet>> = None;
    for mut branch in branches {
        let anywhere = branch.within.is_empty();
        if let Some(left) = &left {
            branch.within = if anywhere { left.clone() } else { common(&branch.within, left) };
        }
        branch.within.retain(|net| !taken.iter().any(|t| t.contains(net)));
        if branch.within.is_empty() && !(anywhere && left.is_none()) {
            continue;
        }
        if branch.share >= 100 && branch.outside.is_empty() {
            taken.extend(&branch.within);
        } else if branch.share >= 100 && anywhere {
            left = Some(left.map_or_else(|| branch.outside.clone(), |left| common(&left, &branch.outside)));
            branch.outside.retain(|net| branch.within.is_empty() || branch.within.iter().any(|w| w.contains(net)));
        }
        kept.push(branch);
    }
    kept
}

/// What lies in networks of both lists.
fn common(one: &[IpNet], other: &[IpNet]) -> Vec<IpNet> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let smaller = |(a, b): (&IpNet, &IpNet)| match (a.contains(b), b.contains(a)) {
        (true, _) => Some(*b),
        (false, true) => Some(*a),
        (false, false) => None,
    };
    let mut nets: Vec<IpNet> = pairs.filter_map(smaller).collect();
    nets.sort_unstable();
    nets.dedup();
    nets
}

impl Policy {
    /// What is decided for a principal on the routes of a group, as if the gate were not observing.
    pub fn rulings(&self, group: &Group, principal: &Principal) -> Timeline {
        let cells = self.table().cells(group.row, class::number(principal));
        let mut all = Timeline::new();
        for (from, cell) in cells {
            let ruling = self.ruling(cell, principal);
            if all.last().is_none_or(|(_, last)| *last != ruling) {
                all.push((from, ruling));
            }
        }
        all
    }

    fn ruling(&self, cell: Cell<'_>, principal: &Principal) -> Ruling {
        match cell {
            Cell::Rule(id) => Ruling(vec![self.branch(id, 100, principal)]),
            Cell::List(list) => Ruling::simplified(list.iter().map(|e| self.branch_of(e, principal)).collect()),
        }
    }

    fn branch(&self, id: RuleId, share: u8, principal: &Principal) -> Branch {
        let verdict = self.verdict(id, principal);
        let (within, outside) = (Vec::new(), Vec::new());
        Branch { action: verdict.action, page: verdict.page, share, within, outside, rules: vec![id] }
    }

    fn branch_of(&self, entry: &Entry, principal: &Principal) -> Branch {
        let rule = self.rule(entry.rule);
        let within = rule.filter(|_| entry.asks_within()).map(|r| r.when.client.clone());
        let unless = rule.filter(|_| entry.asks_outside()).and_then(|r: &Rule| r.unless.as_ref());
        let outside = unless.map(|u| u.client.clone()).unwrap_or_default();
        Branch { within: within.unwrap_or_default(), outside, ..self.branch(entry.rule, entry.share, principal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bucket;
    use crate::policy::table::tests::{CREDENTIALS, moment, policy};
    use crate::policy::walk::Outcome;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn admits(branch: &Branch, outcome: &Outcome<'_>) -> bool {
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&outcome.client));
        (branch.within.is_empty() || is_in(&branch.within)) && !is_in(&branch.outside)
    }

    /// What the ruling says to somebody from there and in that bucket.
    fn said<'r>(ruling: &'r Ruling, outcome: &Outcome<'_>) -> &'r Branch {
        let bucket: Bucket = outcome.bucket;
        ruling.0.iter().find(|b| admits(b, outcome) && bucket.is_among(b.share)).unwrap()
    }

    #[test]
    fn a_ruling_says_what_the_walk_meets() {
        let everybody = class::all(CREDENTIALS);
        for seed in 0..10 {
            let policy = policy(&mut StdRng::seed_from_u64(seed), 12);
            for group in policy.groups() {
                for principal in everybody.iter().step_by(7) {
                    let rulings = policy.rulings(&group, principal);
                    policy.walk(&group, principal, &[], |outcome| {
                        let at = outcome.from.unwrap_or(moment(-1));
                        let (_, ruling) = rulings.iter().rev().find(|(from, _)| *from <= at).unwrap();
                        let branch = said(ruling, &outcome);
                        assert_eq!(branch.action, outcome.verdict.action, "seed {seed}, {outcome:?}, {ruling:?}");
                        assert!(branch.rules.contains(&outcome.verdict.rule), "seed {seed}, {outcome:?}, {ruling:?}");
                    });
                }
            }
        }
    }

    #[test]
    fn networks_that_change_nothing_are_not_told() {
        let branch = |action, within: &[&str], rule| Branch {
            action,
            page: None,
            share: 100,
            within: within.iter().map(|n| n.parse().unwrap()).collect(),
            outside: vec![],
            rules: vec![RuleId(rule)],
        };
        let forward = |within: &[&str], rule| branch(Action::Forward, within, rule);
        let simple = Ruling::simplified(vec![forward(&["10.0.0.0/8"], 0), forward(&[], 1)]);
        assert_eq!(simple.0.len(), 1);
        assert_eq!(simple.0[0].rules, [RuleId(0), RuleId(1)]);
        assert!(simple.0[0].is_plain());
        let elsewhere = Branch { outside: vec!["10.0.0.0/8".parse().unwrap()], ..branch(Action::Reject, &[], 0) };
        let narrow = Ruling::simplified(vec![
            elsewhere.clone(),
            branch(Action::Forward, &["10.1.0.0/16", "192.168.0.0/16"], 1),
            branch(Action::Login, &[], 2),
        ]);
        let nets = |b: &Branch| b.within.iter().map(ToString::to_string).collect::<Vec<_>>();
        let told: Vec<_> = narrow.0.iter().map(nets).collect();
        assert_eq!(told, [vec![], vec!["10.1.0.0/16".to_owned()], vec!["10.0.0.0/8".to_owned()]]);
        let unreached = vec![forward(&["10.0.0.0/8"], 0), branch(Action::Reject, &["10.0.0.0/9"], 1), forward(&[], 2)];
        assert_eq!(Ruling::simplified(unreached).0.len(), 1);
        let needed = vec![branch(Action::Reject, &["10.0.0.0/9"], 0), forward(&[], 1)];
        assert_eq!(Ruling::simplified(needed.clone()), Ruling(needed));
    }
}

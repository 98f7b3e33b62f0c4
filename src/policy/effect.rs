//! Effects: a cell of the compiled table as a person would say it, "from this network that, otherwise this".
//!
//! An effect is a list of clauses, and the first that admits somebody holds. Networks are narrowed to what earlier
//! clauses leave over, so that nothing is said that changes nothing.

use super::enumerate::Group;
use super::rule::{Action, Rule, RuleId};
use super::table::{ListEntry, TableCell};
use super::{Page, Policy, class};
use crate::identity::Principal;
use ipnet::IpNet;
use jiff::Timestamp;

/// What is done, and for whom of a kind of people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause {
    /// What is done.
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

impl Clause {
    fn does_like(&self, other: &Clause) -> bool {
        (self.action, self.page) == (other.action, other.page)
    }

    /// Whether it depends on nothing.
    pub fn is_plain(&self) -> bool {
        self.share >= 100 && self.within.is_empty() && self.outside.is_empty()
    }
}

/// The first clause that admits somebody and is enforced for them holds; one always does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Effect(pub Vec<Clause>);

/// Effects one after the other, each with the moment from which it holds; the first holds since ever.
pub type Timeline = Vec<(Timestamp, Effect)>;

impl Effect {
    /// Whether the same is done for the same people, by whatever rules.
    pub fn does_like(&self, other: &Effect) -> bool {
        let same = |(a, b): (&Clause, &Clause)| {
            a.does_like(b) && (a.share, &a.within, &a.outside) == (b.share, &b.within, &b.outside)
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }

    /// The last of the clauses holds for everyone who is left.
    fn simplified(clauses: Vec<Clause>) -> Effect {
        // What one pass drops or joins may show the other one more.
        Effect(narrowed(joined(narrowed(joined(clauses)))))
    }
}

/// Clauses that do the same as all after them are one with these.
fn joined(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut kept: Vec<Clause> = Vec::new();
    for clause in clauses.into_iter().rev() {
        match kept.as_mut_slice() {
            [last] if last.does_like(&clause) => {
                last.rules.splice(0..0, clause.rules).for_each(drop);
                (last.within, last.outside) = (Vec::new(), Vec::new());
            }
            _ => kept.push(clause),
        }
    }
    kept.reverse();
    kept
}

/// Each clause with the networks alone that the enforced ones before it leave to it.
fn narrowed(clauses: Vec<Clause>) -> Vec<Clause> {
    let mut kept = Vec::new();
    // Networks are nested or apart, never across each other.
    let mut taken: Vec<IpNet> = Vec::new();
    let mut left: Option<Vec<IpNet>> = None;
    for mut clause in clauses {
        let anywhere = clause.within.is_empty();
        if let Some(left) = &left {
            clause.within = if anywhere { left.clone() } else { common(&clause.within, left) };
        }
        clause.within.retain(|net| !taken.iter().any(|t| t.contains(net)));
        if clause.within.is_empty() && !(anywhere && left.is_none()) {
            continue;
        }
        if clause.share >= 100 && clause.outside.is_empty() {
            taken.extend(&clause.within);
        } else if clause.share >= 100 && anywhere {
            left = Some(left.map_or_else(|| clause.outside.clone(), |left| common(&left, &clause.outside)));
            clause.outside.retain(|net| clause.within.is_empty() || clause.within.iter().any(|w| w.contains(net)));
        }
        kept.push(clause);
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
    pub fn effects(&self, group: &Group, principal: &Principal) -> Timeline {
        let cells = self.table().cells(group.row, class::number(principal));
        let mut all = Timeline::new();
        for (from, cell) in cells {
            let effect = self.effect(cell, principal);
            if all.last().is_none_or(|(_, last)| *last != effect) {
                all.push((from, effect));
            }
        }
        all
    }

    fn effect(&self, cell: TableCell<'_>, principal: &Principal) -> Effect {
        match cell {
            TableCell::Rule(id) => Effect(vec![self.clause(id, 100, principal)]),
            TableCell::List(list) => Effect::simplified(list.iter().map(|e| self.clause_of(e, principal)).collect()),
        }
    }

    fn clause(&self, id: RuleId, share: u8, principal: &Principal) -> Clause {
        let verdict = self.verdict(id, principal);
        let (within, outside) = (Vec::new(), Vec::new());
        Clause { action: verdict.action, page: verdict.page, share, within, outside, rules: vec![id] }
    }

    fn clause_of(&self, entry: &ListEntry, principal: &Principal) -> Clause {
        let rule = self.rule(entry.rule);
        let within = rule.filter(|_| entry.asks_within()).map(|r| r.when.client.clone());
        let unless = rule.filter(|_| entry.asks_outside()).and_then(|r: &Rule| r.unless.as_ref());
        let outside = unless.map(|u| u.client.clone()).unwrap_or_default();
        Clause { within: within.unwrap_or_default(), outside, ..self.clause(entry.rule, entry.share, principal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Bucket;
    use crate::policy::enumerate::PossibleVerdict;
    use crate::policy::table::tests::{CREDENTIALS, moment, policy};
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn admits(clause: &Clause, outcome: &PossibleVerdict<'_>) -> bool {
        let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&outcome.client));
        (clause.within.is_empty() || is_in(&clause.within)) && !is_in(&clause.outside)
    }

    /// What the effect says to somebody from there and in that bucket.
    fn said<'r>(effect: &'r Effect, outcome: &PossibleVerdict<'_>) -> &'r Clause {
        let bucket: Bucket = outcome.bucket;
        effect.0.iter().find(|b| admits(b, outcome) && bucket.is_among(b.share)).unwrap()
    }

    #[test]
    fn an_effect_says_what_enumerating_meets() {
        let everybody = class::all(CREDENTIALS);
        for seed in 0..10 {
            let policy = policy(&mut StdRng::seed_from_u64(seed), 12);
            for group in policy.groups() {
                for principal in everybody.iter().step_by(7) {
                    let effects = policy.effects(&group, principal);
                    policy.enumerate(&group, principal, &[], |outcome| {
                        let at = outcome.from.unwrap_or(moment(-1));
                        let (_, effect) = effects.iter().rev().find(|(from, _)| *from <= at).unwrap();
                        let clause = said(effect, &outcome);
                        assert_eq!(clause.action, outcome.verdict.action, "seed {seed}, {outcome:?}, {effect:?}");
                        assert!(clause.rules.contains(&outcome.verdict.rule), "seed {seed}, {outcome:?}, {effect:?}");
                    });
                }
            }
        }
    }

    #[test]
    fn networks_that_change_nothing_are_not_told() {
        let clause = |action, within: &[&str], rule| Clause {
            action,
            page: None,
            share: 100,
            within: within.iter().map(|n| n.parse().unwrap()).collect(),
            outside: vec![],
            rules: vec![RuleId(rule)],
        };
        let forward = |within: &[&str], rule| clause(Action::Forward, within, rule);
        let simple = Effect::simplified(vec![forward(&["10.0.0.0/8"], 0), forward(&[], 1)]);
        assert_eq!(simple.0.len(), 1);
        assert_eq!(simple.0[0].rules, [RuleId(0), RuleId(1)]);
        assert!(simple.0[0].is_plain());
        let elsewhere = Clause { outside: vec!["10.0.0.0/8".parse().unwrap()], ..clause(Action::Reject, &[], 0) };
        let narrow = Effect::simplified(vec![
            elsewhere.clone(),
            clause(Action::Forward, &["10.1.0.0/16", "192.168.0.0/16"], 1),
            clause(Action::Login, &[], 2),
        ]);
        let nets = |b: &Clause| b.within.iter().map(ToString::to_string).collect::<Vec<_>>();
        let told: Vec<_> = narrow.0.iter().map(nets).collect();
        assert_eq!(told, [vec![], vec!["10.1.0.0/16".to_owned()], vec!["10.0.0.0/8".to_owned()]]);
        let unreached = vec![forward(&["10.0.0.0/8"], 0), clause(Action::Reject, &["10.0.0.0/9"], 1), forward(&[], 2)];
        assert_eq!(Effect::simplified(unreached).0.len(), 1);
        let needed = vec![clause(Action::Reject, &["10.0.0.0/9"], 0), forward(&[], 1)];
        assert_eq!(Effect::simplified(needed.clone()), Effect(needed));
    }
}

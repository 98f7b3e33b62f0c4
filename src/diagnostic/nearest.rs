//! "Did you mean": the nearest known word, if it is near enough to be meant.

/// The candidate within edit distance 2 of `word` (1 for words under four letters), the nearest first. Case is no
/// difference here: it is mostly what is wrong.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = if word.chars().count() < 4 { 1 } else { 2 };
    let word = word.to_lowercase();
    let length = word.chars().count();
    // What differs more in length differs more; and a text without end is not compared at all.
    let comparable = candidates.into_iter().filter(|c| c.chars().count().abs_diff(length) <= limit);
    let near = comparable.map(|c| (distance(&word, &c.to_lowercase()), c));
    near.filter(|(d, _)| *d <= limit).min().map(|(_, c)| c)
}

/// Optimal string alignment distance: insertions, deletions, substitutions, and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (at(&last, j) + usize::from(ca != cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["account", "login", "level_min", "evidence"];
        assert_eq!(did_you_mean("acount", known), Some("account"));
        assert_eq!(did_you_mean("lgoin", known), Some("login"));
        assert_eq!(did_you_mean("ACCOUNT", known), Some("account"));
        assert_eq!(did_you_mean("vneid", ["VNeID"]), Some("VNeID"));
        assert_eq!(did_you_mean("colour", known), None);
        assert_eq!(did_you_mean("xyz", ["abc"]), None);
    }
}

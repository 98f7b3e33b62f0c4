//! The metrics of a gate, parsed.
//!
//! Reads the text exposition format into series; sums over every series that carries the labels asked for.

type Labels = Vec<(String, String)>;

/// One reading of `/metrics`.
pub(crate) struct Scrape {
    series: Vec<(String, Labels, f64)>,
    pub text: String,
}

impl Scrape {
    pub(crate) fn parse(text: &str) -> Scrape {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Scrape { series: lines.map(parse_line).collect(), text: text.to_owned() }
    }

    /// The sum of every series of this name with at least these labels; fails when there is none.
    #[track_caller]
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.maybe(name, labels).unwrap_or_else(|| {
            let near: Vec<&str> = self.text.lines().filter(|line| line.starts_with(name)).take(40).collect();
            panic!("no series {name} {labels:?} among:\n{}", near.join("\n"))
        })
    }

    /// The same, `None` when there is no such series.
    pub(crate) fn maybe(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted = |of: &[(String, String)]| labels.iter().all(|(k, v)| of.iter().any(|(n, w)| n == k && w == v));
        let values: Vec<f64> =
            self.series.iter().filter(|(n, of, _)| n == name && wanted(of)).map(|(_, _, value)| *value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Every value that a label takes under one metric name, sorted.
    pub(crate) fn label_values(&self, name: &str, label: &str) -> Vec<String> {
        let all = self.series.iter().filter(|(n, _, _)| n == name).flat_map(|(_, of, _)| of);
        let mut values: Vec<String> = all.filter(|(n, _)| n == label).map(|(_, v)| v.clone()).collect();
        values.sort();
        values.dedup();
        values
    }

    /// The label names of one metric, sorted.
    pub(crate) fn label_names(&self, name: &str) -> Vec<String> {
        let first = self.series.iter().find(|(n, _, _)| n == name);
        let mut names: Vec<String> = first.iter().flat_map(|(_, of, _)| of).map(|(n, _)| n.clone()).collect();
        names.sort();
        names
    }
}

fn parse_line(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, labels)) = series.split_once('{') else { return (series.to_owned(), Vec::new(), value) };
    (name.to_owned(), parse_labels(labels.trim_end_matches('}')), value)
}

fn parse_labels(mut text: &str) -> Labels {
    let mut labels = Vec::new();
    while let Some((name, rest)) = text.split_once("=\"") {
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let mut end = rest.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => {}
                },
                other => value.push(other),
            }
        }
        labels.push((name.trim_start_matches(',').to_owned(), value));
        text = &rest[end..];
    }
    labels
}

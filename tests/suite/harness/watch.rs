//! What an operator can see of a running gate: `/status`, log, audit file.
//!
//! Its admin pages, its metrics, its audit file and what it wrote; with waits for what is written a moment later.

use super::ask::Ask;
use super::client::{Client, Response};
use super::eventually;
use super::gate::Gate;
use super::scrape::Scrape;
use std::fs;

impl Gate {
    /// A page of the admin listener.
    #[track_caller]
    pub(crate) fn admin(&self, path: &str) -> Response {
        let mut client = Client::connect(&self.address("admin"));
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes());
        client.answer()
    }
    pub(crate) fn metrics(&self) -> Scrape {
        Scrape::parse(&self.admin("/metrics").text())
    }
    /// The sum of the series with these labels.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics().sum(name, labels)
    }
    /// Waits until a sum of series satisfies the test.
    #[track_caller]
    pub(crate) fn until_metric(&self, name: &str, labels: &[(&str, &str)], is: impl Fn(f64) -> bool) {
        let what = format!("{name} {labels:?}");
        eventually(&what, || self.metrics().maybe(name, labels).filter(|value| is(*value)));
    }
    /// Waits until every request so far is counted and written down.
    #[track_caller]
    pub(crate) fn settle(&self) {
        self.until_metric("vneid_gate_requests_in_flight", &[], |open| open == 0.0);
    }
    pub(crate) fn status(&self) -> serde_json::Value {
        self.admin("/status").json()
    }

    /// Every audit line so far.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.data().join("audit.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
    }
    /// The audit line of one support code, once it is written.
    #[track_caller]
    pub(crate) fn audit_of(&self, support_code: &str) -> serde_json::Value {
        eventually("the audit line of a support code", || {
            self.audit().into_iter().find(|line| line["support_code"] == support_code)
        })
    }
    /// Sends one refused request and counts the audit lines up to its own.
    #[track_caller]
    pub(crate) fn audit_mark(&self) -> usize {
        self.settle();
        let code = self.ask(&Ask::get("/mark")).support_code();
        self.audit_of(&code);
        self.audit().iter().position(|line| line["support_code"] == code.as_str()).expect("its line") + 1
    }
    /// Everything that the process has written anywhere.
    pub(crate) fn everything_written(&self) -> String {
        let audit = fs::read_to_string(self.data().join("audit.jsonl")).unwrap_or_default();
        [self.stdout(), self.stderr(), audit, self.metrics().text, self.status().to_string()].join("\n")
    }
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.home().join("stdout")).unwrap()
    }
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.home().join("stderr")).unwrap()).into_owned()
    }
}

//! The figures as text.
//!
//! One line a variant: medians with the least and the most, and two ratios to the control. Measures nothing.

use crate::Outcome;
use crate::options::Options;
use crate::scene::Scene;
use crate::variants::Variant;
use serde_json::json;
use std::path::Path;

/// One turn of one variant.
pub(crate) struct Run {
    pub variant: Variant,
    pub round: usize,
    pub requests: u64,
    /// The proxy's own time for one request.
    pub user_us: f64,
    pub system_us: f64,
    pub requests_per_second: f64,
    pub resident_mib: f64,
    /// Share of the proxy's core that other programs took.
    pub others: f64,
    /// Lines that the gate's audit log grew by.
    pub audit_lines: Option<u64>,
}

impl Run {
    fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// A share above which the machine was too busy for close ratios.
const BUSY: f64 = 0.25;

pub(crate) fn print(options: &Options, scene: &Scene, runs: &[Run]) {
    println!(
        "\nOne proxy thread on core {}, load and upstream on core {}; {} connections, {} rounds of {} s, tokens of {} bytes.",
        options.proxy_core,
        options.load_core,
        options.connections,
        options.rounds,
        options.seconds,
        scene.token_length().unwrap_or(0)
    );
    println!(
        "CPU is the proxy's own, user and system. `x` is against bare pingora passing the like request on: the median of"
    );
    println!("the ratios of each round, and the ratio of the least values. `many` is {} tokens.", options.tokens);
    println!("System time holds the waking of load and upstream: more of it where a slower proxy lets them rest.\n");
    println!("{:<22} {:>24} {:>7} {:>7} {:>12} {:>8}", "", "CPU us/request", "x", "x least", "requests/s", "RSS MiB");
    for variant in in_order(runs) {
        let own = of(runs, variant.name);
        let control = of(runs, variant.control);
        let cpu: Vec<f64> = own.iter().map(|run| run.cpu_us()).collect();
        let same_round: Vec<f64> =
            own.iter().zip(&control).map(|(run, control)| run.cpu_us() / control.cpu_us()).collect();
        let spread = format!("{:.1} ({:.1}-{:.1})", median(&cpu), least(&cpu), most(&cpu));
        let least_ratio = least(&cpu) / least(&control.iter().map(|run| run.cpu_us()).collect::<Vec<_>>());
        let rate = median(&own.iter().map(|run| run.requests_per_second).collect::<Vec<_>>());
        let resident = most(&own.iter().map(|run| run.resident_mib).collect::<Vec<_>>());
        let parts = [|run: &&Run| run.user_us, |run: &&Run| run.system_us];
        let [user, system] = parts.map(|part| median(&own.iter().map(part).collect::<Vec<_>>()));
        let parts = format!("{user:.1}+{system:.1}");
        println!(
            "{:<22} {spread:>24} {parts:>11} {:>7.2} {least_ratio:>7.2} {rate:>12.0} {resident:>8.0}",
            variant.name,
            median(&same_round)
        );
    }
    let others = median(&runs.iter().map(|run| run.others).collect::<Vec<_>>());
    if others > BUSY {
        println!(
            "\nOther programs took {:.0} % of the proxy's core: trust the ratios to 15 %, not more.",
            others * 100.0
        );
    }
    let lost: u64 = runs.iter().filter_map(|run| run.audit_lines.map(|lines| run.requests.saturating_sub(lines))).sum();
    if lost > 0 {
        let audited: u64 = runs.iter().filter(|run| run.audit_lines.is_some()).map(|run| run.requests).sum();
        println!("\nThe gate left {lost} of {audited} requests out of its audit log.");
    }
}

/// Every run, for programs.
pub(crate) fn write_json(file: &Path, runs: &[Run]) -> Outcome<()> {
    let runs: Vec<_> = runs
        .iter()
        .map(|run| {
            json!({
                "variant": run.variant.name, "control": run.variant.control, "round": run.round, "requests": run.requests,
                "user_us_per_request": run.user_us, "system_us_per_request": run.system_us, "requests_per_second": run.requests_per_second,
                "resident_mib": run.resident_mib, "others_share": run.others, "audit_lines": run.audit_lines,
            })
        })
        .collect();
    Ok(std::fs::write(file, serde_json::to_string_pretty(&runs)?)?)
}

fn in_order(runs: &[Run]) -> impl Iterator<Item = Variant> {
    runs.iter().filter(|run| run.round == 1).map(|run| run.variant)
}

fn of<'a>(runs: &'a [Run], name: &str) -> Vec<&'a Run> {
    runs.iter().filter(|run| run.variant.name == name).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|below| sorted.get(below)).copied().unwrap_or(f64::NAN);
    (lower + upper) / 2.0
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

//! The load: how requests are sent, and how many came back.
//!
//! wrk with a generated script that sends the requests of one file in turn, formatted once before the run, so that a
//! request costs the generator one table look-up. Judges nothing.

use crate::Outcome;
use crate::processes::{Running, find_program};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What one proxy is sent, in turn.
pub(crate) struct Requests {
    heads: Vec<String>,
    script: PathBuf,
}

impl Requests {
    /// Requests that differ in one field's value only.
    pub(crate) fn new(
        folder: &Path,
        name: &str,
        head: impl Fn(&str) -> String,
        values: &[String],
    ) -> Outcome<Requests> {
        let heads: Vec<String> = values.iter().map(|value| head(value)).collect();
        let [listed, script] = ["txt", "lua"].map(|extension| folder.join(format!("{name}.{extension}")));
        fs::write(&listed, values.join("\n") + "\n")?;
        let (before, after) = split(&head("\0"));
        fs::write(&script, script_text(&listed, &before, &after))?;
        Ok(Requests { heads, script })
    }

    pub(crate) fn heads(&self) -> &[String] {
        &self.heads
    }
}

/// The counts of one run.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub requests: u64,
    pub seconds: f64,
    /// Answers with a status of 400 and above.
    pub refused: u64,
    /// Connections that failed, and answers that did not come.
    pub failed: u64,
}

pub(crate) struct Generator {
    program: PathBuf,
    core: usize,
    connections: usize,
    log: PathBuf,
}

impl Generator {
    pub(crate) fn new(folder: &Path, core: usize, connections: usize) -> Outcome<Generator> {
        let program =
            find_program("wrk").ok_or("wrk is missing: it is the load generator (Debian: apt-get install wrk)")?;
        Ok(Generator { program, core, connections, log: folder.join("wrk.log") })
    }

    /// Keeps the proxy busy for so many seconds.
    pub(crate) fn run(&self, proxy: SocketAddr, requests: &Requests, seconds: u64) -> Outcome<Sent> {
        let args = [
            "-t1".into(),
            format!("-c{}", self.connections).into(),
            format!("-d{seconds}s").into(),
            "--timeout".into(),
            "10s".into(),
            "-s".into(),
            requests.script.clone().into(),
            format!("http://{proxy}/").into(),
        ];
        let mut running = Running::start("wrk", self.core, &self.program, &args, &self.log)?;
        running.wait_end(Duration::from_secs(seconds + 30))?;
        let output = running.output();
        let counts: Vec<u64> = output
            .lines()
            .find_map(|line| line.strip_prefix("counts "))
            .map(|counts| counts.split(' ').filter_map(|count| count.parse().ok()).collect())
            .unwrap_or_default();
        let &[requests, micros, refused, failed] = counts.as_slice() else {
            return Err(format!("wrk gave no counts:\n{output}").into());
        };
        Ok(Sent { requests, seconds: micros as f64 / 1e6, refused, failed })
    }
}

/// What stands before and after the value in a head.
fn split(head: &str) -> (String, String) {
    let (before, after) = head.split_once('\0').unwrap_or((head, ""));
    (before.to_owned(), after.to_owned())
}

fn script_text(values: &Path, before: &str, after: &str) -> String {
    format!(
        "local requests, count, at = {{}}, 0, 0
function init()
  for value in io.lines({values:?}) do
    count = count + 1
    requests[count] = {before:?} .. value .. {after:?}
  end
  math.randomseed(os.time())
  at = math.random(count)
end
function request()
  at = at % count + 1
  return requests[at]
end
function done(summary)
  local e = summary.errors
  print(string.format('counts %d %d %d %d', summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout))
end\n"
    )
}

//! The comparison: processor time and latency of each proxy.
//!
//! Runs all variants in turn, round after round.
//! The figure to trust on a shared machine is the proxy's own CPU time per request, and its ratio
//! to the control of the same round.

use crate::Outcome;
use crate::load::Generator;
use crate::options::Options;
use crate::processes::{Running, core_busy_us, find_program, pause, watch_interrupts};
use crate::report::{self, Run};
use crate::scene::{Scene, Stand};
use crate::variants::{Carries, variants};
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

const WARM_UP_SECONDS: u64 = 1;
/// So many new tokens a second a gate verifies at the least.
const FIRST_SIGHTS_PER_SECOND: usize = 6_000;

pub(crate) fn compare(options: &Options) -> Outcome<()> {
    watch_interrupts()?;
    let variants = variants(options);
    let scene = Scene::new(options, &variants)?;
    let generator = Generator::new(scene.path(), options.load_core, options.connections)?;
    let _awake = keep_awake(options.load_core, scene.path())?;
    let mut stands = Vec::new();
    for variant in variants {
        if let Some(stand) = scene.stand(variant, None)? {
            stand.check(&scene.upstream)?;
            stand.check_judges()?;
            stands.push(stand);
        }
    }
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for stand in &stands {
            stand.check(&scene.upstream)?;
            let warm_up = if round == 1 { first_warm_up(stand) } else { WARM_UP_SECONDS };
            generator.run(stand.address, &stand.requests, warm_up)?;
            runs.push(measure(options, &scene, &generator, stand, round)?);
        }
    }
    report::print(options, &scene, &runs);
    options.json.as_deref().map_or(Ok(()), |file| report::write_json(file, &runs))
}

/// Something that runs on the load's core whenever nothing else does. A slower proxy lets that core come to rest, and
/// would be charged for waking it with each packet: on a virtual machine as much as for the packet itself. It is still
/// charged for telling the core who is to run: 2 us an answer for pingora refusing, 4.6 us for the gate (perf).
fn keep_awake(core: usize, folder: &Path) -> Outcome<Running> {
    let program = find_program("chrt").ok_or("chrt is missing (Debian: apt-get install util-linux)")?;
    let args = ["--idle", "0", "sh", "-c", "while :; do :; done"].map(OsString::from);
    Running::start("what keeps the core awake", core, &program, &args, &folder.join("awake.log"))
}

/// Long enough for the gate to have seen every token once.
fn first_warm_up(stand: &Stand) -> u64 {
    match stand.variant.carries {
        Carries::VneidTokens(count) => WARM_UP_SECONDS + (count / FIRST_SIGHTS_PER_SECOND) as u64,
        Carries::Nothing | Carries::PasswordToken | Carries::Session => WARM_UP_SECONDS,
    }
}

fn measure(options: &Options, scene: &Scene, generator: &Generator, stand: &Stand, round: usize) -> Outcome<Run> {
    if let Some(audit) = &stand.audit {
        settled_lines(audit)?;
        // written in append mode: an emptied file keeps the disk from filling
        File::options().write(true).open(audit)?.set_len(0)?;
    }
    let (began, core_before, before) = (Instant::now(), core_busy_us(options.proxy_core)?, stand.running.usage()?);
    let (sent, asked) =
        scene.upstream.asked_during(|| generator.run(stand.address, &stand.requests, options.seconds))?;
    let (elapsed, core_after, after) = (began.elapsed(), core_busy_us(options.proxy_core)?, stand.running.usage()?);

    let name = stand.variant.name;
    // one under way and one just begun on each connection when wrk stops counting
    let under_way = 2 * options.connections as u64;
    stand.judge_asked(sent.requests, asked, under_way).map_err(|what| format!("`{name}`: {what}"))?;
    let refused = if stand.variant.is_forwarded() { 0 } else { sent.requests };
    if sent.requests == 0 || sent.failed > 0 || sent.refused != refused {
        let (failed, count) = (sent.failed, sent.requests);
        return Err(format!("`{name}`: of {count} requests {failed} failed and {} were refused", sent.refused).into());
    }
    let (user_us, system_us) = (after.user_us - before.user_us, after.system_us - before.system_us);
    let others_us = core_after - core_before - user_us - system_us;
    let each = |us: f64| us / sent.requests as f64;
    Ok(Run {
        variant: stand.variant,
        round,
        requests: sent.requests,
        user_us: each(user_us),
        system_us: each(system_us),
        requests_per_second: sent.requests as f64 / sent.seconds,
        resident_mib: after.resident_mib,
        others: (others_us / elapsed.as_micros() as f64).max(0.0),
        audit_lines: stand.audit.as_deref().map(settled_lines).transpose()?,
    })
}

/// Lines of the audit log once it stops growing.
fn settled_lines(audit: &Path) -> Outcome<u64> {
    let (mut length, mut changed) = (0, Instant::now());
    while changed.elapsed() < Duration::from_millis(300) {
        let now = std::fs::metadata(audit)?.len();
        if now != length {
            (length, changed) = (now, Instant::now());
        }
        pause()?;
    }
    let log = std::fs::read(audit)?;
    Ok(log.iter().filter(|&&byte| byte == b'\n').count() as u64)
}

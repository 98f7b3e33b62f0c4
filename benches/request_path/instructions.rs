//! Instructions of one request, whatever else the machine does.
//!
//! Each proxy runs under callgrind twice, with different numbers of requests; the difference leaves start-up, first
//! sights and the end out. Counts user space only: what the kernel does for a request is not in the figure.

use crate::client::Connection;
use crate::options::Options;
use crate::processes::{find_program, watch_interrupts};
use crate::scene::{Scene, Under};
use crate::variants::{Program, Variant, variants};
use crate::{Failure, Outcome};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// callgrind counts each byte that `rep movsb` copies as an instruction: let the C library copy by vectors.
const COPY_BY_VECTORS: &str = "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824";
/// Busy at the same time, so that a wake-up serves several requests as under load.
const CONNECTIONS: usize = 32;

pub(crate) fn count(options: &Options) -> Outcome<()> {
    watch_interrupts()?;
    let valgrind = find_program("valgrind").ok_or("valgrind is missing (Debian: apt-get install valgrind)")?;
    let env = find_program("env").ok_or("env is missing")?;
    let counted = |variant: &Variant| matches!(variant.program, Program::Bare(_) | Program::Gate);
    // few enough that the first, shorter run has seen each token
    let fewer = Options { tokens: options.tokens.min(options.requests / 2), ..options.clone() };
    let variants: Vec<Variant> = variants(&fewer).into_iter().filter(counted).collect();
    let scene = Scene::new(&fewer, &variants)?;
    let folder = options.profiles.clone().unwrap_or_else(|| scene.path().to_owned());
    fs::create_dir_all(&folder)?;
    println!("{:<22} {:>22} {:>7}", "", "instructions/request", "x");
    let mut figures: Vec<(&str, f64)> = Vec::new();
    for variant in variants {
        let profile = folder.join(format!("callgrind.{}", variant.name.replace([' ', ','], "-")));
        let args = ["--tool=callgrind".into(), format!("--callgrind-out-file={}", profile.display())];
        let args = [COPY_BY_VECTORS.into(), valgrind.clone().into()].into_iter().chain(args.map(Into::into)).collect();
        let under = Under { program: env.clone(), args };
        let few = run(&scene, variant, &under, &profile, options.requests)?;
        let more = run(&scene, variant, &under, &profile, options.requests * 2)?;
        let each = (more - few) / options.requests as f64;
        figures.push((variant.name, each));
        let control = figures.iter().find(|(name, _)| *name == variant.control).map_or(f64::NAN, |(_, figure)| *figure);
        println!("{:<22} {each:>22.0} {:>7.2}", variant.name, each / control);
    }
    Ok(())
}

/// Instructions of the whole life of a proxy that answers so many requests.
fn run(scene: &Scene, variant: Variant, under: &Under, profile: &Path, requests: usize) -> Outcome<f64> {
    let mut stand = scene.stand(variant, Some(under))?.ok_or("not installed")?;
    stand.check(&scene.upstream)?;
    let heads = stand.requests.heads();
    let share = requests / CONNECTIONS;
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|sender| {
                let address = stand.address;
                scope.spawn(move || {
                    let mut connection = Connection::open(address)?;
                    for head in heads.iter().cycle().skip(sender * share % heads.len()).take(share) {
                        let status = connection.ask(head)?.status;
                        if status != variant.status {
                            return Err(Failure::from(format!("`{}`: answered {status}", variant.name)));
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        senders.into_iter().try_for_each(|sender| sender.join().map_err(|_| "a sender stopped")?)
    })?;
    stand.running.interrupt()?;
    stand.running.wait_end(Duration::from_secs(60))?;
    let written = fs::read_to_string(profile)?;
    let total =
        written.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    Ok(total.ok_or("callgrind wrote no total")?.trim().parse()?)
}

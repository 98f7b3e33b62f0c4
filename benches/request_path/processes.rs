//! Starting, measuring and ending the programs of a comparison.
//!
//! Each runs on the core it is given and dies with its handle, with this process, or when the comparison is
//! interrupted. Knows nothing of what a program is for.

use crate::{Failure, Outcome};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Set by Ctrl-C and SIGTERM; every wait ends when it is set.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The kernel counts a process's time in hundredths of a second (USER_HZ).
const TICK_MICROS: f64 = 10_000.0;
const PORT_MIN: u16 = 20_000;
const PORTS: u16 = 12_000;

/// What a program has used so far.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// Time of all its threads in user space and in the kernel, microseconds.
    pub user_us: f64,
    pub system_us: f64,
    pub resident_mib: f64,
}

/// A started program; dropping it ends it.
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `program` on one core, with its output in `log`.
    pub(crate) fn start(name: &str, core: usize, program: &Path, args: &[OsString], log: &Path) -> Outcome<Running> {
        let output = File::create(log)?;
        let child = pinned(core, program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Running { name: name.to_owned(), child, log: log.to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program accepts connections.
    pub(crate) fn wait_listening(&mut self, address: SocketAddr, limit: Duration) -> Outcome<()> {
        self.wait_until("listen", limit, || TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok())
    }

    /// Waits until the program is seen to do what it should.
    pub(crate) fn wait_until(&mut self, doing: &str, limit: Duration, seen: impl Fn() -> bool) -> Outcome<()> {
        let began = Instant::now();
        while !seen() {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended with {status}")));
            }
            if began.elapsed() > limit {
                return Err(self.failure(&format!("did not {doing} within {limit:?}")));
            }
            pause()?;
        }
        Ok(())
    }

    /// Waits for the program to end by itself.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > limit {
                return Err(self.failure(&format!("did not end within {limit:?}")));
            }
            pause()?;
        }
    }

    /// Asks the program to stop at once (SIGINT), as Ctrl-C would.
    pub(crate) fn interrupt(&self) -> Outcome<()> {
        Command::new("kill").arg("-INT").arg(self.id().to_string()).status()?;
        Ok(())
    }

    pub(crate) fn usage(&self) -> Outcome<Usage> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()))?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        // the name in the second field may hold spaces: count behind its bracket
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace().skip(11));
        let mut times = fields.ok_or("/proc/PID/stat has another form")?.filter_map(|field| field.parse::<f64>().ok());
        let (Some(user), Some(system)) = (times.next(), times.next()) else {
            return Err("/proc/PID/stat has another form".into());
        };
        let resident_kib: f64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .ok_or("/proc/PID/status has another form")?;
        Ok(Usage { user_us: user * TICK_MICROS, system_us: system * TICK_MICROS, resident_mib: resident_kib / 1024.0 })
    }

    /// What the program has written so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn failure(&self, what: &str) -> Failure {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n  ");
        format!("{} {what}\n  {tail}", self.name).into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// From now on Ctrl-C and SIGTERM end every wait with an error, so that all programs are ended on the way out.
pub(crate) fn watch_interrupts() -> Outcome<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// A short wait between two looks at something.
pub(crate) fn pause() -> Outcome<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err("interrupted".into());
    }
    std::thread::sleep(Duration::from_millis(5));
    Ok(())
}

/// The program of that name, looked for as a login shell of root would.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// An address on the loopback that nothing listens on now. Below the range that outgoing connections take their ports
/// from (ip(7)), where a wait for a listener could connect to itself.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    static OFFSET: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let nth = std::process::id() + OFFSET.fetch_add(1, Ordering::Relaxed);
        let port = PORT_MIN + u16::try_from(nth % u32::from(PORTS))?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    Err("no port is free".into())
}

/// Busy time of a core since boot by all programs, microseconds.
pub(crate) fn core_busy_us(core: usize) -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{core}");
    let fields: Vec<f64> = stat
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut fields| {
            (fields.next()? == name).then(|| fields.filter_map(|field| field.parse().ok()).collect())
        })
        .ok_or_else(|| format!("there is no core {core}"))?;
    // user nice system idle iowait irq softirq steal: all but the idle two
    let busy: f64 =
        fields.iter().take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks).sum();
    Ok(busy * TICK_MICROS)
}

/// `setpriv` ends the program with this process, whatever happens to it; `taskset` keeps it on its core.
fn pinned(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "--cpu-list", &core.to_string()]).arg(program);
    command
}

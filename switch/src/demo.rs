//! `trunkline demo`: two scripted PBXes talk through the real switch, which runs as a child process of this one.
//!
//! It needs no files: it writes the switch's into a directory of its own and removes them. It takes free ports of the
//! loopback address, never 4569.

mod child;
mod placement;
mod view;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bench::{Outcome, Pair, Scenario, SwitchFiles};
use signal_hook::consts::{SIGINT, SIGTERM};

use child::Child;
use placement::{CpuSet, Placement};
use view::View;

/// What the command line says about the demo.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// How many calls talk at the same time.
    #[arg(long, value_name = "N", default_value_t = 1000,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(bench::CALLS_MAX)))]
    pub(crate) calls: u32,
    /// Confine the switch to this CPU, and the PBXes to the others.
    #[arg(long, value_name = "CPU")]
    pub(crate) pin: Option<usize>,
    /// How long all calls talk, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) talk: u32,
}

/// Runs the demo. Success only if every call came up and ended, and nothing of its voice was lost or altered.
pub(crate) fn run(options: &Options) -> ExitCode {
    match demonstrate(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("trunkline demo: {}", error.0.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// Why there was no demo, in one line (or more, if the switch itself said more).
struct Error(String);

/// Names what was tried when the system refused it.
fn doing(what: &str) -> impl Fn(io::Error) -> Error {
    move |error| Error(format!("{what}: {error}"))
}

fn demonstrate(options: &Options) -> Result<bool, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(doing("signals"))?;
    }
    let all = CpuSet::of_this_thread().map_err(doing("reading the CPUs this process may use"))?;
    let placement = Placement::new(all, options.pin).map_err(Error)?;

    let mut pair = Pair::bind(LOCALHOST).map_err(doing("binding the PBXes' sockets"))?;
    let switch = free_address().map_err(doing("looking for a free port"))?;
    let scenario = Scenario {
        talk: Duration::from_secs(options.talk.into()),
        ..Scenario::through(switch, options.calls)
    };
    let files = SwitchFiles::new(switch, &pair, &scenario);
    let mut child = Child::start(&files, &placement).map_err(doing("starting the switch"))?;
    await_switch(&mut pair, &scenario, &mut child, &stop)?;

    let mut view = View::new(&scenario, options.pin);
    let mut told = Ok(());
    let outcome = pair.run(&scenario, |snapshot| {
        told = view.show(&mut io::stdout().lock(), snapshot, child.cpu_time());
        match told {
            Ok(()) if !stop.load(Ordering::Relaxed) => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    let outcome = outcome.map_err(doing("the PBXes' sockets"))?;
    let died = child.exited();
    let ended = child.end();
    told.map_err(doing("writing to standard output"))?;
    conclude(&view, &outcome, died.or(ended.err()), &child)
}

/// Prints the summary, and what went wrong behind it.
fn conclude(
    view: &View,
    outcome: &Outcome,
    switch_failed: Option<String>,
    child: &Child,
) -> Result<bool, Error> {
    let mut out = io::stdout().lock();
    view.summarise(&mut out, outcome, switch_failed.as_deref())
        .map_err(doing("writing to standard output"))?;
    out.flush().map_err(doing("writing to standard output"))?;
    if let Some(failure) = outcome.failures.first() {
        eprintln!("trunkline demo: {failure}");
    }
    if let Some(how) = &switch_failed {
        eprintln!("trunkline demo: the switch {how}");
    }
    if !outcome.failures.is_empty() || switch_failed.is_some() {
        eprint!("{}", child.last_words());
    }
    Ok(outcome.passed() && switch_failed.is_none())
}

/// Waits until the switch answers a POKE, which is when its socket is bound and control runs.
fn await_switch(
    pair: &mut Pair,
    scenario: &Scenario,
    child: &mut Child,
    stop: &AtomicBool,
) -> Result<(), Error> {
    for _ in 0..START_PATIENCE_MS / START_LOOK_MS {
        let look = Duration::from_millis(START_LOOK_MS);
        if pair.reaches(scenario, look).map_err(doing("the PBXes' sockets"))? {
            return Ok(());
        }
        if let Some(how) = child.exited() {
            return Err(Error(format!("the switch {how}\n{}", child.last_words())));
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Error("interrupted".to_owned()));
        }
    }
    Err(Error(format!(
        "the switch does not answer at {} within {} s\n{}",
        scenario.caller_far,
        START_PATIENCE_MS / 1000,
        child.last_words()
    )))
}

/// A port that is free now. The switch binds it a moment later; that another process takes it in between would show
/// as a switch that refuses to start.
fn free_address() -> io::Result<SocketAddr> {
    loop {
        let address = UdpSocket::bind((LOCALHOST, 0))?.local_addr()?;
        if address.port() != IAX_PORT {
            return Ok(address);
        }
    }
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where a real switch may be at work.
const IAX_PORT: u16 = 4569;
const START_PATIENCE_MS: u64 = 5000;
const START_LOOK_MS: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_for_the_switch_are_read_without_a_word() {
        let pair = Pair::bind(LOCALHOST).unwrap();
        let switch = free_address().unwrap();
        let files = SwitchFiles::new(switch, &pair, &Scenario::through(switch, 1000));
        let mut sources = control::conf::Sources::new();
        sources.add("iax.conf", files.iax);
        sources.add("extensions.conf", files.extensions);
        sources.add("trunkline.conf", files.trunkline);
        let (config, told) = control::conf::parse(&sources);
        assert!(config.is_some() && told.is_empty(), "{told:#?}");
        let (_, told) = control::dialplan::Dialplan::parse(&sources, &["from-pbx-a"], &|peer| {
            ["pbx-a", "pbx-b"].contains(&peer)
        });
        assert!(told.is_empty(), "{told:#?}");
    }
}

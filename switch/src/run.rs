//! `trunkline run`: from the configuration to the operator's signal.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use control::conf::{Config, IoBackend};
use tuning::host_check::{self, Host};
use tuning::limits::{Asked, Limits};
use tuning::placement::{self, CpusGiven, Placement};

use crate::clock::Clock;
use crate::config::{self, Parsed};
use crate::control_loop::Ended;
use crate::render::{self, Style};
use crate::{FAILED, REFUSED, core_thread, launch, log};

/// Runs the switch on the configuration in `dir`, until the operator ends it.
pub(crate) fn run(dir: &Path) -> ExitCode {
    let clock = Clock::start();
    end_with_any_thread();
    let loaded = config::load(dir);
    let stderr = io::stderr();
    loaded.report(&mut stderr.lock(), Style::of(&stderr));
    // Where standard error is closed there is nobody to tell: the exit status says it all.
    let Some(parsed) = loaded.accepted() else {
        let _ = writeln!(io::stderr(), "{}: not started", render::summary(&loaded.diagnostics));
        return ExitCode::from(REFUSED);
    };
    match serve(clock, parsed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "error: {why}");
            ExitCode::from(FAILED)
        }
    }
}

/// A thread that panics ends the process: half a switch would hold calls that nobody carries. Release builds do so
/// anyway.
fn end_with_any_thread() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panicked| {
        say(panicked);
        std::process::abort();
    }));
}

fn serve(clock: Clock, parsed: &Parsed) -> Result<(), String> {
    let config = &parsed.config;
    let given = CpusGiven::read().map_err(|error| format!("which CPUs are ours? {error}"))?;
    let placement = Placement::of(&given, config.dataplane.cores);
    if let Some(cpu) = placement.control {
        // Helpers inherit it, and cores pin themselves.
        placement::pin_current_thread(cpu).map_err(|error| error.to_string())?;
    }
    let log = log::start(&config.log)?;
    check_placement(&placement, config.dataplane.cores);
    check_host(&placement, config)?;
    say_keys(parsed);
    let (mut control, mut cores) =
        launch::launch(clock, &placement, config.clone(), parsed.plan.clone())?;
    let ended = control.run();
    cores.stop();
    if ended == Ended::TimedOut {
        tracing::warn!("some calls or registrations were left unanswered by their peers");
    }
    tracing::info!("stopped: {}", cores.totals(&control.control.stats(), control.refusals.total()));
    drop(log);
    Ok(())
}

fn check_placement(placement: &Placement, asked: Option<u8>) {
    let cores = placement.cores.len();
    if let Some(asked) = asked.filter(|&asked| usize::from(asked) > cores) {
        tracing::warn!("{asked} cores are asked for, the CPUs given make {cores}");
    }
}

/// Says which keys there are, if any.
fn say_keys(parsed: &Parsed) {
    let (public, private) = parsed.keys.count();
    if public + private > 0 {
        tracing::info!("RSA keys: {public} public, {private} private");
    }
}

/// Says what the host lacks; an error is what the switch cannot run without.
fn check_host(placement: &Placement, config: &Config) -> Result<(), String> {
    let conf = &config.dataplane;
    let asked = Asked {
        cores: placement.cores.len(),
        sockets: config.general.binds.len(),
        legs_max: conf.legs_max,
        peers_max: conf.peers_max,
        big_peers: core_thread::big_peers(conf),
        command_ring: conf.command_ring,
        punt_ring_octets: conf.punt_ring_octets,
        receive_buffers: conf.receive_buffers,
        send_buffers: conf.send_buffers,
        socket_buffer: conf.socket_buffer,
    };
    let limits = Limits::derive(&asked, &core_thread::item_sizes());
    for finding in host_check::findings(&Host::read(), &limits, conf.io != IoBackend::Mmsg) {
        let words = format!("{}; what helps: {}", finding.what, finding.help);
        if finding.is_fatal {
            return Err(words);
        }
        tracing::warn!("{words}");
    }
    Ok(())
}

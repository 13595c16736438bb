//! From limits to rings to pinned threads; after it no core allocates.

use std::sync::Arc;

use control::conf::{Config, DataplaneConf};
use control::dialplan::Dialplan;
use control::keys::KeyRing;
use control::{Control, Setup};
use dataplane::handoff::RelayCells;
use dataplane::net::{SocketReport, SocketSettings, Sockets};
use dataplane::time::Instant;
use tuning::placement::{self, Placement};

use crate::arithmetic::Arithmetic;
use crate::clock::{self, Clock};
use crate::control_loop::ControlLoop;
use crate::cores::{Cores, Shared};
use crate::inbox::Inbox;
use crate::refusals::Refusals;
use crate::resolver::{Families, Resolver};
use crate::{seed, signals};

/// Starts everything and says in the log that it is ready: control's loop, to be run, and the cores, to be stopped
/// after it. An error is in words.
pub(crate) fn launch(
    clock: Clock,
    placement: &Placement,
    config: Arc<Config>,
    plan: Arc<Dialplan>,
    keys: Arc<KeyRing>,
) -> Result<(ControlLoop, Cores), String> {
    let (inbox, events, bell) = Inbox::open().map_err(|error| format!("no doorbell: {error}"))?;
    signals::listen(inbox.clone()).map_err(|error| format!("cannot hear signals: {error}"))?;
    let resolver = Resolver::start(Families::of(&config.general.binds), &inbox)
        .map_err(|error| format!("cannot start the resolver: {error}"))?;
    let arithmetic = Arithmetic::start(&inbox)
        .map_err(|error| format!("cannot start the thread that signs: {error}"))?;
    let sockets = open_sockets(placement, &config)?;
    let cells = Arc::new(RelayCells::new(config.dataplane.legs_max));
    let shared = Shared { clock, conf: &config.dataplane, cells: &cells, control_bell: &bell };
    let started = Cores::start(placement, sockets.cores, &shared)?;
    let control = Control::new(Setup {
        config: config.clone(),
        plan,
        keys,
        cells,
        cores: cores_count(placement)?,
        seed: seed::octets()?,
        now: clock.now(),
        unix_seconds: clock::unix_seconds(),
    });
    let ready = ready_line(placement, &sockets.reports, &started.backend, &config.dataplane);
    tracing::info!("{ready}, in {} ms", clock.now().millis_since(Instant::ZERO));
    let control_loop = ControlLoop {
        control,
        clock,
        links: started.links,
        sender: sockets.control,
        resolver,
        arithmetic,
        events,
        bell,
        refusals: Refusals::default(),
    };
    Ok((control_loop, started.cores))
}

fn cores_count(placement: &Placement) -> Result<u8, String> {
    u8::try_from(placement.cores.len()).map_err(|_| "more than 255 cores".to_owned())
}

fn open_sockets(placement: &Placement, config: &Config) -> Result<Sockets, String> {
    let buffer = config.dataplane.socket_buffer as usize;
    let settings = SocketSettings {
        receive_buffer: buffer,
        send_buffer: buffer,
        tos: config.general.tos,
        priority: config.general.cos,
    };
    let sockets = Sockets::open(&config.general.binds, cores_count(placement)?, &settings)
        .map_err(|error| error.to_string())?;
    for report in &sockets.reports {
        tell(report);
    }
    Ok(sockets)
}

/// Logs what of a socket is not as asked; too small buffers are told by the host's check, with the command that
/// helps.
fn tell(report: &SocketReport) {
    let local = report.local;
    if let Some(error) = &report.priority_refused {
        tracing::warn!("udp {local}: cos is without effect: {error}");
    }
    if !report.merges || !report.segments {
        tracing::warn!("udp {local}: this kernel cannot merge datagrams: each costs a full trip");
    }
}

/// `ready: listening on 0.0.0.0:4569, 2 cores (CPUs 1-2, io_uring), control on CPU 0, at most 8192 legs`
fn ready_line(
    placement: &Placement,
    reports: &[SocketReport],
    backend: &str,
    conf: &DataplaneConf,
) -> String {
    let addresses: Vec<_> = reports.iter().map(|report| report.local.to_string()).collect();
    let addresses = addresses.join(" and ");
    let cores = match placement.cores.as_slice() {
        [cpu] => format!("1 core (CPU {cpu}, {backend})"),
        cpus => format!("{} cores (CPUs {}, {backend})", cpus.len(), placement::list(cpus)),
    };
    let control = match placement.control {
        Some(cpu) => format!(", control on CPU {cpu}"),
        None => " shared with control".to_owned(),
    };
    format!("ready: listening on {addresses}, {cores}{control}, at most {} legs", conf.legs_max)
}

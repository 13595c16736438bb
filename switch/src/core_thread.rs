//! One core's thread: pinned to its CPU, and asleep in the kernel whenever there is nothing to do.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use control::conf::DataplaneConf;
use crossbeam::channel::Sender;
use dataplane::core_loop::{Core, CoreLimits, CoreLinks};
use dataplane::handoff::{Command, RelayCell};
use dataplane::net::{AnyIo, CoreSockets, Doorbell, IoChoice};
use tuning::limits::ItemSizes;
use tuning::placement;

use crate::clock::Clock;

/// What a core is made of. All of it moves to the core's thread.
pub(crate) struct Parts {
    pub(crate) cpu: usize,
    pub(crate) io: IoChoice,
    pub(crate) sockets: CoreSockets,
    /// What the core sleeps on.
    pub(crate) bell: Doorbell,
    /// What control sleeps on.
    pub(crate) control_bell: Doorbell,
    pub(crate) limits: CoreLimits,
    /// Buffers of 64 KiB that io_uring receives into.
    pub(crate) receive_buffers: u16,
    pub(crate) links: CoreLinks,
    /// Random.
    pub(crate) seed: [u8; 32],
    pub(crate) clock: Clock,
    /// Set to end the thread at its next wake.
    pub(crate) stop: Arc<AtomicBool>,
}

/// A core that is about to hear its first datagram.
#[derive(Debug)]
pub(crate) struct Ready {
    /// "io_uring" or "mmsg".
    pub(crate) backend: &'static str,
    /// Why that one, in words.
    pub(crate) reason: String,
}

/// Starts core `index`; `report` hears once that it is ready, or in words why it is not.
pub(crate) fn start(
    index: usize,
    parts: Parts,
    report: Sender<Result<Ready, String>>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("core-{index}")).spawn(move || {
        let (clock, stop) = (parts.clock, parts.stop.clone());
        // Nobody hears the report if another core has failed: then the process is about to end.
        match open(parts) {
            Ok((core, ready)) => {
                let _ = report.send(Ok(ready));
                drop(report);
                work(core, clock, &stop);
            }
            Err(refusal) => drop(report.send(Err(format!("core {index}: {refusal}")))),
        }
    })
}

/// Bounds of one core that follow from the configuration.
pub(crate) fn limits(conf: &DataplaneConf) -> CoreLimits {
    CoreLimits {
        legs_max: conf.legs_max,
        peers_max: conf.peers_max,
        big_peers: big_peers(conf),
        send_buffers: conf.send_buffers.into(),
        commands_per_step: COMMANDS_PER_STEP,
    }
}

/// Peers whose calls a core finds through an array: those with more than 64, so no more than that many can exist.
pub(crate) fn big_peers(conf: &DataplaneConf) -> u32 {
    (conf.legs_max / 64).clamp(1, BIG_PEERS_MAX).min(conf.peers_max)
}

/// Octets of what a core is made of, as [`CoreLimits`] tells them.
pub(crate) fn item_sizes() -> ItemSizes {
    ItemSizes {
        command: size_of::<Command>(),
        relay: 64 + 32,
        relay_cell: size_of::<RelayCell>(),
        peer: 450,
        big_peer: 128 * 1024,
    }
}

/// 32 MiB of arrays at most.
const BIG_PEERS_MAX: u32 = 256;

/// Between two receive batches; a command costs a microsecond at most.
const COMMANDS_PER_STEP: u32 = 64;

/// On the core's own thread, so that the backend is this thread's and memory is touched first where it is used.
fn open(parts: Parts) -> Result<(Core<AnyIo, impl FnMut()>, Ready), String> {
    placement::pin_current_thread(parts.cpu).map_err(|error| error.to_string())?;
    let opened = AnyIo::open(parts.io, parts.sockets, parts.bell, parts.receive_buffers)
        .map_err(|error| error.to_string())?;
    let backend = match opened.io {
        AnyIo::Uring(_) => "io_uring",
        AnyIo::Mmsg(_) => "mmsg",
    };
    let control_bell = parts.control_bell;
    let ring = move || control_bell.ring();
    let core = Core::new(parts.limits, opened.io, ring, parts.links, parts.seed);
    Ok((core, Ready { backend, reason: opened.reason }))
}

/// Steps until told to stop, one clock reading for each.
fn work(mut core: Core<AnyIo, impl FnMut()>, clock: Clock, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let due = core.step(clock.now());
        core.wait(due);
    }
    core.step(clock.now()); // so that what has arrived by now is counted
}

//! The cores' threads: started pinned, each with its rings; stopped at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use control::Stats;
use control::conf::{DataplaneConf, IoBackend};
use crossbeam::channel::{Receiver, bounded};
use dataplane::core_loop::CoreLinks;
use dataplane::counters::CounterCells;
use dataplane::handoff::RelayCells;
use dataplane::net::{CoreSockets, Doorbell, IoChoice};
use dataplane::punts::punt_ring;
use dataplane::spsc;
use tuning::placement::Placement;

use crate::clock::Clock;
use crate::command_queue::CommandQueue;
use crate::control_loop::CoreLink;
use crate::core_thread::{self, Parts, Ready};
use crate::{seed, totals};

/// How long the cores may take to open their backends and make their tables.
const READY_MAX: Duration = Duration::from_secs(10);

/// What all cores have in common.
pub(crate) struct Shared<'a> {
    pub(crate) clock: Clock,
    pub(crate) conf: &'a DataplaneConf,
    pub(crate) cells: &'a Arc<RelayCells>,
    /// What control sleeps on.
    pub(crate) control_bell: &'a Doorbell,
}

/// Cores at work.
pub(crate) struct Started {
    pub(crate) cores: Cores,
    /// Control's ends of their rings, by core.
    pub(crate) links: Vec<CoreLink>,
    /// Which way octets move: "io_uring", "mmsg".
    pub(crate) backend: String,
}

/// The threads, and what they share with us.
pub(crate) struct Cores {
    threads: Vec<JoinHandle<()>>,
    bells: Vec<Doorbell>,
    counters: Vec<Arc<CounterCells>>,
    stop: Arc<AtomicBool>,
}

impl Cores {
    /// Starts a thread on each CPU placed, and waits until all are ready. An error is in words.
    pub(crate) fn start(
        placement: &Placement,
        sockets: Vec<CoreSockets>,
        shared: &Shared<'_>,
    ) -> Result<Started, String> {
        let mut cores = Self {
            threads: Vec::new(),
            bells: Vec::new(),
            counters: Vec::new(),
            stop: Arc::default(),
        };
        let mut links = Vec::new();
        let (report, reports) = bounded(placement.cores.len());
        for (index, (&cpu, sockets)) in placement.cores.iter().zip(sockets).enumerate() {
            let (parts, link) = cores.wire(cpu, sockets, shared)?;
            let thread = core_thread::start(index, parts, report.clone())
                .map_err(|error| format!("cannot start core {index}: {error}"))?;
            cores.threads.push(thread);
            links.push(link);
        }
        let backend = wait_for(&reports, placement.cores.len())?;
        Ok(Started { cores, links, backend })
    }

    /// What the cores and control counted, as a line for the log.
    pub(crate) fn totals(&self, control: &Stats, sends_refused: u64) -> String {
        totals::line(&self.counters, control, sends_refused)
    }

    /// Ends the threads and waits for them: at most one step each.
    pub(crate) fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bells.iter().for_each(Doorbell::ring);
        for thread in self.threads.drain(..) {
            // A core that panicked has ended the process.
            let _ = thread.join();
        }
    }

    /// Makes a core's rings and hands out both ends.
    fn wire(
        &mut self,
        cpu: usize,
        sockets: CoreSockets,
        shared: &Shared<'_>,
    ) -> Result<(Parts, CoreLink), String> {
        let conf = shared.conf;
        let bell = Doorbell::new().map_err(|error| format!("no doorbell: {error}"))?;
        let counters = Arc::new(CounterCells::new());
        let (commands, command_reader) = spsc::ring(conf.command_ring as usize);
        let (punt_writer, punts) = punt_ring(conf.punt_ring_octets as usize);
        self.bells.push(bell.clone());
        self.counters.push(counters.clone());
        let link = CoreLink { punts, commands: CommandQueue::new(commands, bell.clone()) };
        let links = CoreLinks {
            commands: command_reader,
            punts: punt_writer,
            relay_cells: shared.cells.clone(),
            counter_cells: counters,
        };
        let parts = Parts {
            cpu,
            io: io_choice(conf.io),
            sockets,
            bell,
            control_bell: shared.control_bell.clone(),
            limits: core_thread::limits(conf),
            receive_buffers: conf.receive_buffers,
            links,
            seed: seed::octets()?,
            clock: shared.clock,
            stop: self.stop.clone(),
        };
        Ok((parts, link))
    }
}

/// Until every core is ready; the backend they run on.
fn wait_for(reports: &Receiver<Result<Ready, String>>, cores: usize) -> Result<String, String> {
    let mut backend = "";
    for index in 0..cores {
        let ready = reports
            .recv_timeout(READY_MAX)
            .map_err(|_| format!("a core was not ready within {READY_MAX:?}"))??;
        if index == 0 && ready.reason != ready.backend {
            tracing::info!("{}", ready.reason);
        }
        backend = ready.backend;
    }
    Ok(backend.to_owned())
}

fn io_choice(io: IoBackend) -> IoChoice {
    match io {
        IoBackend::Auto => IoChoice::Auto,
        IoBackend::IoUring => IoChoice::IoUring,
        IoBackend::Mmsg => IoChoice::Mmsg,
    }
}

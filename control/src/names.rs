//! Host names: asked for, answered some time later, asked again; control never waits for one.

use std::net::SocketAddr;
use std::time::Duration;

use dataplane::time::Instant;

use crate::conf::Host;
use crate::engine::{Control, Due};
use crate::output::{LogLevel, Output, Question, Ticket, Topic};

/// Pause after a name could not be resolved.
const RETRY: Duration = Duration::from_secs(30);

/// Whose address a name gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Peer(u32),
    Registrant(u32),
}

/// One name that is resolved now and then.
#[derive(Debug)]
struct Entry {
    asker: Asker,
    name: String,
    port: Option<u16>,
    /// The last look-up failed; said once.
    failing: bool,
}

/// All names, by ticket.
#[derive(Debug)]
pub(crate) struct Names(Vec<Entry>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }
}

impl Control {
    /// Asks for every name of the configuration.
    pub(crate) fn start_names(&mut self) {
        let peers = self
            .config
            .peers
            .iter()
            .enumerate()
            .map(|(n, peer)| (Asker::Peer(n as u32), &peer.host));
        let lines = self.config.registers.iter().enumerate();
        let lines = lines.map(|(n, line)| (Asker::Registrant(n as u32), &line.host));
        let entry = |(asker, host): (Asker, &Host)| match host {
            Host::Name { name, port } => {
                Some(Entry { asker, name: name.clone(), port: *port, failing: false })
            }
            Host::Dynamic | Host::Address(_) => None,
        };
        self.names = Names(peers.chain(lines).filter_map(entry).collect());
        for ticket in 0..self.names.0.len() as u32 {
            self.name_due(Ticket(ticket));
        }
    }

    /// Asks for a name (again). The next time is set by the answer.
    pub(crate) fn name_due(&mut self, ticket: Ticket) {
        let srv = self.config.general.srv_lookup;
        if let Some(entry) = self.names.0.get(ticket.0 as usize).filter(|_| !self.closing) {
            let question = Question { ticket, name: entry.name.clone(), port: entry.port, srv };
            self.outputs.push_back(Output::Resolve(question));
        }
    }

    /// An answer came.
    pub(crate) fn name_resolved(
        &mut self,
        now: Instant,
        ticket: Ticket,
        answer: Result<SocketAddr, String>,
    ) {
        let Some(entry) = self.names.0.get_mut(ticket.0 as usize) else { return };
        let was_failing = std::mem::replace(&mut entry.failing, answer.is_err());
        let (asker, name) = (entry.asker, entry.name.clone());
        let pause = if answer.is_ok() { self.config.general.dns_refresh } else { RETRY };
        self.timers.arm(now + pause, Due::Name(ticket));
        match answer {
            Ok(address) => match asker {
                Asker::Peer(index) => self.peer_found(now, index, address),
                Asker::Registrant(index) => self.registrar_found(now, index, address),
            },
            Err(why) if !was_failing => {
                let text = format!("{name} cannot be resolved: {why}; it is tried every 30 s");
                self.log(LogLevel::Warning, Topic::Names, text);
            }
            Err(_) => {}
        }
    }

    fn peer_found(&mut self, now: Instant, index: u32, address: SocketAddr) {
        let before = self.peers.set_address(index, Some(address));
        if before != Some(address) {
            let name =
                self.peers.get(index).map_or_else(String::new, |peer| peer.config.name.clone());
            self.log(LogLevel::Info, Topic::Names, format!("peer {name} is at {address}"));
            self.probe_anew(now, index);
        }
    }
}

//! What control wants done: everything it cannot do itself, having no socket, core, log or resolver.

use std::net::SocketAddr;

use crate::proof::Job;
use dataplane::handoff::{Command, CoreId, SocketId};

/// One thing to do, in the order given out.
#[expect(
    clippy::large_enum_variant,
    reason = "it is made and consumed in place; a box would cost an allocation each"
)]
#[derive(Debug, Clone)]
pub enum Output {
    /// Send a datagram from a core's socket.
    Send {
        /// Whose socket of the reuseport group; all share the local address.
        core: CoreId,
        /// Which local address.
        local: SocketId,
        /// The receiver.
        remote: SocketAddr,
        /// The datagram.
        octets: Vec<u8>,
    },
    /// Hand a command to a core. Order per core must be kept; a full ring is waited for, never skipped.
    Command {
        /// Which core.
        core: CoreId,
        /// What it shall do.
        command: Command,
    },
    /// Look a host name up, without making control wait.
    Resolve(Question),
    /// Do this arithmetic on a thread that may take its time; [`Control::handle_job`](crate::Control::handle_job)
    /// takes the outcome.
    Work(Job),
    /// Tell the operator.
    Log(LogLine),
}

/// A host name to look up; the answer comes back by `Control::handle_resolved` with the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which question this is.
    pub ticket: Ticket,
    /// The name.
    pub name: String,
    /// The port, if configured; else SRV's or 4569.
    pub port: Option<u16>,
    /// Whether SRV `_iax._udp.name` is to be tried first.
    pub srv: bool,
}

/// Which question an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u32);

/// How urgent a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// For following one call or frame.
    Debug,
    /// What an operator expects to happen.
    Info,
    /// Refused or failed, by somebody's doing.
    Warning,
    /// We could not do what we should.
    Error,
}

/// What a line is about; the log's filter names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A call.
    Call,
    /// Others registering with us.
    Registrar,
    /// Us registering with others.
    Registrant,
    /// A peer's reachability.
    Qualify,
    /// Who may come in.
    Admission,
    /// Host names.
    Names,
}

/// One line for the operator. Octets a peer supplied are escaped in it, and no secret ever is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How urgent.
    pub level: LogLevel,
    /// About what.
    pub topic: Topic,
    /// The line.
    pub text: String,
}

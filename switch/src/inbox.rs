//! What helper threads tell the control thread: a bounded many-to-one queue, and the doorbell that wakes it.

use std::io;
use std::net::SocketAddr;

use control::{JobDone, Ticket};
use crossbeam::channel::{Receiver, Sender, bounded};
use dataplane::net::Doorbell;

/// Something a helper thread has to say.
#[derive(Debug)]
pub(crate) enum Event {
    /// A name was looked up, or could not be.
    Resolved(Ticket, Result<SocketAddr, String>),
    /// Arithmetic was done, or could not be.
    Done(JobDone),
    /// The operator asks for the end, by this signal.
    Stop(&'static str),
}

/// The writing end; each helper has one.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    events: Sender<Event>,
    bell: Doorbell,
}

impl Inbox {
    /// The queue's two ends, and the doorbell that its reader sleeps on.
    pub(crate) fn open() -> io::Result<(Self, Receiver<Event>, Doorbell)> {
        let bell = Doorbell::new()?;
        let (events, queue) = bounded(EVENTS_MAX);
        Ok((Self { events, bell: bell.clone() }, queue, bell))
    }

    /// Tells the control thread. Waits while the queue is at its bound; false: nobody reads any more.
    pub(crate) fn post(&self, event: Event) -> bool {
        let sent = self.events.send(event).is_ok();
        self.bell.ring();
        sent
    }
}

/// Events on their way.
const EVENTS_MAX: usize = 1024;

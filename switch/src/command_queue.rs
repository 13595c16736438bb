//! Commands on their way to one core: in order, none ever dropped, a bounded number waiting.

use std::collections::VecDeque;
use std::time::Duration;

use dataplane::handoff::Command;
use dataplane::net::Doorbell;
use dataplane::spsc::Producer;

/// Commands that may wait for room in the ring; some 1.5 KiB each.
const WAITING_MAX: usize = 4096;

/// How often a core that is behind is looked at again: it rings nobody when it makes room.
pub(crate) const ROOM_POLL: Duration = Duration::from_millis(1);

/// The control thread's end of a core's command ring.
pub(crate) struct CommandQueue {
    ring: Producer<Command>,
    waiting: VecDeque<Command>,
    bell: Doorbell,
}

impl CommandQueue {
    /// Over the ring to a core that sleeps on `bell`.
    pub(crate) fn new(ring: Producer<Command>, bell: Doorbell) -> Self {
        Self { ring, waiting: VecDeque::new(), bell }
    }

    /// Takes a command; the core sees it after [`CommandQueue::flush`]. False: as many wait as may, so let the core
    /// catch up before the next.
    #[must_use = "past the bound, wait for the core"]
    pub(crate) fn push(&mut self, command: Command) -> bool {
        if !self.waiting.is_empty() {
            self.waiting.push_back(command);
        } else if let Err(command) = self.ring.push(command) {
            self.waiting.push_back(command);
        }
        self.waiting.len() < WAITING_MAX
    }

    /// Shows the core what there is room for, and wakes it if it sleeps.
    pub(crate) fn flush(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Err(command) = self.ring.push(command) {
                self.waiting.push_front(command);
                break;
            }
        }
        if self.ring.publish() {
            self.bell.ring();
        }
    }

    /// Whether commands wait for room.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use dataplane::handoff::RelayId;
    use dataplane::spsc::ring;

    use super::*;

    #[test]
    fn a_full_ring_is_waited_for_and_the_order_kept() {
        let (producer, mut core) = ring(4);
        let mut queue = CommandQueue::new(producer, Doorbell::new().unwrap());
        let sent: Vec<_> = (0..20).map(|relay| Command::Remove(RelayId(relay))).collect();
        assert!(sent.iter().all(|command| queue.push(command.clone())));
        let mut heard = Vec::new();
        while heard.len() < sent.len() {
            queue.flush();
            assert_eq!(queue.is_behind(), heard.len() + 4 < sent.len());
            heard.extend(core.pop());
        }
        assert_eq!(heard, sent);
        assert!(core.pop().is_none());
    }

    #[test]
    fn it_tells_when_its_bound_is_reached() {
        let (producer, _core) = ring(1);
        let mut queue = CommandQueue::new(producer, Doorbell::new().unwrap());
        let taken = (0..).take_while(|&relay| queue.push(Command::Owe(RelayId(relay)))).count();
        assert_eq!(taken, WAITING_MAX);
    }

    #[test]
    fn a_sleeping_core_is_rung() {
        let (producer, mut core) = ring(4);
        let bell = Doorbell::new().unwrap();
        let mut queue = CommandQueue::new(producer, bell.clone());
        assert!(core.may_sleep());
        assert!(queue.push(Command::Owe(RelayId(1))));
        queue.flush();
        let begun = std::time::Instant::now();
        bell.wait(Some(Duration::from_secs(20)));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

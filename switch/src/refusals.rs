//! Datagrams of control's that the kernel did not take: all counted, some told.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::handoff::SocketId;
use dataplane::time::Instant;

/// At most one line in this time.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// The count, and what there is to tell of it.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    total: u64,
    untold: u64,
    last: String,
    told_at: Option<Instant>,
}

impl Refusals {
    /// A datagram was refused. Its frame is sent again by its own timer, if it matters.
    pub(crate) fn count(&mut self, local: SocketId, remote: SocketAddr, error: &io::Error) {
        self.total += 1;
        self.untold += 1;
        self.last = format!("the last to {remote} from local address {}: {error}", local.0);
    }

    /// What there is to tell, unless a line has just gone.
    pub(crate) fn line(&mut self, now: Instant) -> Option<String> {
        let told_lately = self.told_at.is_some_and(|told| now.since(told) < TELL_INTERVAL);
        if self.untold == 0 || told_lately {
            return None;
        }
        let line = format!("{} datagrams of signalling were refused, {}", self.untold, self.last);
        self.told_at = Some(now);
        self.untold = 0;
        Some(line)
    }

    /// Datagrams refused since the start.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_make_one_line() {
        let mut refusals = Refusals::default();
        let second = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let error = io::Error::from(io::ErrorKind::WouldBlock);
        let remote = SocketAddr::from(([127, 0, 0, 1], 4569));
        assert_eq!(refusals.line(second(1)), None);
        refusals.count(SocketId(0), remote, &error);
        let first = refusals.line(second(2)).unwrap();
        let words = "1 datagrams of signalling were refused, the last to 127.0.0.1:4569 from ";
        assert!(first.starts_with(words), "{first}");
        (0..3).for_each(|_| refusals.count(SocketId(0), remote, &error));
        assert_eq!(refusals.line(second(11)), None);
        assert!(refusals.line(second(12)).unwrap().starts_with("3 datagrams"));
        assert_eq!((refusals.line(second(30)), refusals.total()), (None, 4));
    }
}

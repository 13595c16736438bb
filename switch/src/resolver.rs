//! Looks host names up on threads of its own: the system's resolver may block for seconds.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use control::{Question, Ticket};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::inbox::{Event, Inbox};

/// Port of a peer that names none.
const PORT_DEFAULT: u16 = 4569;

/// Threads: one name that nobody answers for does not hold up the others.
const THREADS: usize = 2;

/// Questions on their way.
const QUESTIONS_MAX: usize = 4096;

/// Which addresses can be reached from the sockets bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    /// Those of the addresses bound.
    pub(crate) fn of(binds: &[SocketAddr]) -> Self {
        Self {
            v4: binds.iter().any(SocketAddr::is_ipv4),
            v6: binds.iter().any(SocketAddr::is_ipv6),
        }
    }

    fn cover(self, address: &SocketAddr) -> bool {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// Where questions go.
#[derive(Debug)]
pub(crate) struct Resolver {
    questions: Sender<Question>,
}

impl Resolver {
    /// Starts the threads; answers come to `inbox` as [`Event::Resolved`]. They end with the resolver.
    pub(crate) fn start(families: Families, inbox: &Inbox) -> io::Result<Self> {
        let (questions, queue) = bounded(QUESTIONS_MAX);
        for _ in 0..THREADS {
            let (queue, inbox) = (queue.clone(), inbox.clone());
            std::thread::Builder::new()
                .name("resolver".to_owned())
                .spawn(move || answer_all(&queue, families, &inbox))?;
        }
        Ok(Self { questions })
    }

    /// Takes a question without waiting. An error is its ticket and the reason in words, to be answered by the caller.
    pub(crate) fn ask(&self, question: Question) -> Result<(), (Ticket, String)> {
        self.questions.try_send(question).map_err(|refused| match refused {
            TrySendError::Full(question) => {
                (question.ticket, "too many names are being looked up".to_owned())
            }
            TrySendError::Disconnected(question) => {
                (question.ticket, "the resolver has ended".to_owned())
            }
        })
    }
}

fn answer_all(queue: &Receiver<Question>, families: Families, inbox: &Inbox) {
    for question in queue {
        let answer = look_up(&question, families);
        if !inbox.post(Event::Resolved(question.ticket, answer)) {
            return;
        }
    }
}

/// The first address the system's resolver prefers among those that can be reached.
fn look_up(question: &Question, families: Families) -> Result<SocketAddr, String> {
    let port = question.port.unwrap_or(PORT_DEFAULT);
    let found =
        (question.name.as_str(), port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut others = 0;
    for address in found {
        if families.cover(&address) {
            return Ok(address);
        }
        others += 1;
    }
    Err(match others {
        0 => "it has no address".to_owned(),
        _ if families.v6 => "it has only IPv4 addresses, and only IPv6 ones are bound".to_owned(),
        _ => "it has only IPv6 addresses, and only IPv4 ones are bound".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn question(name: &str, port: Option<u16>) -> Question {
        Question { ticket: Ticket(7), name: name.to_owned(), port, srv: false }
    }

    #[test]
    fn an_address_of_a_family_that_is_bound_is_taken() {
        let v4 = Families::of(&["0.0.0.0:4569".parse().unwrap()]);
        let v6 = Families::of(&["[::]:4569".parse().unwrap()]);
        let answer = |name, port, families| look_up(&question(name, port), families);
        assert_eq!(answer("127.0.0.9", None, v4), Ok("127.0.0.9:4569".parse().unwrap()));
        assert_eq!(answer("::1", Some(5), v6), Ok("[::1]:5".parse().unwrap()));
        let refused = "it has only IPv4 addresses, and only IPv6 ones are bound";
        assert_eq!(answer("127.0.0.9", None, v6), Err(refused.to_owned()));
        let refused = "it has only IPv6 addresses, and only IPv4 ones are bound";
        assert_eq!(answer("::1", None, v4), Err(refused.to_owned()));
    }

    #[test]
    fn answers_come_to_the_inbox_with_their_ticket() {
        let (inbox, events, _bell) = Inbox::open().unwrap();
        let families = Families { v4: true, v6: true };
        let resolver = Resolver::start(families, &inbox).unwrap();
        resolver.ask(question("127.0.0.1", Some(9))).unwrap();
        let event = events.recv_timeout(Duration::from_secs(20)).unwrap();
        let expected: SocketAddr = "127.0.0.1:9".parse().unwrap();
        match event {
            Event::Resolved(Ticket(7), Ok(address)) => assert_eq!(address, expected),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn past_the_bound_a_question_is_given_back() {
        let (questions, _queue) = bounded(1);
        let resolver = Resolver { questions };
        assert_eq!(resolver.ask(question("a", None)), Ok(()));
        let (ticket, why) = resolver.ask(question("b", None)).unwrap_err();
        assert_eq!((ticket, why.as_str()), (Ticket(7), "too many names are being looked up"));
    }
}

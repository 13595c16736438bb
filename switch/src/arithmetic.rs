//! Signs and verifies on a thread of its own: a signature takes a millisecond, which control does not have.

use std::io;

use control::{Job, JobDone};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};

use crate::inbox::{Event, Inbox};
use crate::seed;

/// Jobs on their way: a burst of registrations from as many peers.
const JOBS_MAX: usize = 16_384;

/// Where jobs go.
#[derive(Debug)]
pub(crate) struct Arithmetic {
    jobs: Sender<Job>,
}

impl Arithmetic {
    /// Starts the thread; outcomes come to `inbox` as [`Event::Done`]. It ends with this.
    pub(crate) fn start(inbox: &Inbox) -> io::Result<Self> {
        let (jobs, queue) = bounded(JOBS_MAX);
        let inbox = inbox.clone();
        std::thread::Builder::new()
            .name("arithmetic".to_owned())
            .spawn(move || do_all(&queue, &inbox))?;
        Ok(Self { jobs })
    }

    /// Takes a job without waiting. An error is its outcome: there are too many.
    pub(crate) fn take(&self, job: Job) -> Result<(), JobDone> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job.refused(),
        })
    }
}

fn do_all(queue: &Receiver<Job>, inbox: &Inbox) {
    for job in queue {
        let done = match seed::random() {
            Ok(mut random) => job.run(&mut random),
            Err(_) => job.refused(),
        };
        if !inbox.post(Event::Done(done)) {
            return;
        }
    }
}

//! The operator's signals, heard on a thread that sleeps until one comes.

use std::io::{self, Write};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::inbox::{Event, Inbox};

/// Listens from now on: SIGTERM and SIGINT ask the control thread for the end, and a second one ends the process at
/// once with status 1; SIGHUP is answered with a warning.
pub(crate) fn listen(inbox: Inbox) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut is_stopping = false;
        for signal in &mut signals {
            match signal {
                SIGHUP => {
                    tracing::warn!("reload is not supported yet; restart to apply changes");
                }
                _ if is_stopping => end_at_once(),
                _ => {
                    is_stopping = true;
                    let name = if signal == SIGTERM { "SIGTERM" } else { "SIGINT" };
                    inbox.post(Event::Stop(name));
                }
            }
        }
    })?;
    Ok(())
}

/// Without hanging up what is left.
fn end_at_once() -> ! {
    // Not through the log: its thread may be what does not come to an end.
    let _ = writeln!(io::stderr(), "second signal: ending at once");
    std::process::exit(1)
}

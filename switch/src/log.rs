//! The log: lines on standard error, for people or as JSON.
//!
//! A thread of its own writes them, so that a terminal or pipe that stalls never stalls the control plane; past a
//! bound lines are lost, and their number is told.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use control::conf::{LogConf, LogFormat};
use control::{LogLevel, LogLine, Topic};
use crossbeam::channel::{Receiver, Sender, bounded};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The variable of the environment that overrides `filter` of `[log]`.
const VARIABLE: &str = "TRUNKLINE_LOG";

/// Levels by part where nothing is said.
const FILTER_DEFAULT: &str = "info";

/// Lines on their way to standard error.
const LINES_MAX: usize = 8192;

/// How long the last lines may take.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Checks the syntax of a filter; empty: the default. An error is in words.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    self::filter(filter).map(drop)
}

/// Starts the log of this process; lines until then go nowhere. Keep the guard to the end: dropping it waits a moment
/// for the last lines. An error is in words.
pub(crate) fn start(conf: &LogConf) -> Result<LogGuard, String> {
    let filter = match std::env::var(VARIABLE) {
        Ok(asked) => filter(&asked).map_err(|error| format!("{VARIABLE}: {error}"))?,
        Err(_) => filter(&conf.filter)?,
    };
    let (lines, queue) = bounded(LINES_MAX);
    let (finished, guard) = bounded(0);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = lost.clone();
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_all(&queue, &counted, finished))
        .map_err(|error| format!("cannot start the log's thread: {error}"))?;
    let writer = LineWriter { lines: lines.clone(), lost };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let installed = match conf.format {
        LogFormat::Human => {
            builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| format!("cannot start the log: {error}"))?;
    Ok(LogGuard { lines, finished: guard })
}

/// Writes a line of control's, under its topic's name.
pub(crate) fn line(line: &LogLine) {
    // A target is part of what tracing knows of a line before it runs: each needs a line of code of its own.
    macro_rules! write_under {
        ($($topic:ident, $target:literal;)*) => {
            match (line.topic, line.level) {
                $(
                    (Topic::$topic, LogLevel::Debug) => tracing::debug!(target: $target, "{}", line.text),
                    (Topic::$topic, LogLevel::Info) => tracing::info!(target: $target, "{}", line.text),
                    (Topic::$topic, LogLevel::Warning) => tracing::warn!(target: $target, "{}", line.text),
                    (Topic::$topic, LogLevel::Error) => tracing::error!(target: $target, "{}", line.text),
                )*
            }
        };
    }
    write_under! {
        Call, "call";
        Registrar, "registrar";
        Registrant, "registrant";
        Qualify, "qualify";
        Admission, "admission";
        Names, "names";
    }
}

/// Keeps the log's thread until its last line is out.
#[derive(Debug)]
pub(crate) struct LogGuard {
    lines: Sender<Line>,
    finished: Receiver<()>,
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        if self.lines.send_timeout(Line::Last, FLUSH_MAX).is_ok() {
            // Either answer ends the wait: the thread is gone, or it is stuck and nobody reads.
            let _ = self.finished.recv_timeout(FLUSH_MAX);
        }
    }
}

enum Line {
    Text(Vec<u8>),
    Last,
}

fn filter(filter: &str) -> Result<EnvFilter, String> {
    let filter = if filter.trim().is_empty() { FILTER_DEFAULT } else { filter };
    EnvFilter::try_new(filter).map_err(|error| format!("`{filter}` is no filter: {error}"))
}

/// The thread's work: until [`Line::Last`], or until nobody can write a line any more.
fn write_all(queue: &Receiver<Line>, lost: &AtomicU64, finished: Sender<()>) {
    let mut stderr = io::stderr();
    while let Ok(Line::Text(text)) = queue.recv() {
        // With standard error closed there is nobody left to tell.
        let _ = stderr.write_all(&text);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(
                stderr,
                "{lost} lines of the log were lost: they came faster than they could be written"
            );
        }
    }
    drop(finished);
}

/// Takes formatted lines to the thread.
#[derive(Debug, Clone)]
struct LineWriter {
    lines: Sender<Line>,
    lost: Arc<AtomicU64>,
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for LineWriter {
    /// The subscriber writes each line in one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Line::Text(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_by_part() {
        for good in ["", "  ", "debug", "info,call=debug,qualify=off"] {
            assert_eq!(check_filter(good), Ok(()), "{good:?}");
        }
        let refused = check_filter("call=loud").unwrap_err();
        assert!(refused.starts_with("`call=loud` is no filter: "), "{refused}");
    }

    #[test]
    fn past_the_bound_lines_are_counted_and_never_waited_for() {
        let (lines, queue) = bounded(2);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = LineWriter { lines, lost: lost.clone() };
        for _ in 0..5 {
            writer.write_all(b"line\n").unwrap();
        }
        assert_eq!((queue.len(), lost.load(Ordering::Relaxed)), (2, 3));
    }
}

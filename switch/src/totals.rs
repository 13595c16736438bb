//! What the cores counted, as one line for the log.

use std::fmt::Write;
use std::sync::Arc;

use control::Stats;
use dataplane::counters::{CounterCells, Counters, DropReason};

/// `datagrams_in=12 datagrams_out=9 dropped_malformed=3`: what is not zero, summed over all cores, and what control
/// counted; `sends_refused` are its datagrams that the kernel did not take.
pub(crate) fn line(cores: &[Arc<CounterCells>], control: &Stats, sends_refused: u64) -> String {
    let counters: Vec<_> = cores.iter().map(|cells| cells.read()).collect();
    let sum = |count: &dyn Fn(&Counters) -> u64| counters.iter().map(count).sum::<u64>();
    let mut line = String::new();
    let mut put = |name: &str, count: u64| {
        if count > 0 {
            let space = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{space}{name}={count}"); // a String takes what it is given
        }
    };
    put("datagrams_in", sum(&|core| core.datagrams_in));
    put("datagrams_out", sum(&|core| core.datagrams_out));
    put("full_frames", sum(&|core| core.full_frames));
    put("voice_in", sum(&|core| core.voice_in));
    put("voice_out", sum(&|core| core.voice_out));
    put("voice_punted", sum(&|core| core.voice_punted));
    put("video_in", sum(&|core| core.video_in));
    put("video_out", sum(&|core| core.video_out));
    for &reason in DropReason::ALL {
        put(&format!("dropped_{}", reason.name()), sum(&|core| core.drops(reason)));
    }
    put("full_frames_malformed", control.malformed);
    put("full_frames_stray", control.strays);
    put("newcomers_refused", control.refused);
    put("answers_limited", control.limited);
    put("sends_refused", sends_refused);
    if line.is_empty() { "nothing was heard".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_summed_and_zeros_left_out() {
        let cells = |datagrams_in, malformed| {
            let mut counters = Counters::default();
            counters.datagrams_in = datagrams_in;
            counters.dropped_many(DropReason::Malformed, malformed);
            let cells = CounterCells::new();
            cells.publish(&counters);
            Arc::new(cells)
        };
        let cores = [cells(5, 0), cells(7, 2)];
        let quiet = Stats::default();
        assert_eq!(line(&cores, &quiet, 0), "datagrams_in=12 dropped_malformed=2");
        assert_eq!(line(&cores[..1], &quiet, 3), "datagrams_in=5 sends_refused=3");
        let strays = Stats { strays: 4, ..quiet };
        assert_eq!(line(&[], &strays, 0), "full_frames_stray=4");
        assert_eq!(line(&[], &quiet, 0), "nothing was heard");
    }
}

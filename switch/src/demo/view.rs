//! What the demo shows: a table redrawn each second on a terminal, a line each second elsewhere, and the summary.

use std::io::{IsTerminal, Result, Write};
use std::time::Duration;

use bench::{Outcome, Scenario, Snapshot, Totals};
use comfy_table::{Cell, CellAlignment, Table, presets};

/// The demo's display.
pub(super) struct View {
    title: String,
    redraws: bool,
    /// Lines drawn last, to be drawn over.
    drawn: usize,
    /// Time, CPU time and frames of the snapshot before.
    before: Mark,
    /// The same when all calls first talked, and when they last did.
    all_up: Option<(Mark, Mark)>,
    lines: u32,
}

/// A moment's running totals.
#[derive(Clone, Copy, Default)]
struct Mark {
    at: Duration,
    cpu: Duration,
    received: u64,
}

impl Mark {
    /// CPU use since `before`, in percent of one CPU.
    fn percent_since(&self, before: &Self) -> f64 {
        ratio((self.cpu - before.cpu).as_secs_f64(), (self.at - before.at).as_secs_f64()) * 100.0
    }

    /// Frames received a second since `before`.
    fn rate_since(&self, before: &Self) -> f64 {
        ratio((self.received - before.received) as f64, (self.at - before.at).as_secs_f64())
    }
}

impl View {
    /// A display of that scenario, nothing drawn yet.
    pub(super) fn new(scenario: &Scenario, pin: Option<usize>) -> Self {
        let place = pin.map_or(String::new(), |cpu| format!(", the switch on CPU {cpu}"));
        let title = format!(
            "pbx-a --trunk--> switch at {} --trunk--> pbx-b: {} calls{place}",
            scenario.caller_far,
            grouped(scenario.calls.into())
        );
        let redraws = std::io::stdout().is_terminal();
        Self { title, redraws, drawn: 0, before: Mark::default(), all_up: None, lines: 0 }
    }

    /// Shows a snapshot, `cpu` being the switch's CPU time so far.
    pub(super) fn show(
        &mut self,
        out: &mut impl Write,
        snapshot: &Snapshot,
        cpu: Duration,
    ) -> Result<()> {
        let received = snapshot.received();
        let now = Mark { at: snapshot.elapsed, cpu: cpu.max(self.before.cpu), received };
        if snapshot.up == snapshot.calls {
            self.all_up = Some((self.all_up.map_or(now, |(first, _)| first), now));
        }
        let before = std::mem::replace(&mut self.before, now);
        if self.redraws {
            self.redraw(out, snapshot, &now, &before)?;
        } else {
            self.line(out, snapshot, &now, &before)?;
        }
        out.flush()
    }

    /// Shows how the run ended, on one screen; `switch_failed` goes behind "the switch".
    pub(super) fn summarise(
        &self,
        out: &mut impl Write,
        outcome: &Outcome,
        switch_failed: Option<&str>,
    ) -> Result<()> {
        let last = &outcome.last;
        if self.drawn > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.drawn)?;
        } else {
            writeln!(out)?;
        }
        writeln!(out, "{}", self.title)?;
        if outcome.up_most > 0 {
            writeln!(out, "{}", whole_table(last))?;
        }
        writeln!(
            out,
            "calls    {} placed, {} talked at the same time, {} failed",
            grouped(last.placed.into()),
            grouped(outcome.up_most.into()),
            grouped(last.failed.into())
        )?;
        if let Some((first, end)) = self.all_up.filter(|(first, end)| end.received > first.received)
        {
            let per_frame =
                (end.cpu - first.cpu).as_nanos() as f64 / (end.received - first.received) as f64;
            writeln!(
                out,
                "switch   {} voice frames a second with all calls up, {:.1} % of one CPU, {per_frame:.0} ns a frame",
                grouped(end.rate_since(&first) as u64),
                end.percent_since(&first),
            )?;
        }
        if last.malformed > 0 {
            writeln!(
                out,
                "         {} datagrams that are no IAX2 frames",
                grouped(last.malformed)
            )?;
        }
        if last.slipped > SLIP_WORTH_TELLING {
            let slipped = last.slipped.as_millis();
            writeln!(
                out,
                "note     the PBXes were kept from running for {slipped} ms: latencies tell of this host too"
            )?;
        }
        match switch_failed {
            Some(how) if outcome.passed() => writeln!(out, "verdict  FAILED: the switch {how}"),
            _ => writeln!(out, "verdict  {}", verdict(outcome)),
        }
    }

    fn redraw(
        &mut self,
        out: &mut impl Write,
        snapshot: &Snapshot,
        now: &Mark,
        before: &Mark,
    ) -> Result<()> {
        let text = format!("{}\n{}\n", self.title, live_table(snapshot, now, before));
        if self.drawn > 0 {
            write!(out, "\x1b[{}A\x1b[J", self.drawn)?;
        }
        self.drawn = text.lines().count();
        out.write_all(text.as_bytes())
    }

    fn line(
        &mut self,
        out: &mut impl Write,
        snapshot: &Snapshot,
        now: &Mark,
        before: &Mark,
    ) -> Result<()> {
        if self.lines == 0 {
            writeln!(out, "{}", self.title)?;
        }
        if self.lines.is_multiple_of(20) {
            writeln!(
                out,
                "    time  calls up  failed    frames/s      lost   p99 latency     CPU"
            )?;
        }
        self.lines += 1;
        writeln!(
            out,
            "{:>6.1} s {:>9} {:>7} {:>11} {:>9} {:>13} {:>5.1} %",
            now.at.as_secs_f64(),
            snapshot.up,
            snapshot.failed,
            now.rate_since(before) as u64,
            snapshot.lost(),
            millis(worst_recent_p99(snapshot)),
            now.percent_since(before)
        )
    }
}

fn live_table(snapshot: &Snapshot, now: &Mark, before: &Mark) -> Table {
    let mut table =
        table(&["time", "calls up", "failed", "frames/s", "lost", "p99 latency", "switch CPU"]);
    table.add_row(right([
        format!("{:.0} s", now.at.as_secs_f64()),
        grouped(snapshot.up.into()),
        grouped(snapshot.failed.into()),
        grouped(now.rate_since(before) as u64),
        grouped(snapshot.lost()),
        millis(worst_recent_p99(snapshot)),
        format!("{:.1} %", now.percent_since(before)),
    ]));
    table
}

fn whole_table(last: &Snapshot) -> Table {
    let mut table = table(&[
        "voice", "sent", "received", "lost", "twice", "late", "altered", "astray", "p50", "p99",
        "max",
    ]);
    for (name, totals) in [("a to b", &last.to_callee), ("b to a", &last.to_caller)] {
        table.add_row(right(row(name, totals)));
    }
    table
}

fn row(name: &str, totals: &Totals) -> [String; 11] {
    let Totals { sent, received, lost, duplicated, reordered, corrupt, misdelivered, .. } = *totals;
    let [sent, received, lost, duplicated, reordered, corrupt, misdelivered] =
        [sent, received, lost, duplicated, reordered, corrupt, misdelivered].map(grouped);
    let [p50, p99, max] =
        [totals.latency.p50_us, totals.latency.p99_us, totals.latency.max_us].map(millis);
    [
        name.to_owned(),
        sent,
        received,
        lost,
        duplicated,
        reordered,
        corrupt,
        misdelivered,
        p50,
        p99,
        max,
    ]
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header.iter().map(|name| Cell::new(name).set_alignment(CellAlignment::Right)));
    table
}

fn right<const N: usize>(cells: [String; N]) -> [Cell; N] {
    cells.map(|text| Cell::new(text).set_alignment(CellAlignment::Right))
}

fn verdict(outcome: &Outcome) -> String {
    let last = &outcome.last;
    if outcome.passed() {
        let frames = grouped(last.received());
        return format!(
            "passed: each of {frames} frames was heard once, unaltered, in its own call"
        );
    }
    if outcome.interrupted {
        return "interrupted".to_owned();
    }
    let wrong = [
        ("failed calls", u64::from(last.failed)),
        ("lost frames", last.lost()),
        ("frames heard twice", last.to_callee.duplicated + last.to_caller.duplicated),
        ("altered frames", last.to_callee.corrupt + last.to_caller.corrupt),
        ("frames astray", last.to_callee.misdelivered + last.to_caller.misdelivered),
        ("malformed datagrams", last.malformed),
    ];
    let wrong: Vec<String> = wrong
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what} {}", grouped(*count)))
        .collect();
    match wrong.is_empty() {
        true => "FAILED: the calls did not all talk at the same time".to_owned(),
        false => format!("FAILED: {}", wrong.join(", ")),
    }
}

fn worst_recent_p99(snapshot: &Snapshot) -> u64 {
    snapshot.to_callee.recent.p99_us.max(snapshot.to_caller.recent.p99_us)
}

fn millis(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10)
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Less than a frame a second is the noise of any shared host.
const SLIP_WORTH_TELLING: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let all = [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in all {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(millis(1_239), "1.23 ms");
    }

    #[test]
    fn the_verdict_names_what_went_wrong() {
        let mut outcome = Outcome::default();
        (outcome.last.calls, outcome.last.placed, outcome.up_most) = (2, 2, 2);
        assert!(verdict(&outcome).starts_with("passed"));
        outcome.last.to_callee.lost = 1500;
        (outcome.last.to_caller.sent, outcome.last.to_caller.corrupt) = (1, 3);
        assert_eq!(verdict(&outcome), "FAILED: lost frames 1,500, altered frames 3");
    }

    #[test]
    fn a_snapshot_becomes_a_line_and_the_outcome_a_screen() {
        let scenario = Scenario::through(([127, 0, 0, 1], 5000).into(), 2);
        let mut view = View { redraws: false, ..View::new(&scenario, Some(1)) };
        let mut snapshot = Snapshot { calls: 2, up: 2, ..Snapshot::default() };
        let mut text = Vec::new();
        for second in 1..=3 {
            snapshot.elapsed = Duration::from_secs(second);
            snapshot.to_callee.received = second * 100;
            view.show(&mut text, &snapshot, Duration::from_millis(second * 250)).unwrap();
        }
        let outcome = Outcome { last: snapshot, up_most: 2, ..Outcome::default() };
        view.summarise(&mut text, &outcome, None).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("   2.0 s         2       0         100"), "{text}");
        assert!(
            text.contains("100 voice frames a second with all calls up, 25.0 % of one CPU"),
            "{text}"
        );
        assert!(text.lines().count() < 24, "one screen: {text}");
    }
}

//! Lines of a configuration file with comments taken out, and where each octet of them stood.

use std::ops::Range;
use std::sync::Arc;

use super::{Diagnostic, Place};

/// Most octets of a line; PBXes lose a longer one without a trace.
const LINE_MAX: usize = 8190;

/// How deep block comments may nest.
const DEPTH_MAX: usize = 128;

/// One line that is left when comments are gone; never blank.
#[derive(Debug)]
pub(super) struct LogicalLine {
    /// The file it is in.
    file: Arc<str>,
    /// Counted from 1.
    number: u32,
    /// What is left: `\;` is `;` here.
    pub(super) text: String,
    /// Stretches of `text` that are verbatim in the file: (offset in `text`, offset in the file), ascending.
    pieces: Vec<(usize, usize)>,
}

impl LogicalLine {
    /// Where a stretch of the text stands in the file.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let start = self.file_offset(|at| at <= range.start, range.start);
        let end = match range.is_empty() {
            true => start,
            false => self.file_offset(|at| at < range.end, range.end),
        };
        Place { file: Arc::clone(&self.file), line: self.number, span: start..end }
    }

    /// Whether a stretch of the text is verbatim in the file.
    pub(super) fn is_verbatim(&self, range: &Range<usize>) -> bool {
        !self.pieces.iter().any(|(at, _)| range.start < *at && *at < range.end)
    }

    /// The stretch without white space at its ends.
    pub(super) fn trim(&self, range: Range<usize>) -> Range<usize> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        let start = range.start + (text.len() - text.trim_start_matches(is_blank).len());
        start..start + text.trim_matches(is_blank).len()
    }

    /// The file's offset of `offset`, counted from the last piece that is `within`.
    fn file_offset(&self, within: impl Fn(usize) -> bool, offset: usize) -> usize {
        let piece = self.pieces.iter().rev().find(|(at, _)| within(*at)).or(self.pieces.first());
        piece.map_or(0, |(at, file)| file + (offset - at))
    }
}

/// What the field's parsers strip: blanks and all control characters, CR among them.
pub(super) fn is_blank(c: char) -> bool {
    c <= ' '
}

/// Takes a file apart. Comments, block comments and blank lines are gone afterwards.
pub(super) fn split(
    file: &Arc<str>,
    text: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<LogicalLine> {
    let mut splitter = Splitter { file, open: Vec::new(), diagnostics };
    let mut lines = Vec::new();
    let mut offset = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    let mut number = 0;
    for physical in text.get(offset..).unwrap_or_default().split('\n') {
        number += 1;
        lines.extend(splitter.line(physical, number, offset));
        offset += physical.len() + 1;
    }
    if let Some(place) = splitter.open.pop() {
        splitter.diagnostics.push(
            Diagnostic::error(
                place,
                "this block comment is never closed: the rest of the file is lost",
            )
            .help("close it with --; or write ; for a comment of one line"),
        );
    }
    lines
}

/// The block comments that are open at some point of a file.
struct Splitter<'a> {
    file: &'a Arc<str>,
    /// Where each open block comment begins, outermost first.
    open: Vec<Place>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Splitter<'_> {
    /// One physical line that begins at `offset` of the file.
    fn line(&mut self, physical: &str, number: u32, offset: usize) -> Option<LogicalLine> {
        let file = Arc::clone(self.file);
        let mut line = LogicalLine { file, number, text: String::new(), pieces: Vec::new() };
        for kept in self.kept(physical, number, offset) {
            line.pieces.push((line.text.len(), offset + kept.start));
            line.text.push_str(physical.get(kept).unwrap_or_default());
        }
        if line.text.trim_matches(is_blank).is_empty() {
            return None;
        }
        if physical.len() > LINE_MAX {
            let place = line.place(0..line.text.len());
            let message =
                format!("a line may have {LINE_MAX} octets, this one has {}", physical.len());
            self.diagnostics.push(
                Diagnostic::error(place, message)
                    .help("split it: most lists may be given on several lines"),
            );
            return None;
        }
        Some(line)
    }

    /// The stretches of a line that are no comment, without the backslashes before semicolons.
    fn kept(&mut self, physical: &str, number: u32, offset: usize) -> Vec<Range<usize>> {
        let octets = physical.as_bytes();
        let mut kept = Vec::new();
        let mut from = 0;
        let mut at = 0;
        while let Some(octet) = octets.get(at) {
            let rest = octets.get(at..).unwrap_or_default();
            let opens = rest.starts_with(b";--") && rest.get(3) != Some(&b'-');
            match (self.open.is_empty(), octet) {
                (true, b';') if at > from && octets.get(at - 1) == Some(&b'\\') => {
                    kept.push(from..at - 1);
                    from = at;
                    at += 1;
                }
                (true, b';') if !opens => {
                    kept.push(from..at);
                    return kept;
                }
                (outside, b';') if opens => {
                    if outside {
                        kept.push(from..at);
                    }
                    self.open_at(Place {
                        file: Arc::clone(self.file),
                        line: number,
                        span: offset + at..offset + at + 3,
                    });
                    at += 3;
                }
                (false, b'-') if rest.starts_with(b"--;") => {
                    self.open.pop();
                    at += 3;
                    from = at;
                }
                _ => at += 1,
            }
        }
        if self.open.is_empty() {
            kept.push(from..octets.len());
        }
        kept.retain(|range| !range.is_empty());
        kept
    }

    fn open_at(&mut self, place: Place) {
        if self.open.len() == DEPTH_MAX {
            let message = format!("block comments nest at most {DEPTH_MAX} deep");
            self.diagnostics.push(Diagnostic::error(place, message));
            return;
        }
        self.open.push(place);
    }
}

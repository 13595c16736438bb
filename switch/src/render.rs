//! Diagnostics as text, the way rustc shows its own, secrets under stars.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{Annotation, AnnotationKind, Group, Renderer, Snippet};
use control::conf::{Diagnostic, Level, Place, Sources};

use crate::mask;

/// How a report looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// With the terminal's colours.
    Coloured,
    /// Text alone.
    Plain,
}

impl Style {
    /// Colours on a terminal, unless the environment asks for none.
    pub(crate) fn of(output: &impl std::io::IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if output.is_terminal() && !refused { Self::Coloured } else { Self::Plain }
    }
}

/// One diagnostic about the files of `dir`, several lines with the last one ended.
pub(crate) fn diagnostic(
    dir: &Path,
    sources: &Sources,
    diagnostic: &Diagnostic,
    style: Style,
) -> String {
    let level = match diagnostic.level {
        Level::Warning => annotate_snippets::Level::WARNING,
        Level::Error => annotate_snippets::Level::ERROR,
    };
    let mut group = level.primary_title(diagnostic.message.as_str()).elements(
        diagnostic.place.iter().flat_map(|place| snippets(dir, sources, place, diagnostic)),
    );
    if let Some(help) = &diagnostic.help {
        group = group.element(annotate_snippets::Level::HELP.message(help.as_str()));
    }
    let renderer = match style {
        Style::Coloured => Renderer::styled(),
        Style::Plain => Renderer::plain(),
    };
    let groups: [Group<'_>; 1] = [group];
    renderer.render(&groups) + "\n"
}

/// The closing line: `2 errors, 1 warning`.
pub(crate) fn summary(diagnostics: &[Diagnostic]) -> String {
    let count = |level, one: &str| {
        let count = diagnostics.iter().filter(|found| found.level == level).count();
        format!("{count} {one}{}", if count == 1 { "" } else { "s" })
    };
    format!("{}, {}", count(Level::Error, "error"), count(Level::Warning, "warning"))
}

/// Marks a place and what is related to it: in one snippet if they share a file.
fn snippets<'a>(
    dir: &Path,
    sources: &'a Sources,
    place: &Place,
    diagnostic: &'a Diagnostic,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let primary = Mark { place, kind: AnnotationKind::Primary, label: None };
    let related = diagnostic.related.as_ref().map(|(place, label)| Mark {
        place,
        kind: AnnotationKind::Context,
        label: Some(label.as_str()),
    });
    let groups = match related {
        Some(related) if related.place.file == place.file => vec![vec![primary, related]],
        Some(related) => vec![vec![primary], vec![related]],
        None => vec![vec![primary]],
    };
    groups.iter().map(|marks| snippet(dir, sources, marks)).collect()
}

struct Mark<'a, 'p> {
    place: &'p Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
}

/// The lines of one file that carry marks, and those between them, which the renderer folds.
fn snippet<'a>(
    dir: &Path,
    sources: &'a Sources,
    marks: &[Mark<'a, '_>],
) -> Snippet<'a, Annotation<'a>> {
    let file = marks.first().map_or("", |mark| &mark.place.file);
    let text = sources.get(file).map_or("", |text| text);
    let spans: Vec<_> = marks.iter().map(|mark| within(text, &mark.place.span)).collect();
    let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[last..].find('\n').map_or(text.len(), |newline| last + newline);
    let line_start = marks.iter().map(|mark| mark.place.line).min().unwrap_or(1);
    let annotations = marks
        .iter()
        .zip(spans)
        .map(|(mark, span)| mark.kind.span(span.start - start..span.end - start).label(mark.label));
    Snippet::source(mask::secrets(&text[start..end]))
        .line_start(line_start as usize)
        .path(dir.join(file).to_string_lossy().into_owned())
        .annotations(annotations)
}

/// `span`, cut to the text and to whole characters: a wrong mark must not cost the operator the message.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let end = text.floor_char_boundary(span.end);
    text.floor_char_boundary(span.start).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    const IAX: &str = "[general]\nbindport = 4569\n\n[alpha]\ntype = friend\nsecert = x\n\n[beta]\n\
                       type=peer\n\n[alpha]\n";

    fn sources() -> Sources {
        let mut sources = Sources::new();
        sources.add("iax.conf", IAX);
        sources.add("more/b.conf", "[alpha]\n");
        sources
    }

    fn place(file: &str, line: u32, text: &str, nth: usize) -> Place {
        let source = sources().get(file).unwrap().clone();
        let start = source.match_indices(text).nth(nth).unwrap().0;
        Place { file: file.into(), line, span: start..start + text.len() }
    }

    fn shown(found: &Diagnostic) -> String {
        diagnostic(Path::new("etc"), &sources(), found, Style::Plain)
    }

    #[test]
    fn the_text_meant_is_marked_and_the_help_follows() {
        let found = Diagnostic::error(place("iax.conf", 6, "secert", 0), "unknown key `secert`")
            .help("did you mean `secret`?");
        assert_eq!(
            shown(&found),
            "error: unknown key `secert`
 --> etc/iax.conf:6:1
  |
6 | secert = *
  | ^^^^^^
  |
  = help: did you mean `secret`?
"
        );
    }

    #[test]
    fn a_related_place_of_the_same_file_shares_the_snippet() {
        let found =
            Diagnostic::warning(place("iax.conf", 11, "[alpha]", 1), "section defined twice")
                .related(place("iax.conf", 4, "[alpha]", 0), "first defined here");
        assert_eq!(
            shown(&found),
            "warning: section defined twice
  --> etc/iax.conf:11:1
   |
 4 | [alpha]
   | ------- first defined here
...
11 | [alpha]
   | ^^^^^^^
"
        );
    }

    #[test]
    fn a_related_place_of_another_file_has_a_snippet_of_its_own() {
        let found =
            Diagnostic::error(place("more/b.conf", 1, "[alpha]", 0), "section defined twice")
                .related(place("iax.conf", 4, "[alpha]", 0), "first defined here");
        assert_eq!(
            shown(&found),
            "error: section defined twice
 --> etc/more/b.conf:1:1
  |
1 | [alpha]
  | ^^^^^^^
  |
 ::: etc/iax.conf:4:1
  |
4 | [alpha]
  | ------- first defined here
"
        );
    }

    #[test]
    fn without_a_place_there_is_only_the_message() {
        let found = crate::sources::error("iax.conf is missing".to_owned(), Some("write one"));
        assert_eq!(shown(&found), "error: iax.conf is missing\n |\n = help: write one\n");
    }

    #[test]
    fn a_mark_past_the_end_still_shows_the_message() {
        let broken = Place { file: "iax.conf".into(), line: 99, span: 5000..6000 };
        assert!(shown(&Diagnostic::error(broken, "odd")).starts_with("error: odd\n"));
        let gone = Place { file: "gone.conf".into(), line: 1, span: 3..9 };
        assert!(shown(&Diagnostic::error(gone, "odd")).starts_with("error: odd\n"));
    }

    #[test]
    fn the_closing_line_counts_both() {
        let error = crate::sources::error(String::new(), None);
        let warning = Diagnostic { level: Level::Warning, ..error.clone() };
        assert_eq!(summary(&[]), "0 errors, 0 warnings");
        assert_eq!(summary(&[error.clone(), warning, error]), "2 errors, 1 warning");
    }
}

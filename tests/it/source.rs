//! The workspace's files as text, with comments and literals told from code.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the workspace.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the workspace's root, with `/`.
    pub(crate) path: String,
    /// The lines as they stand.
    pub(crate) lines: Vec<String>,
    /// The same lines of a Rust file with comments and the insides of literals blanked; else empty.
    pub(crate) code: Vec<String>,
    /// First line (from 0) of the file's own tests; the number of lines if it has none.
    pub(crate) tests_from: usize,
}

impl Source {
    /// A file of that path and text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let is_rust = path.ends_with(".rs");
        let code: Vec<String> =
            if is_rust { blanked(text).lines().map(str::to_owned).collect() } else { Vec::new() };
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let marked = code.iter().position(|line| line.trim() == "#[cfg(test)]");
        let tests_from = if is_test { 0 } else { marked.unwrap_or(lines.len()) };
        Self { path: path.to_owned(), lines, code, tests_from }
    }

    /// Whether the path starts with one of these.
    pub(crate) fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Lines of code outside the file's own tests, numbered from 0.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.iter().map(String::as_str).enumerate().take(self.tests_from)
    }

    /// What is wrong at a line (from 0), as `path:line: text`.
    pub(crate) fn at(&self, line: usize, text: &str) -> String {
        format!("{}:{}: {text}", self.path, line + 1)
    }
}

/// Every text file of the workspace that people write, in the order of their paths.
pub(crate) fn workspace() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(&root).ok()?.to_str()?.to_owned();
        Some(Source::new(&name, &fs::read_to_string(path).ok()?))
    };
    paths.iter().filter_map(read).collect()
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && name != ".ci" && name != ".github";
        let Ok(kind) = entry.file_type() else { continue };
        if hidden || name == "target" || name == "Cargo.lock" || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            walk(&path, found);
        } else if kind.is_file() {
            found.push(path);
        }
    }
}

/// Rust text with comments and the insides of string and character literals turned to spaces, line for line.
pub(crate) fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = literal_or_comment(rest, out.chars().next_back());
        if len == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (blank, after) = rest.split_at(len);
            out.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// Octets of the comment or literal at the start of `text`; 0 if none starts there.
fn literal_or_comment(text: &str, before: Option<char>) -> usize {
    let to = |end: Option<usize>| end.unwrap_or(text.len());
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if text.starts_with("//") {
        return to(text.find('\n'));
    }
    if text.starts_with("/*") {
        return to(text.find("*/").map(|at| at + 2));
    }
    if let Some(inside) = text.strip_prefix('"') {
        return to(unescaped(inside, '"').map(|len| 1 + len));
    }
    let hashes = text.strip_prefix('r').filter(|_| !in_word || before == Some('b'));
    if let Some(raw) = hashes {
        let count = raw.chars().take_while(|c| *c == '#').count();
        if raw[count..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(count));
            let opening = 1 + count + 1;
            return to(text[opening..].find(&close).map(|at| opening + at + close.len()));
        }
    }
    if let Some(inside) = text.strip_prefix('\'') {
        let mut chars = inside.chars();
        let is_char = match chars.next() {
            Some('\\') => true,
            Some(_) => chars.next() == Some('\''),
            None => false,
        };
        if is_char {
            return to(unescaped(inside, '\'').map(|len| 1 + len));
        }
    }
    0
}

/// Octets up to and with the first `end` that no backslash stands before.
fn unescaped(text: &str, end: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == end => return Some(at + 1),
            _ => {}
        }
    }
    None
}

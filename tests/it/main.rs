//! Scenarios, and rules of the house that the compiler does not know.

mod capture_files;
mod captured;
mod checker;
mod fuzz_control;
mod fuzz_corpus;
mod source;
mod tidy;

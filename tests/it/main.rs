//! Scenarios, and rules of the house that the compiler does not know.

mod captured;
mod checker;
mod source;
mod tidy;

//! What a call is: registration, authentication, set-up and tear-down of IAX2 calls.
//!
//! Sans-I/O: datagrams, the time, random octets, resolved names and the configuration's text come in as arguments;
//! what is to be done comes out of `Control::poll_output`. No socket, clock, thread or file is known here.
#![forbid(unsafe_code)]

pub mod conf;
pub mod dialplan;
mod engine;
mod output;

pub use engine::{Control, Setup, Stats};
pub use output::{LogLevel, LogLine, Output, Question, Ticket, Topic};

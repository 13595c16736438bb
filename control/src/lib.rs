//! What a call is: registration, authentication, set-up and tear-down of IAX2 calls.
//!
//! Sans-I/O: datagrams, the time, random octets, resolved names and the configuration's text come in as arguments;
//! what is to be done comes out of [`Control::poll_output`]. No socket, clock, thread or file is known here.
#![forbid(unsafe_code)]

pub mod conf;
pub mod dialplan;
pub mod keys;

mod admission;
mod association;
mod auth;
mod backlog;
mod brute_force;
mod call;
mod call_token;
mod cause;
mod codec;
mod conversion;
mod dial;
mod dialplan_query;
mod dispatch;
mod elements;
mod encryption;
mod engine;
#[cfg(test)]
mod engine_tests;
mod formats;
mod identity;
mod incoming;
mod leg;
mod leg_timers;
mod limiter;
mod limits;
mod loop_guard;
mod media;
mod message;
mod names;
mod outgoing;
mod output;
mod peer;
mod proof;
mod qualify;
mod random;
mod recent;
mod registrant;
mod registrar;
mod reliable;
#[cfg(test)]
mod scripted_peers;
mod secrecy;
mod slab;
mod timers;
mod transport;

pub use cause::Cause;
pub use engine::{Control, Setup, Stats};
pub use output::{LogLevel, LogLine, Output, Question, Ticket, Topic};
pub use proof::{Job, JobDone, JobTicket};

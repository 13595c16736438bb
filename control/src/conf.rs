//! The configuration: `iax.conf` and `trunkline.conf` from text to typed values.
//!
//! Text comes in as an argument ([`Sources`]); errors go out as [`Diagnostic`]s with file, line and span. Whoever
//! holds a [`Config`] holds values within their ranges.

mod access;
mod checks;
mod codecs;
mod diagnostic;
mod fit;
mod general;
mod glob;
mod half;
mod header;
mod item;
pub mod keys;
mod limits;
mod lines;
mod model;
mod pair;
mod parse;
mod peer;
mod process;
mod reach;
mod sections;
mod suggest;
pub(crate) mod syntax;
mod trunkline;
mod user;
mod values;

pub use diagnostic::{Diagnostic, Level, Place, Sources};
pub use fit::fit;
pub use limits::Limits;
pub use model::{
    Acl, AmaFlags, CallerId, CodecPriority, Codecs, Config, ConnectedLine, Credentials,
    EncryptionPolicy, General, Host, MaxCallNumbers, Methods, Peer, Qualify, RegisterLine,
    RequireToken, Rule, Secret, User,
};
pub use parse::{parse, parse_despite_errors, parse_text};
pub use process::{DataplaneConf, IoBackend, LogConf, LogFormat};
pub use reach::{Reach, ReachedFrom, anonymous_reach};
pub(crate) use suggest::nearest;
pub(crate) use values::caller_id;
pub use values::shrunk;

#[cfg(test)]
mod tests;

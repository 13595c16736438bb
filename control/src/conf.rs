//! The configuration: `iax.conf` and `trunkline.conf` from text to typed values.
//!
//! Text comes in as an argument ([`Sources`]); errors go out as [`Diagnostic`]s with file, line and span. Whoever
//! holds a [`Config`] holds values within their ranges.

mod diagnostic;
mod glob;
mod header;
mod lines;
mod model;
pub(crate) mod syntax;

pub use diagnostic::{Diagnostic, Level, Place, Sources};
pub use model::{
    Acl, AmaFlags, CallerId, CodecPriority, Codecs, Config, ConnectedLine, Credentials,
    DataplaneConf, EncryptionPolicy, General, Host, IoBackend, LogConf, LogFormat, MaxCallNumbers,
    Methods, Peer, Qualify, RegisterLine, RequireToken, Rule, Secret, User,
};

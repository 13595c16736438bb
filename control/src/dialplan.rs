//! The dialplan: `extensions.conf` from text to routes, and the walk of one call through them.

mod step;

pub use step::{Destination, DialOptions, DialRequest, DialResult, DialStatus, Step};

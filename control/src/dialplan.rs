//! The dialplan: `extensions.conf` from text to routes, and the walk of one call through them.
//!
//! Sans-I/O: text comes in as an argument, what is to be done comes out of [`Walk::step`]. Nothing here panics
//! whatever the file or a caller says, and every step's work is bounded.

mod apps;
mod checks;
mod dial_check;
mod dial_options;
mod dial_string;
mod expression;
mod exten_line;
mod goto_check;
mod issue;
mod named_keys;
mod parse;
mod pattern;
mod pattern_tree;
mod plan;
mod route_line;
mod scope;
mod split;
mod step;
mod template;
mod walk;

pub use plan::Dialplan;
pub use step::{Destination, DialOptions, DialRequest, DialResult, DialStatus, Step};
pub use walk::{Walk, WalkStart};

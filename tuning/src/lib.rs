//! What the host offers an IAX2 trunk switch, and how much of it is taken.
//!
//! Numbers in, numbers out: nothing of the switch is known here, and nothing of the host is changed but the mask of a
//! thread that asks for it.

pub mod host_check;
pub mod limits;
pub mod placement;

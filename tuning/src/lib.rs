//! What the host offers an IAX2 trunk switch, and how much of it is taken.

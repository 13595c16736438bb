//! Scenarios in the simulated world: `control` against scripted hosts, in virtual time.

mod calls;
mod files;

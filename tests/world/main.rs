//! Scenarios in the simulated world: `control` against scripted hosts, in virtual time.

mod admission;
mod any_world;
mod calls;
mod codecs;
mod endings;
mod files;
mod hub;
mod limits;
mod qualifying;
mod registering;
mod registrations;
mod routes;
mod sessions;
mod transport;
mod upheavals;
mod voice;

//! Whole calls through `Control`, frame by frame: limits, guards and everything that may cross a call.

mod stage;

mod destinations;
mod frames;
mod guesses;
mod limits;
mod privacy;
mod queries;

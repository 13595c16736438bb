//! The `trunkline` command.

mod check;
mod cli;
mod clock;
mod command_queue;
mod config;
mod control_loop;
mod core_thread;
mod cores;
mod demo;
mod inbox;
mod keys;
mod launch;
mod log;
mod mask;
mod refusals;
mod render;
mod resolver;
mod run;
mod seed;
mod signals;
mod sources;
mod totals;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status: what was to be done could not be done.
const FAILED: u8 = 1;

/// Exit status: the arguments or the configuration are refused; clap uses the same for arguments.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run { dir } => run::run(&dir),
        Command::Demo(options) => demo::run(&options),
        Command::Keys { command } => keys::run(&command),
        Command::Check { dir, far_dir } => check::check(&dir, far_dir.as_deref()),
    }
}

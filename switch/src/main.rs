//! The `trunkline` command.

mod check;
mod cli;
mod config;
mod render;
mod sources;

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
        Command::Check { dir, far_dir } => check::check(&dir, far_dir.as_deref()),
    }
}

//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// A high-density IAX2 trunk switch.
///
/// Trunkline stands between IAX2 PBXes: it registers and authenticates them, routes their calls and forwards their
/// voice.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a configuration and report every error and every key that has no effect.
    ///
    /// With a second directory, the configuration of the host at the far end, it also checks that the two fit: users,
    /// secrets, methods, codecs and trunking.
    ///
    /// Exit status: 0 without errors, 2 with any; warnings alone do not count.
    Check {
        /// Directory of the configuration.
        dir: PathBuf,
        /// Directory of the far end's configuration.
        far_dir: Option<PathBuf>,
    },
}

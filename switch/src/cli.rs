//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{demo, keys};

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
    /// Run the switch in the foreground, until SIGTERM or SIGINT.
    ///
    /// Reads iax.conf, extensions.conf and, if there, trunkline.conf in DIR, and the files they include. Refuses to
    /// start on any error that `trunkline check DIR` reports. The log goes to standard error; the environment
    /// variable TRUNKLINE_LOG overrides its levels (for example TRUNKLINE_LOG=info,call=debug).
    ///
    /// Exit status: 0 after SIGTERM or SIGINT, 1 if the switch failed, 2 if the configuration is refused.
    Run {
        /// Directory of the configuration.
        dir: PathBuf,
    },
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
    /// Make, list and check RSA keys.
    ///
    /// The passphrase of encrypted ones comes from the environment: TRUNKLINE_KEY_PASSPHRASE holds it, or
    /// TRUNKLINE_KEY_PASSPHRASE_FILE names a file whose first line it is.
    Keys {
        /// What to do with keys.
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Place calls between two scripted PBXes through the switch, and verify the audio of each.
    ///
    /// Needs no files and only the loopback interface. Shows a live table and a summary.
    ///
    /// Exit status: 0 if nothing was lost or altered, 1 otherwise.
    Demo(demo::Options),
}

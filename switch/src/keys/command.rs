//! `trunkline keys`: what the command line says, and what is answered.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use comfy_table::{Table, presets};
use control::keys::{
    BITS_MAX, BITS_MIN, BITS_OF_ASTERISK, KeyError, KeyFile, KeyKind, Passphrase, PublicKey, Signer,
};

use super::generate::generate;
use super::{files, passphrase};
use crate::{FAILED, REFUSED};

/// What to do with keys.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a pair of keys, NAME.key and NAME.pub, as astgenkey does.
    ///
    /// Asterisk takes keys of 1024 bits alone; IAX2 has no room for signatures of more than 1512.
    ///
    /// Exit status: 0 if the pair was made, 1 if not; a key that is there already stays as it is.
    Generate {
        /// The pair's name, as inkeys and outkey give it; best that of the host that signs with it.
        name: String,
        /// Where to put the files.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        /// Size of the key.
        #[arg(long, default_value_t = BITS_OF_ASTERISK,
              value_parser = clap::value_parser!(u32).range(i64::from(BITS_MIN)..=i64::from(BITS_MAX)))]
        bits: u32,
        /// Encrypt the private key with the passphrase in the environment variable TRUNKLINE_KEY_PASSPHRASE, or in
        /// the file that TRUNKLINE_KEY_PASSPHRASE_FILE names.
        #[arg(long)]
        encrypt: bool,
    },
    /// List the keys in DIR, and whether each can be used.
    ///
    /// Exit status: 0, or 1 if DIR cannot be read.
    Show {
        /// Directory of keys.
        dir: PathBuf,
    },
    /// Check the files NAME.key and NAME.pub, and that they are a pair.
    ///
    /// Exit status: 0 if what is there can be used, 2 if not.
    Check {
        /// The key's name.
        name: String,
        /// Where the files are.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
    },
}

/// Does it.
pub(crate) fn run(command: &Command) -> ExitCode {
    let answer = match command {
        Command::Generate { name, dir, bits, encrypt } => make(name, dir, *bits, *encrypt),
        Command::Show { dir } => show(dir),
        Command::Check { name, dir } => check(name, dir),
    };
    // Where nobody reads the answer, the exit status says it.
    match answer {
        Ok(text) => {
            let _ = write!(io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err((status, why)) => {
            let _ = writeln!(io::stderr(), "error: {why}");
            status.into()
        }
    }
}

/// What to print, or an exit status and why.
type Answer = Result<String, (u8, String)>;

fn failed(why: String) -> (u8, String) {
    (FAILED, why)
}

fn make(name: &str, dir: &Path, bits: u32, encrypt: bool) -> Answer {
    let secret = if encrypt {
        let missing = || {
            let (variable, file) = (passphrase::VARIABLE, passphrase::FILE_VARIABLE);
            failed(format!("--encrypt needs a passphrase: set {variable} or {file}"))
        };
        Some(secret().map_err(failed)?.ok_or_else(missing)?)
    } else {
        None
    };
    generate(dir, name, bits, secret.as_ref()).map_err(failed)
}

/// The passphrase that the environment gives.
fn secret() -> Result<Option<Passphrase>, String> {
    Ok(passphrase::find(None)?.map(|found| found.secret))
}

fn show(dir: &Path) -> Answer {
    if let Err(error) = dir.read_dir() {
        return Err(failed(format!("cannot read {}: {error}", dir.display())));
    }
    let files = files::read(dir).map_err(failed)?;
    let secret = secret().map_err(failed)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["name", "type", "bits", "status"]);
    for file in &files {
        let key = Key::read(file, secret.as_ref());
        let kind = match file.kind {
            KeyKind::Public => "public",
            KeyKind::Private => "private",
        };
        let (bits, status) = match key {
            Ok(key) => (key.bits().to_string(), "usable".to_owned()),
            Err(error) => (String::new(), error.to_string()),
        };
        table.add_row([file.name.clone(), kind.to_owned(), bits, status]);
    }
    Ok(format!("{table}\n"))
}

fn check(name: &str, dir: &Path) -> Answer {
    let secret = secret().map_err(failed)?;
    let read = |kind: KeyKind| -> Result<Option<Key>, (u8, String)> {
        let path = dir.join(format!("{name}.{}", kind.suffix()));
        let there = path.symlink_metadata().is_ok();
        let Some(file) = files::file(&path).filter(|_| there) else { return Ok(None) };
        Key::read(&file, secret.as_ref()).map(Some).map_err(|error| {
            let help = error.help(&file.path).map_or(String::new(), |help| format!("\n  {help}"));
            (REFUSED, format!("{} {error}{help}", file.path))
        })
    };
    let here = dir.display();
    match (read(KeyKind::Private)?, read(KeyKind::Public)?) {
        (None, None) => {
            Err((REFUSED, format!("there is no {name}.key and no {name}.pub in {here}")))
        }
        (Some(private), Some(public)) if private.public() != public.public() => {
            let why = format!("{name}.key and {name}.pub in {here} are not of one pair");
            Err((REFUSED, why))
        }
        (Some(key), Some(_)) => Ok(format!("{name}: a pair of {} bits\n", key.bits())),
        (Some(key), None) => Ok(format!("{name}: a private key of {} bits alone\n", key.bits())),
        (None, Some(key)) => Ok(format!("{name}: a public key of {} bits alone\n", key.bits())),
    }
}

/// A key of either kind.
enum Key {
    Private(Signer),
    Public(PublicKey),
}

impl Key {
    fn read(file: &KeyFile, secret: Option<&Passphrase>) -> Result<Self, KeyError> {
        match file.kind {
            KeyKind::Private => file.private(secret).map(Self::Private),
            KeyKind::Public => file.public().map(Self::Public),
        }
    }

    fn public(&self) -> PublicKey {
        match self {
            Self::Private(key) => key.public_key(),
            Self::Public(key) => key.clone(),
        }
    }

    fn bits(&self) -> u32 {
        match self {
            Self::Private(key) => key.bits(),
            Self::Public(key) => key.bits(),
        }
    }
}

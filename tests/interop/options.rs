//! The arguments of the run.

use crate::chroot::Version;

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Names or parts of names of the cases to run; none: all.
    pub(crate) only: Vec<String>,
    /// Join the PBXes without the switch.
    pub(crate) direct: bool,
    /// Use this release on both sides.
    pub(crate) asterisk: Option<Version>,
    /// Keep the files of cases that pass, too.
    pub(crate) keep: bool,
    /// Only name the cases.
    pub(crate) list: bool,
    /// Cases at a time.
    pub(crate) jobs: Option<usize>,
}

impl Options {
    /// Reads them. A bare word chooses cases, as with cargo's own test harness, whose other
    /// arguments are accepted and mean nothing here.
    ///
    /// # Errors
    /// An argument lacks its value, or the value cannot be.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--only" => options.only.push(value()?),
                "--direct" => options.direct = true,
                "--keep" => options.keep = true,
                "--list" => options.list = true,
                "--asterisk" => {
                    let name = value()?;
                    let version = Version::named(&name);
                    options.asterisk = Some(version.ok_or_else(|| format!("no Asterisk {name}"))?);
                }
                "--jobs" => {
                    let count = value()?;
                    let jobs = count.parse().map_err(|_| format!("{count} is no number"))?;
                    options.jobs = Some(jobs);
                }
                word if !word.starts_with('-') => options.only.push(word.to_owned()),
                _of_another_harness => {}
            }
        }
        Ok(options)
    }
}

//! Which CPU does what: the CPUs this process was given, their division between planes, and pinning.

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// The CPUs a process may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpusGiven {
    /// CPUs in its affinity mask, ascending. Never empty.
    pub allowed: Vec<usize>,
    /// Whole CPUs its control group's quota pays for, at least one; `None`: no quota.
    pub quota: Option<usize>,
}

impl CpusGiven {
    /// What the kernel gives the calling thread. Ask before any thread is pinned.
    pub fn read() -> io::Result<Self> {
        let allowed = current_mask()?;
        let quota = fs::read_to_string("/proc/self/cgroup")
            .ok()
            .and_then(|memberships| quota_below(&CGROUP_ROOTS.map(Path::new), &memberships));
        Ok(Self { allowed, quota })
    }
}

/// Who runs where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The CPU of control and of helper threads; `None`: they share the cores' CPUs, wherever the kernel puts them.
    pub control: Option<usize>,
    /// The CPU of each core, at least one.
    pub cores: Vec<usize>,
}

impl Placement {
    /// Divides the CPUs given. With three or more, control owns the first and cores the rest; with one or two they
    /// share, since a CPU kept for control alone would cost half the voice. `cores_max` leaves CPUs idle; asking for
    /// more cores than there are CPUs gives what there is.
    pub fn of(given: &CpusGiven, cores_max: Option<u8>) -> Self {
        let paid_for = given.quota.unwrap_or(usize::MAX).max(1);
        let cpus = &given.allowed[..given.allowed.len().min(paid_for)];
        let (control, for_cores) = match cpus {
            [first, rest @ ..] if rest.len() >= 2 => (Some(*first), rest),
            shared => (None, shared),
        };
        let cores_max = cores_max.map_or(CORES_MAX, |cores| usize::from(cores.max(1)));
        let cores = for_cores.iter().copied().take(cores_max.min(CORES_MAX)).collect();
        Self { control, cores }
    }
}

/// A thread could not be pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinError {
    cpu: usize,
    /// What the mask is instead; empty: it could not be read.
    found: Vec<usize>,
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self.cpu;
        match self.found.as_slice() {
            [] => write!(f, "the kernel refuses to pin a thread to CPU {cpu}"),
            found => write!(f, "a thread pinned to CPU {cpu} may run on {}", list(found)),
        }
    }
}

impl std::error::Error for PinError {}

/// Pins the calling thread to one CPU and reads the mask back, since a sandbox may accept the call and ignore it.
/// Threads it starts from now on inherit the mask.
pub fn pin_current_thread(cpu: usize) -> Result<(), PinError> {
    let pinned =
        cpu < MASK_CPUS_MAX && core_affinity::set_for_current(core_affinity::CoreId { id: cpu });
    if !pinned {
        return Err(PinError { cpu, found: Vec::new() });
    }
    match current_mask().unwrap_or_default() {
        found if found == [cpu] => Ok(()),
        found => Err(PinError { cpu, found }),
    }
}

/// CPUs as people write them: `0-3,6`.
pub fn list(cpus: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let runs = runs.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    runs.collect::<Vec<_>>().join(",")
}

/// Cores are counted in an octet.
const CORES_MAX: usize = 255;

/// CPUs in the mask that pinning writes.
const MASK_CPUS_MAX: usize = libc::CPU_SETSIZE as usize;

/// Words of the mask we read, eight times what pinning writes: the kernel refuses a mask shorter than its own.
const MASK_WORDS: usize = 128;

/// Where the unified control group hierarchy is mounted: alone, or beside the old one.
const CGROUP_ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// CPUs in the calling thread's mask, ascending.
fn current_mask() -> io::Result<Vec<usize>> {
    let mut mask = [0_u64; MASK_WORDS];
    // SAFETY: the kernel writes at most the octets of `mask` it is told of, and any octets are valid words.
    let result =
        unsafe { libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let cpus = (0..MASK_WORDS * 64).filter(|cpu| mask[cpu / 64] & (1 << (cpu % 64)) != 0);
    Ok(cpus.collect())
}

/// The tightest quota from a process's own group up to the root of the first hierarchy that is there.
fn quota_below(roots: &[&Path], memberships: &str) -> Option<usize> {
    let group = memberships.lines().find_map(|line| line.strip_prefix("0::"))?;
    // A group outside this namespace shows as `/../..`: only the root can be read then.
    let group = if group.contains("..") { "" } else { group.trim_matches('/') };
    let root = roots.iter().find(|root| root.join("cgroup.controllers").exists())?;
    let groups = Path::new(group).ancestors().map(|group| root.join(group));
    groups
        .filter_map(|group: PathBuf| quota(&fs::read_to_string(group.join("cpu.max")).ok()?))
        .min()
}

/// Whole CPUs of a `cpu.max`: `QUOTA PERIOD` in microseconds, or `max PERIOD`.
fn quota(cpu_max: &str) -> Option<usize> {
    let (quota, period) = cpu_max.trim().split_once(' ')?;
    let (quota, period): (usize, usize) = (quota.parse().ok()?, period.parse().ok()?);
    Some(quota.checked_div(period)?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_divided_by_how_many_there_are() {
        type Row<'a> = (&'a [usize], Option<usize>, Option<u8>, Option<usize>, &'a [usize]);
        let table: &[Row<'_>] = &[
            (&[0], None, None, None, &[0]),
            (&[5], None, Some(4), None, &[5]),
            (&[0, 1], None, None, None, &[0, 1]),
            (&[0, 1], None, Some(1), None, &[0]),
            (&[2, 4, 6], None, None, Some(2), &[4, 6]),
            (&[0, 1, 2, 3], None, Some(1), Some(0), &[1]),
            (&[0, 1, 2, 3], None, Some(9), Some(0), &[1, 2, 3]),
            (&[0, 1, 2, 3], Some(1), None, None, &[0]),
            (&[0, 1, 2, 3], Some(2), None, None, &[0, 1]),
            (&[0, 1, 2, 3], Some(3), None, Some(0), &[1, 2]),
            (&[0, 1], Some(8), None, None, &[0, 1]),
        ];
        for &(allowed, quota, cores_max, control, cores) in table {
            let given = CpusGiven { allowed: allowed.to_vec(), quota };
            let expected = Placement { control, cores: cores.to_vec() };
            assert_eq!(Placement::of(&given, cores_max), expected, "{given:?} {cores_max:?}");
        }
    }

    #[test]
    fn no_more_cores_than_an_octet_counts() {
        let given = CpusGiven { allowed: (0..600).collect(), quota: None };
        assert_eq!(Placement::of(&given, None).cores.len(), 255);
    }

    #[test]
    fn a_quota_counts_whole_cpus_and_at_least_one() {
        for (text, cpus) in [
            ("max 100000\n", None),
            ("100000 100000\n", Some(1)),
            ("50000 100000", Some(1)),
            ("399999 100000", Some(3)),
            ("400000 100000", Some(4)),
            ("100000 0", None),
            ("", None),
        ] {
            assert_eq!(quota(text), cpus, "{text:?}");
        }
    }

    #[test]
    fn the_tightest_group_on_the_way_up_decides() {
        let root = std::env::temp_dir().join(format!("tuning-cgroup-{}", std::process::id()));
        let inner = root.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.join("cgroup.controllers"), "cpu\n").unwrap();
        fs::write(root.join("a/cpu.max"), "200000 100000\n").unwrap();
        fs::write(inner.join("cpu.max"), "300000 100000\n").unwrap();
        let missing = root.join("missing");
        let roots = [missing.as_path(), root.as_path()];
        let found = ["9:cpu:/\n0::/a/b\n", "0::/a\n", "0::/\n", "0::/../..\n", "1:cpu:/a\n"]
            .map(|memberships| quota_below(&roots, memberships));
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found, [Some(2), Some(2), None, None, None]);
    }

    #[test]
    fn a_thread_is_pinned_and_the_mask_says_so() {
        std::thread::spawn(|| {
            let given = CpusGiven::read().unwrap();
            let last = *given.allowed.last().unwrap();
            pin_current_thread(last).unwrap();
            assert_eq!(CpusGiven::read().unwrap().allowed, [last]);
            let error = pin_current_thread(1_000_000).unwrap_err();
            assert_eq!(error.to_string(), "the kernel refuses to pin a thread to CPU 1000000");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn cpus_are_listed_in_runs() {
        assert_eq!(list(&[0, 1, 2, 3, 6, 8, 9]), "0-3,6,8-9");
        assert_eq!(list(&[]), "");
    }
}

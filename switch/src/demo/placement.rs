//! Which CPUs the demo's switch has, and which its PBXes.

use std::io::{Error, Result};

/// CPUs a thread may run on.
#[derive(Clone, Copy)]
pub(super) struct CpuSet(libc::cpu_set_t);

impl CpuSet {
    /// Those of this thread.
    pub(super) fn of_this_thread() -> Result<Self> {
        let mut set = Self::empty();
        // SAFETY: the set is ours, alive, and of the length given; 0 means this thread.
        let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set.0), &mut set.0) };
        if result < 0 { Err(Error::last_os_error()) } else { Ok(set) }
    }

    /// Confines this thread to the set.
    pub(super) fn apply(&self) -> Result<()> {
        // SAFETY: the set is alive and of the length given; 0 means this thread.
        let result = unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &self.0) };
        if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
    }

    fn empty() -> Self {
        // SAFETY: a set of CPUs is an array of integers, for which zero is a value: no CPU.
        Self(unsafe { core::mem::zeroed() })
    }

    fn cpus(self) -> impl Iterator<Item = usize> {
        (0..CPUS_MAX).filter(move |cpu| {
            // SAFETY: the index lies inside the set.
            unsafe { libc::CPU_ISSET(*cpu, &self.0) }
        })
    }

    fn from_cpus(cpus: impl Iterator<Item = usize>) -> Self {
        let mut set = Self::empty();
        for cpu in cpus.filter(|cpu| *cpu < CPUS_MAX) {
            // SAFETY: the index lies inside the set.
            unsafe { libc::CPU_SET(cpu, &mut set.0) };
        }
        set
    }
}

/// The CPUs of the switch, and those of the PBXes.
pub(super) struct Placement {
    pub(super) switch: CpuSet,
    pub(super) pbxes: CpuSet,
}

impl Placement {
    /// Everybody on all CPUs; or the switch on `pin` alone and the PBXes on the others, as far as there are any. The
    /// error is in words.
    pub(super) fn new(all: CpuSet, pin: Option<usize>) -> std::result::Result<Self, String> {
        let Some(pin) = pin else { return Ok(Self { switch: all, pbxes: all }) };
        if !all.cpus().any(|cpu| cpu == pin) {
            let may: Vec<String> = all.cpus().map(|cpu| cpu.to_string()).collect();
            return Err(format!(
                "CPU {pin} is none of those this process may use: {}",
                may.join(", ")
            ));
        }
        let others = CpuSet::from_cpus(all.cpus().filter(|cpu| *cpu != pin));
        let alone = others.cpus().next().is_none();
        let pbxes = if alone { all } else { others };
        Ok(Self { switch: CpuSet::from_cpus([pin].into_iter()), pbxes })
    }
}

const CPUS_MAX: usize = libc::CPU_SETSIZE as usize;

#[cfg(test)]
mod tests {
    use super::*;

    fn cpus(set: CpuSet) -> Vec<usize> {
        set.cpus().collect()
    }

    #[test]
    fn a_pinned_switch_has_its_cpu_to_itself() {
        let all = CpuSet::from_cpus([0, 2, 5].into_iter());
        let pinned = Placement::new(all, Some(2)).unwrap();
        assert_eq!((cpus(pinned.switch), cpus(pinned.pbxes)), (vec![2], vec![0, 5]));
        let free = Placement::new(all, None).unwrap();
        assert_eq!((cpus(free.switch), cpus(free.pbxes)), (vec![0, 2, 5], vec![0, 2, 5]));
    }

    #[test]
    fn one_cpu_is_shared_and_a_foreign_one_refused() {
        let one = CpuSet::from_cpus([3].into_iter());
        assert_eq!(cpus(Placement::new(one, Some(3)).unwrap().pbxes), vec![3]);
        let refused = Placement::new(one, Some(4)).err();
        assert_eq!(refused.as_deref(), Some("CPU 4 is none of those this process may use: 3"));
    }
}

//! The host's kernel and limits against what the process takes: what is missing, and the command that helps.
//!
//! Only reads.

use std::fs;

use crate::limits::Limits;

/// What the host allows this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Most octets a socket may ask for to receive into (`net.core.rmem_max`).
    pub rmem_max: u64,
    /// Most octets a socket may ask for to send from (`net.core.wmem_max`).
    pub wmem_max: u64,
    /// Whether the process may exceed both (CAP_NET_ADMIN).
    pub may_force_buffers: bool,
    /// `kernel.io_uring_disabled`: 0 allowed, 1 for the privileged, 2 for nobody.
    pub io_uring_disabled: u8,
    /// Whether the process counts as privileged there (CAP_SYS_ADMIN).
    pub is_admin: bool,
    /// Octets it may lock.
    pub memlock: u64,
    /// Whether that limit binds it (no CAP_IPC_LOCK).
    pub memlock_binds: bool,
    /// Descriptors it may have.
    pub nofile: u64,
    /// Octets of memory the host can still give; `None`: unknown.
    pub memory_available: Option<u64>,
}

impl Host {
    /// What this host says now. What cannot be read counts as allowed.
    pub fn read() -> Self {
        let number =
            |path: &str| -> Option<u64> { fs::read_to_string(path).ok()?.trim().parse().ok() };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let capabilities = capabilities(&status);
        let disabled = number("/proc/sys/kernel/io_uring_disabled").unwrap_or(0);
        Self {
            rmem_max: number("/proc/sys/net/core/rmem_max").unwrap_or(u64::MAX),
            wmem_max: number("/proc/sys/net/core/wmem_max").unwrap_or(u64::MAX),
            may_force_buffers: capabilities & (1 << CAP_NET_ADMIN) != 0,
            io_uring_disabled: u8::try_from(disabled).unwrap_or(2),
            is_admin: capabilities & (1 << CAP_SYS_ADMIN) != 0,
            memlock: soft_limit(&limits, "Max locked memory").unwrap_or(u64::MAX),
            memlock_binds: capabilities & (1 << CAP_IPC_LOCK) == 0,
            nofile: soft_limit(&limits, "Max open files").unwrap_or(u64::MAX),
            memory_available: memory_available(&memory),
        }
    }
}

/// Something the host lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found, what was expected, and what follows.
    pub what: String,
    /// The command or setting that helps.
    pub help: String,
    /// Whether the process cannot run at all so.
    pub is_fatal: bool,
}

/// What the host lacks for `limits`, worst first. `wants_uring`: whether io_uring may be used at all.
pub fn findings(host: &Host, limits: &Limits, wants_uring: bool) -> Vec<Finding> {
    let mut findings: Vec<_> =
        [files(host, limits), memory(host, limits)].into_iter().flatten().collect();
    if wants_uring {
        findings.extend(uring(host));
        findings.extend(locked(host, limits));
    }
    findings.extend(buffers(host, limits));
    findings
}

fn files(host: &Host, limits: &Limits) -> Option<Finding> {
    let (found, needed) = (host.nofile, limits.files);
    (found < needed).then(|| Finding {
        what: format!("{found} open files are allowed, {needed} are needed"),
        help: format!("ulimit -n {needed} (a service: LimitNOFILE={needed})"),
        is_fatal: true,
    })
}

fn memory(host: &Host, limits: &Limits) -> Option<Finding> {
    let (found, needed) = (host.memory_available?, limits.octets());
    let largest = limits.shares.iter().max_by_key(|share| share.octets())?;
    (found < needed).then(|| Finding {
        what: format!(
            "{} of memory are available, up to {} may be needed, {} of them for {}",
            mebibytes(found),
            mebibytes(needed),
            mebibytes(largest.octets()),
            largest.what,
        ),
        help: "lower legs_max, receive_buffers or send_buffers in trunkline.conf".to_owned(),
        is_fatal: false,
    })
}

fn uring(host: &Host) -> Option<Finding> {
    let refused = match host.io_uring_disabled {
        0 => false,
        1 => !host.is_admin,
        _ => true,
    };
    refused.then(|| Finding {
        what: format!(
            "io_uring is switched off on this host (kernel.io_uring_disabled = {})",
            host.io_uring_disabled
        ),
        help: "sysctl -w kernel.io_uring_disabled=0, or io = mmsg in trunkline.conf".to_owned(),
        is_fatal: false,
    })
}

fn locked(host: &Host, limits: &Limits) -> Option<Finding> {
    let (found, needed) = (host.memlock, limits.locked_octets);
    (host.memlock_binds && found < needed).then(|| Finding {
        what: format!(
            "{} of memory may be locked, io_uring needs {}",
            mebibytes(found),
            mebibytes(needed)
        ),
        help: "ulimit -l unlimited (a service: LimitMEMLOCK=infinity)".to_owned(),
        is_fatal: false,
    })
}

fn buffers(host: &Host, limits: &Limits) -> Vec<Finding> {
    let needed = limits.socket_buffer;
    let ways = [("receive", "rmem_max", host.rmem_max), ("send", "wmem_max", host.wmem_max)];
    let short = ways.into_iter().filter(|(_, _, max)| !host.may_force_buffers && *max < needed);
    let finding = |(way, key, max)| Finding {
        what: format!(
            "{way} buffers of {needed} octets are asked for, the host allows {max}: \
             bursts beyond that are lost"
        ),
        help: format!("sysctl -w net.core.{key}={needed}"),
        is_fatal: false,
    };
    short.map(finding).collect()
}

/// Rounded up, so that a shortage never shows as equal.
fn mebibytes(octets: u64) -> String {
    format!("{} MiB", octets.div_ceil(1 << 20))
}

const CAP_NET_ADMIN: u32 = 12;
const CAP_IPC_LOCK: u32 = 14;
const CAP_SYS_ADMIN: u32 = 21;

/// The effective capabilities in `/proc/self/status`; none if it does not say.
fn capabilities(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

/// A soft limit in `/proc/self/limits`.
fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// `MemAvailable` in `/proc/meminfo`, in octets.
fn memory_available(memory: &str) -> Option<u64> {
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Share;

    const PLENTY: Host = Host {
        rmem_max: 1 << 30,
        wmem_max: 1 << 30,
        may_force_buffers: false,
        io_uring_disabled: 0,
        is_admin: false,
        memlock: 1 << 30,
        memlock_binds: true,
        nofile: 1024,
        memory_available: Some(1 << 34),
    };

    fn limits() -> Limits {
        Limits {
            shares: vec![Share { what: "relays", count: 1 << 20, octets_each: 1024 }],
            files: 100,
            locked_octets: 1 << 20,
            socket_buffer: 4 << 20,
        }
    }

    fn judged(host: Host, wants_uring: bool) -> Vec<(String, bool)> {
        let findings = findings(&host, &limits(), wants_uring);
        findings.into_iter().map(|finding| (finding.help, finding.is_fatal)).collect()
    }

    #[test]
    fn a_host_with_plenty_has_no_findings() {
        assert_eq!(judged(PLENTY, true), []);
    }

    #[test]
    fn each_shortage_names_its_command() {
        let small = Host { rmem_max: 212_992, wmem_max: 212_992, nofile: 64, ..PLENTY };
        assert_eq!(
            judged(small, true),
            [
                ("ulimit -n 100 (a service: LimitNOFILE=100)".to_owned(), true),
                ("sysctl -w net.core.rmem_max=4194304".to_owned(), false),
                ("sysctl -w net.core.wmem_max=4194304".to_owned(), false),
            ]
        );
        let forcing = Host { nofile: 100, may_force_buffers: true, ..small };
        assert_eq!(judged(forcing, true), []);
        let memory = Host { memory_available: Some(1 << 29), ..PLENTY };
        let found = &findings(&memory, &limits(), true)[0].what;
        let words = "512 MiB of memory are available, up to 1024 MiB may be needed, \
                     1024 MiB of them for relays";
        assert_eq!(found, words);
    }

    #[test]
    fn io_uring_is_judged_only_where_wanted() {
        let off = Host { io_uring_disabled: 2, is_admin: true, memlock: 65_536, ..PLENTY };
        assert_eq!(judged(off, true).len(), 2);
        assert_eq!(judged(off, false), []);
        assert_eq!(judged(Host { io_uring_disabled: 1, is_admin: true, ..PLENTY }, true), []);
        assert_eq!(judged(Host { io_uring_disabled: 1, ..PLENTY }, true).len(), 1);
    }

    #[test]
    fn the_kernels_files_are_read_as_it_writes_them() {
        assert_eq!(capabilities("Name:\tx\nCapEff:\t0000000000001000\n"), 1 << CAP_NET_ADMIN);
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            20000                20000                files\n\
                      Max locked memory         unlimited            unlimited            bytes\n";
        assert_eq!(soft_limit(limits, "Max open files"), Some(20_000));
        assert_eq!(soft_limit(limits, "Max locked memory"), Some(u64::MAX));
        assert_eq!(memory_available("MemAvailable:   24320936 kB\n"), Some(24_320_936 * 1024));
    }

    #[test]
    fn this_host_can_be_read() {
        let host = Host::read();
        assert!(host.nofile > 0 && host.rmem_max > 0);
        assert!(host.memory_available.is_some_and(|octets| octets > 0));
    }
}

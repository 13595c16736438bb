//! What `trunkline.conf` says of the process itself: its cores, its memory, its log.

/// Which way octets move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoBackend {
    /// io_uring unless the kernel refuses it.
    #[default]
    Auto,
    /// io_uring or no start.
    IoUring,
    /// recvmmsg and sendmmsg.
    Mmsg,
}

/// `[dataplane]` of `trunkline.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataplaneConf {
    /// Cores; `None`: as many as the CPUs given allow.
    pub cores: Option<u8>,
    /// Which way octets move.
    pub io: IoBackend,
    /// Call legs in the whole process, room made at start.
    pub legs_max: u32,
    /// Pairs of local socket and remote address known at a time.
    pub peers_max: u32,
    /// Entries of each command ring.
    pub command_ring: u32,
    /// Octets of each punt ring.
    pub punt_ring_octets: u32,
    /// Receive buffers of 64 KiB per core.
    pub receive_buffers: u16,
    /// Send buffers of 64 KiB per core.
    pub send_buffers: u16,
    /// Octets of socket buffer asked for, each way.
    pub socket_buffer: u32,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// `[log]` of `trunkline.conf`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogConf {
    /// Levels by part, `info` if empty (the syntax of tracing's filter).
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

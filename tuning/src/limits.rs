//! Every bound in the process, derived from a few settings, with the memory it costs.

/// The settings that bounds follow from, as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Cores placed.
    pub cores: usize,
    /// Local addresses bound.
    pub sockets: usize,
    /// Call legs in the whole process.
    pub legs_max: u32,
    /// Pairs of local socket and remote address.
    pub peers_max: u32,
    /// Peers of those that a core finds the calls of through an array.
    pub big_peers: u32,
    /// Entries of each command ring.
    pub command_ring: u32,
    /// Octets of each punt ring.
    pub punt_ring_octets: u32,
    /// Receive buffers of 64 KiB per core.
    pub receive_buffers: u16,
    /// Send buffers of 64 KiB per core.
    pub send_buffers: u16,
    /// Octets of socket buffer, each way.
    pub socket_buffer: u32,
}

/// Octets of the items that tables and rings are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemSizes {
    /// One command in its ring.
    pub command: usize,
    /// One relay on a core, its entry in the table that finds it included.
    pub relay: usize,
    /// One relay's published words.
    pub relay_cell: usize,
    /// One peer on a core.
    pub peer: usize,
    /// The array of a peer with many calls.
    pub big_peer: usize,
}

/// Memory that one kind of thing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// What it is, in words.
    pub what: &'static str,
    /// How many in the process.
    pub count: u64,
    /// Octets of each.
    pub octets_each: u64,
}

impl Share {
    /// Octets of all.
    pub fn octets(&self) -> u64 {
        self.count.saturating_mul(self.octets_each)
    }
}

/// What the process takes of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory, by what it is for; pages count once they are touched, so this is the most.
    pub shares: Vec<Share>,
    /// Descriptors open at a time.
    pub files: u64,
    /// Octets the kernel may lock: the queues shared with it.
    pub locked_octets: u64,
    /// Octets of socket buffer asked for, each way of each socket.
    pub socket_buffer: u64,
}

impl Limits {
    /// Limits that follow from what is asked.
    pub fn derive(asked: &Asked, sizes: &ItemSizes) -> Self {
        let cores = asked.cores as u64;
        let share = |what, count: u64, octets_each: usize| Share {
            what,
            count,
            octets_each: octets_each as u64,
        };
        let shares = vec![
            share("receive buffers", cores * u64::from(asked.receive_buffers), BUFFER_LEN),
            share("send buffers", cores * u64::from(asked.send_buffers), BUFFER_LEN),
            share("commands on their way", cores * u64::from(asked.command_ring), sizes.command),
            share("frames on their way to control", cores, asked.punt_ring_octets as usize),
            // Any core may carry any leg: each has room for all of them.
            share("relays", cores * u64::from(asked.legs_max), sizes.relay),
            share("peers", cores * u64::from(asked.peers_max), sizes.peer),
            share("busy peers' arrays", cores * u64::from(asked.big_peers), sizes.big_peer),
            share("published relay words", asked.legs_max.into(), sizes.relay_cell),
        ];
        let sockets = cores * asked.sockets as u64;
        Self {
            shares,
            // Each socket and its duplicate for control; each core its ring and doorbell.
            files: 2 * sockets + 2 * cores + FILES_BESIDE,
            locked_octets: cores * QUEUE_OCTETS,
            socket_buffer: asked.socket_buffer.into(),
        }
    }

    /// Octets of memory in all.
    pub fn octets(&self) -> u64 {
        self.shares.iter().map(Share::octets).sum()
    }
}

/// Octets of a receive or send buffer, and of the headers the kernel puts before what it received.
const BUFFER_LEN: usize = 65_536 + 256;

/// Octets of the queues one io_uring shares with the kernel.
const QUEUE_OCTETS: u64 = 512 * 1024;

/// Descriptors that are not of cores: standard streams, signals, doorbells, name look-ups.
const FILES_BESIDE: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: ItemSizes =
        ItemSizes { command: 1500, relay: 80, relay_cell: 16, peer: 256, big_peer: 131_072 };

    fn asked(cores: usize) -> Asked {
        Asked {
            cores,
            sockets: 2,
            legs_max: 8192,
            peers_max: 1024,
            big_peers: 16,
            command_ring: 1024,
            punt_ring_octets: 1 << 20,
            receive_buffers: 64,
            send_buffers: 128,
            socket_buffer: 4 << 20,
        }
    }

    #[test]
    fn memory_is_the_sum_of_its_shares() {
        let limits = Limits::derive(&asked(1), &SIZES);
        let by_hand = (64 + 128) * (65_536 + 256)
            + 1024 * 1500
            + (1 << 20)
            + 8192 * 80
            + 1024 * 256
            + 16 * 131_072
            + 8192 * 16;
        assert_eq!(limits.octets(), by_hand);
        assert_eq!(limits.files, 2 * 2 + 2 + 32);
    }

    #[test]
    fn a_second_core_doubles_all_but_what_is_shared() {
        let (one, two) = (Limits::derive(&asked(1), &SIZES), Limits::derive(&asked(2), &SIZES));
        assert_eq!(two.octets(), 2 * one.octets() - 8192 * 16);
        assert_eq!(two.locked_octets, 2 * one.locked_octets);
    }
}

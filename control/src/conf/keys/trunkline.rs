//! Keys of `trunkline.conf`: what Asterisk has no key for.

use super::{Key, Kind, Mark, Scope, keys};

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = keys! {
    "new_timeout" in SWITCH: { Kind::Number(100, 60_000, "ms"), "2000",
        "A NEW without any answer gives up after this, and the next route is tried." }
    "register_retry" in SWITCH: { Kind::Number(1, 3600, "s"), "10",
        "Wait after a first failed registration; it doubles with each further one." }
    "register_retry_max" in SWITCH: { Kind::Number(1, 86_400, "s"), "300", "Longest wait between failed registrations." }
    "register_quiet" in SWITCH: { Kind::Number(0, 3600, "s"), "65",
        "Silence kept after several time-outs in a row, so that a stuck NAT entry on the way can expire." }
    "dns_refresh" in SWITCH: { Kind::Number(10, 86_400, "s"), "300", "How often host names are resolved again." }
    "trunk_max_call_numbers" in SWITCH: { Kind::Number(2, 32_766, "legs"), "32766",
        "Legs of a trunk peer's address, where maxcallnumbers says nothing." }
    "g711_conversion" in SWITCH: { Kind::Bool, "yes",
        "Whether u-law and A-law are converted where two legs share no codec." }
    "astkeydir" in SWITCH: { Kind::Text, "keys",
        "Directory of RSA keys, NAME.pub and NAME.key; below the configuration's unless it begins with a slash." }
    "key_passphrase_file" in SWITCH: { Kind::Text, "",
        "File whose first line opens encrypted private keys; TRUNKLINE_KEY_PASSPHRASE and TRUNKLINE_KEY_PASSPHRASE_FILE go before it." }
    "loop_calls_max" in SWITCH: { Kind::Number(0, 32, "calls"), "4",
        "Calls of one number by one caller in 2 s; more is a loop of switches and ends with cause 25. 0: no such guard." }

    "calls_max_in" in TERMS: { Kind::Number(1, 1_048_576, "calls"), "",
        "Calls from the section at a time; call-limit in iax.conf says the same." }
    "calls_max_out" in TERMS: { Kind::Number(1, 1_048_576, "calls"), "", "Calls to the section at a time." }
    "cps_max_in" in TERMS: { Kind::Number(1, 100_000, "calls a second"), "",
        "Calls from the section a second; so many may come at once." }
    "cps_max_out" in TERMS: { Kind::Number(1, 100_000, "calls a second"), "",
        "Calls to the section a second; so many may go at once." }
    "call_seconds_max" in TERMS: { Kind::Number(1, 31_536_000, "s"), "",
        "Longest call from or to the section, from its answer on." }
    "trusted" in TERMS: { Kind::Bool, "no",
        "Whether the section is told who calls even where the caller's presentation is prohibited." }
    "dialplan_queries" in TERMS: { Kind::Bool, "no",
        "Whether callers who have proved to be the section may ask which numbers there are (DPREQ)." }

    "cores" in DATAPLANE: { Kind::Special("auto, or 1 to 64"), "auto",
        "Threads that carry voice; auto: as many as the CPUs the process was given allow." }
    "io" in DATAPLANE: { Kind::Choice(&["auto", "io_uring", "mmsg"]), "auto",
        "Which way octets move; auto: io_uring unless the kernel refuses it." }
    "legs_max" in DATAPLANE: { Kind::Number(2, 1_048_576, "legs"), "65536",
        "Call legs in the whole process, room made at start. One pair of addresses and ports holds 32766 of them." }
    "peers_max" in DATAPLANE: { Kind::Number(1, 1_048_576, "peers"), "4096",
        "Pairs of local socket and remote address known at a time." }
    "command_ring" in DATAPLANE: { Kind::Number(64, 1_048_576, "entries"), "4096",
        "Entries of the ring from control to each core." }
    "punt_ring_octets" in DATAPLANE: { Kind::Number(65_536, 1_073_741_824, "octets"), "4194304",
        "Octets of the ring from each core to control." }
    "receive_buffers" in DATAPLANE: { Kind::Number(1, 4096, "buffers"), "64", "Receive buffers of 64 KiB per core that io_uring fills, rounded up to a power of two; recvmmsg takes batches of 16." }
    "send_buffers" in DATAPLANE: { Kind::Number(1, 32_768, "buffers"), "256", "Send buffers of 64 KiB per core." }
    "socket_buffer" in DATAPLANE: { Kind::Number(65_536, 1_073_741_824, "octets"), "16777216",
        "Octets of socket buffer asked for, each way." }

    "level" in LOG: { Kind::Choice(&["error", "warn", "info", "debug", "trace"]), "info", "How much is logged." }
    "filter" in LOG: { Kind::Text, "", "Levels by part, in the syntax of tracing's filter; goes before level." }
    "format" in LOG: { Kind::Choice(&["human", "json"]), "human", "How lines look." }
};

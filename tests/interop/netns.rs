//! The network of one case: three namespaces in a row, PBX A, switch, PBX B.
//!
//! Every case has its own, so the same addresses serve all of them. Segmentation offload is off on
//! the links, so that the capture shows the datagrams as a wire would carry them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;

use crate::setup::Side;
use crate::{Outcome, kernel, shell};

/// Three namespaces and the two links between them; gone when dropped.
#[derive(Debug)]
pub(crate) struct Network {
    tag: String,
    v6: bool,
}

impl Network {
    /// Lays it. `routed`: the middle forwards packets, so that the PBXes reach each other without a
    /// switch.
    ///
    /// # Errors
    /// `ip` or `ethtool` refuse.
    pub(crate) fn lay(tag: &str, v6: bool, routed: bool) -> Outcome<Self> {
        let network = Self { tag: tag.to_owned(), v6 };
        for place in ["a", "s", "b"] {
            shell::run("ip", &["netns", "add", &network.name(place)])?;
            network.ip(place, "link set lo up")?;
        }
        for side in [Side::A, Side::B] {
            network.link(side)?;
        }
        if routed {
            network.within("s", || {
                std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
                std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1")
            })?;
        }
        Ok(network)
    }

    fn link(&self, side: Side) -> Outcome<()> {
        let place = side.letter();
        let (ours, theirs) = (format!("to-{place}"), "eth0");
        self.ip(
            "s",
            &format!("link add {ours} type veth peer name {theirs} netns {}", self.name(place)),
        )?;
        for (place, device, address) in
            [("s", ours.as_str(), self.switch(side)), (place, theirs, self.pbx(side))]
        {
            let (bits, options) = if self.v6 { (64, " nodad") } else { (24, "") };
            self.ip(place, &format!("addr add {}/{bits} dev {device}{options}", address.ip()))?;
            self.ip(place, &format!("link set {device} up"))?;
            let name = self.name(place);
            let offload = ["netns", "exec", &name, "ethtool", "-K", device];
            shell::run(
                "ip",
                &[&offload[..], &["tx-udp-segmentation", "off", "gro", "off"]].concat(),
            )?;
        }
        self.ip(place, &format!("route add default via {}", self.switch(side).ip()))
    }

    fn ip(&self, place: &str, words: &str) -> Outcome<()> {
        let name = self.name(place);
        let mut line = vec!["-n", &name];
        line.extend(words.split(' '));
        shell::run("ip", &line).map(|_said| ())
    }

    /// A namespace's name: `a`, `s` or `b` of this case.
    pub(crate) fn name(&self, place: &str) -> String {
        format!("{}-{place}", self.tag)
    }

    /// Where the switch hears that PBX.
    pub(crate) fn switch(&self, side: Side) -> SocketAddr {
        self.address(side, 1)
    }

    /// Where that PBX is.
    pub(crate) fn pbx(&self, side: Side) -> SocketAddr {
        self.address(side, 2)
    }

    fn address(&self, side: Side, host: u8) -> SocketAddr {
        let net = side.number() + 1;
        let ip = if self.v6 {
            IpAddr::from([0xfd77, u16::from(net), 0, 0, 0, 0, 0, u16::from(host)])
        } else {
            IpAddr::from([10, 77, net, host])
        };
        SocketAddr::new(ip, 4569)
    }

    /// Does something from inside a namespace; sockets made there stay there.
    ///
    /// # Errors
    /// The namespace cannot be entered, or what is done there fails.
    pub(crate) fn within<T: Send>(
        &self,
        place: &str,
        what: impl FnOnce() -> io::Result<T> + Send,
    ) -> Outcome<T> {
        let path = PathBuf::from("/run/netns").join(self.name(place));
        let done = thread::scope(|scope| {
            let inside = scope.spawn(|| kernel::enter_network(&path).and_then(|()| what()));
            inside.join().map_err(|_panic| io::Error::other("panicked"))
        });
        done.flatten().map_err(|error| format!("in {}: {error}", self.name(place)))
    }
}

/// Removes the namespaces that interrupted runs have left behind.
pub(crate) fn sweep() {
    let Ok(names) = std::fs::read_dir("/run/netns") else { return };
    for name in names.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name.strip_prefix(TAG).and_then(|rest| rest.split_once('-'));
        if process.is_some_and(|(number, _)| !Path::new("/proc").join(number).exists()) {
            let _best_effort = shell::run("ip", &["netns", "del", &name]);
        }
    }
}

/// What a case's namespaces are called after; then the process and the place in it.
pub(crate) const TAG: &str = "trunkline";

impl Drop for Network {
    fn drop(&mut self) {
        for place in ["a", "s", "b"] {
            let _best_effort = shell::run("ip", &["netns", "del", &self.name(place)]);
        }
    }
}

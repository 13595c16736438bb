//! The files of a switch that stands between the two PBXes of a pair.

use std::net::SocketAddr;

use crate::{Pair, Scenario};

/// What a switch needs to connect a scenario's PBXes: the texts of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchFiles {
    /// `iax.conf`: the switch's own address, and both PBXes as friends with trunks.
    pub iax: String,
    /// `extensions.conf`: every number of PBX A's goes to PBX B, and the other way.
    pub extensions: String,
    /// `trunkline.conf`: room for the scenario's calls.
    pub trunkline: String,
}

impl SwitchFiles {
    /// The files for a switch bound to `switch` between `pair`, for `scenario`.
    pub fn new(switch: SocketAddr, pair: &Pair, scenario: &Scenario) -> Self {
        Self {
            iax: iax_conf(switch, pair, scenario),
            extensions: EXTENSIONS.to_owned(),
            trunkline: format!("[dataplane]\nlegs_max = {}\n", 2 * scenario.calls + 1024),
        }
    }
}

fn iax_conf(switch: SocketAddr, pair: &Pair, scenario: &Scenario) -> String {
    let (ip, port) = (switch.ip(), switch.port());
    let mut text = format!(
        "[general]\nbindaddr = {ip}\nbindport = {port}\nrequirecalltoken = yes\ntrunktimestamps = yes\n\
         disallow = all\nallow = ulaw\n"
    );
    let b = scenario.callee_asks.account.as_ref();
    for (name, at, secret, username) in [
        ("pbx-a", pair.caller_addr(), Some(&scenario.caller.secret), None),
        ("pbx-b", pair.callee_addr(), b.map(|b| &b.secret), b.map(|b| &b.username)),
    ] {
        text += &format!("\n[{name}]\ntype = friend\nhost = {}\nport = {}\n", at.ip(), at.port());
        if let Some(secret) = secret {
            text += &format!("auth = md5\nsecret = {secret}\n");
        }
        if let Some(username) = username {
            text += &format!("username = {username}\n");
        }
        text += &format!("context = from-{name}\ntrunk = yes\nqualify = no\n");
    }
    text
}

const EXTENSIONS: &str = "\
[from-pbx-a]
exten => _1XXXXXX,1,Dial(IAX2/pbx-b/${EXTEN},30)
 same => n,Hangup(${HANGUPCAUSE})

[from-pbx-b]
exten => _1XXXXXX,1,Dial(IAX2/pbx-a/${EXTEN},30)
 same => n,Hangup(${HANGUPCAUSE})
";

//! The files of a switch that stands between the two PBXes of a pair.

use std::net::SocketAddr;

use crate::{Pair, Scenario};

/// What a switch needs to connect a scenario's PBXes: the texts of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchFiles {
    /// `iax.conf`: the switch's own address, and both PBXes with trunks, A as a friend, B as a peer that only gets
    /// calls.
    pub iax: String,
    /// `extensions.conf`: the numbers PBX A calls lead to PBX B.
    pub extensions: String,
    /// `trunkline.conf`: room for the scenario's calls, all of which one caller makes.
    pub trunkline: String,
}

impl SwitchFiles {
    /// The files for a switch bound to `switch` between `pair`, for `scenario`.
    pub fn new(switch: SocketAddr, pair: &Pair, scenario: &Scenario) -> Self {
        Self {
            iax: iax_conf(switch, pair, scenario),
            extensions: EXTENSIONS.to_owned(),
            trunkline: format!(
                "[general]\nloop_calls_max = 0\n[dataplane]\nlegs_max = {}\n",
                2 * scenario.calls + 1024
            ),
        }
    }
}

fn iax_conf(switch: SocketAddr, pair: &Pair, scenario: &Scenario) -> String {
    let (ip, port) = (switch.ip(), switch.port());
    let mut text = format!(
        "[general]\nbindport = {port}\nbindaddr = {ip}\ntrunktimestamps = yes\n\
         disallow = all\nallow = ulaw\n"
    );
    let b = scenario.callee_asks.account.as_ref();
    for (name, at, role, secret, username) in [
        ("pbx-a", pair.caller_addr(), CALLS_US, Some(&scenario.caller.secret), None),
        ("pbx-b", pair.callee_addr(), IS_CALLED, b.map(|b| &b.secret), b.map(|b| &b.username)),
    ] {
        text += &format!("\n[{name}]\n{role}host = {}\nport = {}\n", at.ip(), at.port());
        if let Some(secret) = secret {
            text += &format!("auth = md5\nsecret = {secret}\n");
        }
        if let Some(username) = username {
            text += &format!("username = {username}\n");
        }
        text += "trunk = yes\nqualify = no\n";
    }
    text
}

const CALLS_US: &str = "type = friend\ncontext = from-pbx-a\nrequirecalltoken = yes\n";
/// Both PBXes have one address, so B as a user would be a second door for A's calls.
const IS_CALLED: &str = "type = peer\n";
const EXTENSIONS: &str = "\
[from-pbx-a]
exten => _1XXXXXX,1,Dial(IAX2/pbx-b/${EXTEN},30)
 same => n,Hangup(${HANGUPCAUSE})
";

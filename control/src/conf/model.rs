//! The configuration as typed values, every one within its range.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dataplane::wire::{Capability, MediaFormat};
use ipnet::IpNet;

use super::{DataplaneConf, Limits, LogConf, Place};

/// Everything `iax.conf` and `trunkline.conf` say.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[general]` of `iax.conf`.
    pub general: General,
    /// Sections of type user and the user half of friends, in file order.
    pub users: Vec<Arc<User>>,
    /// Sections of type peer and the peer half of friends, in file order.
    pub peers: Vec<Arc<Peer>>,
    /// `register =>` lines in file order.
    pub registers: Vec<RegisterLine>,
    /// `[callnumberlimits]`: the longest prefix that covers an address decides.
    pub call_number_limits: Vec<(IpNet, u16)>,
    /// `[dataplane]` of `trunkline.conf`.
    pub dataplane: DataplaneConf,
    /// `[log]` of `trunkline.conf`.
    pub log: LogConf,
}

/// `[general]`: what holds for the whole switch.
#[derive(Debug, Clone)]
pub struct General {
    /// Local addresses to bind, one [`dataplane::handoff::SocketId`] each in this order; never empty.
    pub binds: Vec<SocketAddr>,
    /// TOS octet of everything sent.
    pub tos: u8,
    /// 802.1p priority, 0..=7.
    pub cos: u8,
    /// Whether host names are looked up as SRV `_iax._udp` first.
    pub srv_lookup: bool,
    /// Interval of trunk frames, 10..=1000 ms.
    pub trunk_freq: Duration,
    /// Most octets of UDP payload of a trunk frame, 172..=3999.
    pub trunk_mtu: u16,
    /// Whether trunk entries we send carry time-stamps (`trunktimestamps`; here yes unless the file says no).
    pub trunk_timestamps: bool,
    /// Shortest registration granted.
    pub min_reg_expire: Duration,
    /// Longest registration granted; not below `min_reg_expire`.
    pub max_reg_expire: Duration,
    /// Sources that may come without a call token unless their section demands one.
    pub call_token_optional: Vec<IpNet>,
    /// `requirecalltoken` for sections that do not say.
    pub require_call_token: Option<RequireToken>,
    /// How old a call token may be.
    pub call_token_expiration: Duration,
    /// Legs per remote IP address, resting numbers included.
    pub max_call_numbers: MaxCallNumbers,
    /// Legs created without a valid token, in all.
    pub max_call_numbers_nonvalidated: u16,
    /// Whether refusals of credentials wait a second.
    pub delay_reject: bool,
    /// Whether each failed authentication is logged (one line each, rate limited).
    pub auth_debug: bool,
    /// Interval of PING in a call.
    pub ping_time: Duration,
    /// Interval of LAGRQ in a call; zero: none.
    pub lagrq_time: Duration,
    /// A NEW without any answer ends after twice this (`autokill`); `None`: after [`General::new_timeout`].
    pub autokill: Option<Duration>,
    /// A NEW without any answer gives up after this, and the next route is tried (`new_timeout` in `trunkline.conf`).
    pub new_timeout: Duration,
    /// Retry interval of failed registrations at first; doubles up to `register_retry_max`.
    pub register_retry: Duration,
    /// Longest retry interval of failed registrations.
    pub register_retry_max: Duration,
    /// Silence kept after several time-outs in a row, so that a stuck NAT entry on the way can expire.
    pub register_quiet: Duration,
    /// Calls of one number by one caller in 2 s, above which they go round in circles; 0: any.
    pub loop_calls_max: u16,
    /// How often host names are resolved again.
    pub dns_refresh: Duration,
    /// Largest number of legs on one 4-tuple's remote IP for configured trunk peers without a value of their own.
    pub trunk_max_call_numbers: u16,
    /// Whether the laws of G.711 are converted where two legs share no codec.
    pub g711_conversion: bool,
    /// Directory of RSA keys, below the configuration's unless it begins with a slash.
    pub key_dir: String,
    /// File whose first line opens encrypted private keys, named like [`General::key_dir`].
    pub key_passphrase_file: Option<String>,
}

/// A limit on legs that a configuration may have left to its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxCallNumbers {
    /// Not written: 2048 for strangers, 32,766 for configured trunk peers.
    Default,
    /// As written.
    Limit(u16),
}

/// Whether a section demands a call token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequireToken {
    /// Always.
    Yes,
    /// Never.
    No,
    /// Not until the first valid one has come.
    Auto,
}

/// A secret. Shows as dots in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Keeps `secret`'s octets.
    pub fn new(secret: impl AsRef<[u8]>) -> Self {
        Self(secret.as_ref().into())
    }

    /// The octets, for the hash and nothing else.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Methods of authentication, the bits of the AUTHMETHODS element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Methods(pub u16);

impl Methods {
    /// Secret in clear.
    pub const PLAINTEXT: Self = Self(1);
    /// MD5 of challenge and secret.
    pub const MD5: Self = Self(2);
    /// Signature over the challenge.
    pub const RSA: Self = Self(4);

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0 && other.0 != 0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How a section proves others, or itself.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Secrets: a user accepts each; a peer has at most one, to answer with and to check registrants by.
    pub secrets: Vec<Secret>,
    /// Names of public keys that prove others.
    pub in_keys: Vec<String>,
    /// Name of the private key we sign with.
    pub out_key: Option<String>,
    /// Methods offered to callers and registrants, defaults applied; empty: no authentication.
    pub methods: Methods,
}

impl Credentials {
    /// Whether anything must be proved.
    pub fn are_required(&self) -> bool {
        !self.secrets.is_empty() || !self.in_keys.is_empty()
    }
}

/// One `permit` or `deny` item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What it covers.
    pub net: IpNet,
    /// Whether it lets in.
    pub permit: bool,
}

/// Access rules of a section: its own items in file order, and named lists that must allow too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acl {
    /// The section's items; the last that covers an address decides, none: allowed.
    pub rules: Vec<Rule>,
    /// The named lists of `acl.conf`, each judged alike.
    pub named: Vec<(String, Vec<Rule>)>,
}

impl Acl {
    /// Whether `source` may come in.
    pub fn allows(&self, source: IpAddr) -> bool {
        let verdict = |rules: &[Rule]| {
            rules
                .iter()
                .rev()
                .find(|rule| rule.net.contains(&source))
                .is_none_or(|rule| rule.permit)
        };
        verdict(&self.rules) && self.named.iter().all(|(_, rules)| verdict(rules))
    }

    /// Whether there is any rule at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.named.is_empty()
    }

    /// Whether `source` is let in by a rule that keeps others out: what decision 4 calls a narrowing list.
    pub fn narrows_to(&self, source: IpAddr) -> bool {
        let narrows = |rules: &[Rule]| {
            let decides = rules.iter().rev().find(|rule| rule.net.contains(&source));
            decides.is_some_and(|rule| rule.permit) && rules.iter().any(|rule| !rule.permit)
        };
        self.allows(source)
            && (narrows(&self.rules) || self.named.iter().any(|(_, rules)| narrows(rules)))
    }
}

/// What a section allows, in order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codecs {
    /// The set.
    pub set: Capability,
    /// The order of preference; every member is in the set.
    pub order: Vec<MediaFormat>,
}

/// Whose preference decides the codec (`codecpriority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CodecPriority {
    /// Ours.
    #[default]
    Host,
    /// The caller's.
    Caller,
    /// Nobody's: the format asked for, else the best.
    Disabled,
    /// The format asked for, or none.
    ReqOnly,
}

/// Encryption wanted of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptionPolicy {
    /// None.
    #[default]
    Off,
    /// Where the peer can.
    Offered,
    /// Calls without it are refused.
    Forced,
}

/// Which way connected-line and redirecting frames may go on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectedLine {
    /// To the peer.
    pub send: bool,
    /// From the peer.
    pub receive: bool,
}

/// CDR flag of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmaFlags {
    /// `default`.
    Default,
    /// `omit`.
    Omit,
    /// `billing`.
    Billing,
    /// `documentation`.
    Documentation,
}

/// A caller's number and name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallerId {
    /// The number.
    pub number: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// Who may call us.
#[derive(Debug, Clone)]
pub struct User {
    /// Section name, compared with case.
    pub name: String,
    /// Where the section begins, for log lines and `check`.
    pub place: Place,
    /// What a caller must prove.
    pub credentials: Credentials,
    /// Where calls may come from.
    pub acl: Acl,
    /// Addresses of the same section's peer half, if fixed: a caller without USERNAME from there is this user.
    pub host: Option<Host>,
    /// Contexts a caller may ask for; the first is where calls go that ask for none. Never empty.
    pub contexts: Vec<String>,
    /// Whether any context may be asked for (`context=*`).
    pub any_context: bool,
    /// Codecs allowed.
    pub codecs: Codecs,
    /// Whose preference decides.
    pub codec_priority: CodecPriority,
    /// Whether a token is demanded.
    pub require_call_token: Option<RequireToken>,
    /// Unanswered challenges at a time; 0: no limit.
    pub max_auth_req: u32,
    /// How many calls may come.
    pub limits: Limits,
    /// Whether its callers, once proved, may ask which numbers there are.
    pub dialplan_queries: bool,
    /// Overrides the caller id received.
    pub caller_id: Option<CallerId>,
    /// Whether the calling number received is shrunk.
    pub shrink_caller_id: bool,
    /// Overrides the language received.
    pub language: Option<String>,
    /// Default language of calls without one.
    pub default_language: Option<String>,
    /// CDR account.
    pub account_code: Option<String>,
    /// CDR flag.
    pub ama_flags: Option<AmaFlags>,
    /// Channel variables set on each call, in order.
    pub variables: Vec<(String, String)>,
    /// Connected-line frames.
    pub connected_line: ConnectedLine,
    /// Encryption wanted.
    pub encryption: EncryptionPolicy,
}

/// Where a peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Where its registration says (`host=dynamic`).
    Dynamic,
    /// At a fixed address.
    Address(SocketAddr),
    /// At a name that is resolved before the first call and again now and then.
    Name {
        /// The name.
        name: String,
        /// The port, if written; else SRV's or 4569.
        port: Option<u16>,
    },
}

/// Reachability tests of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qualify {
    /// Round trip above which the peer counts as lagged.
    pub max: Duration,
    /// Whether the last two round trips are averaged.
    pub smoothing: bool,
    /// Interval while reachable.
    pub freq_ok: Duration,
    /// Interval while not.
    pub freq_not_ok: Duration,
}

/// Whom we call, and who may register.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Section name, compared with case.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// Where it is.
    pub host: Host,
    /// Where it is while not registered.
    pub default_addr: Option<SocketAddr>,
    /// Index into [`General::binds`] of the socket to send from, where `sourceaddress` says.
    pub source: Option<u8>,
    /// What we answer challenges with, and what a registrant must prove.
    pub credentials: Credentials,
    /// Where registrations may come from.
    pub acl: Acl,
    /// USERNAME sent when calling.
    pub username: Option<String>,
    /// CALLED_CONTEXT sent where the dial string names none.
    pub peer_context: Option<String>,
    /// Whether voice shares trunk frames.
    pub trunk: bool,
    /// Overrides [`General::trunk_timestamps`].
    pub trunk_timestamps: Option<bool>,
    /// Codecs allowed.
    pub codecs: Codecs,
    /// Whether CALLING_ANI is sent.
    pub send_ani: bool,
    /// Caller id told to a registrant.
    pub caller_id: Option<CallerId>,
    /// Whether a token is demanded of registrations.
    pub require_call_token: Option<RequireToken>,
    /// Legs its address may have; `None`: the general rule.
    pub max_call_numbers: Option<u16>,
    /// How many calls may go to it.
    pub limits: Limits,
    /// Whether it is told who calls even where that is prohibited.
    pub trusted: bool,
    /// Reachability tests; `None`: none.
    pub qualify: Option<Qualify>,
    /// Connected-line frames.
    pub connected_line: ConnectedLine,
    /// Encryption wanted.
    pub encryption: EncryptionPolicy,
    /// A note for operators.
    pub description: Option<String>,
    /// Default language of calls to it.
    pub language: Option<String>,
}

impl Peer {
    /// Where it is without a name looked up or a registration.
    pub fn home(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(address) => Some(address),
            Host::Dynamic | Host::Name { .. } => self.default_addr,
        }
    }
}

/// A `register =>` line.
#[derive(Debug, Clone)]
pub struct RegisterLine {
    /// Where it stands.
    pub place: Place,
    /// The section at the far end.
    pub user: String,
    /// What we answer its challenge with.
    pub secret: Option<Secret>,
    /// Name of the private key, written in brackets in place of the secret.
    pub key: Option<String>,
    /// The registrar; never dynamic.
    pub host: Host,
}

//! Keys of `[general]` in `iax.conf`, and those that its sections share with it.

use super::{Key, Kind, Mark, Scope, keys};

const CODECS: Kind = Kind::Special("codec names with commas between them, or all");

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = keys! {
    "bindport" in GENERAL: { Kind::Number(1, 65535, ""), "4569",
        "Port of the bindaddr lines below it that name none, and of the wildcard address." }
    "bindaddr" in GENERAL: { Kind::Special("an address, or an address with :port, IPv6 in brackets"), "0.0.0.0",
        "Local address to bind; may be given several times. The first is where what has no other source leaves from." }
    "tos" in GENERAL: { Kind::Special("CS0 to CS7, AF11 to AF43, EF, or the octet as a number up to 255"), "0",
        "TOS octet of everything sent." }
    "cos" in GENERAL: { Kind::Number(0, 7, ""), "0", "802.1p priority of everything sent." }
    "srvlookup" in GENERAL: { Kind::Bool, "no", "Look host names up as SRV _iax._udp first." }
    "trunkfreq" in GENERAL: { Kind::Number(10, 1000, "ms"), "20", "Interval of trunk frames." }
    "trunkmtu" in GENERAL: { Kind::Special("172 to 3999 octets"), "1240",
        "Most octets of a trunk frame; it is sent early when the next entry would not fit." }
    "trunktimestamps" in GENERAL: { Kind::Bool, "yes",
        "Whether trunk entries we send carry time-stamps. The default differs from chan_iax2's (no), whose form loses \
         each talker's own timing; every receiver in the field reads both." }
    "register" in GENERAL: { Kind::Special("user[:secret]@host[:port]"), "",
        "Register us at another host; user is the section there. May be given several times." }
    "minregexpire" in GENERAL: { Kind::Number(1, 65535, "s"), "60", "Shortest registration granted." }
    "maxregexpire" in GENERAL: { Kind::Number(1, 65535, "s"), "60", "Longest registration granted." }
    "calltokenoptional" in GENERAL: { Kind::Special("address or address/mask"), "",
        "Sources that may come without a call token, unless their section demands one. May be given several times." }
    "calltokenexpiration" in GENERAL: { Kind::Number(1, 3600, "s"), "10", "Greatest age of a call token." }
    "maxcallnumbers" in GENERAL: { Kind::Number(1, 65535, "legs"), "",
        "Legs per remote address, resting numbers included: 2048 unless written, 32766 for trunk peers." }
    "maxcallnumbers_nonvalidated" in GENERAL: { Kind::Number(0, 65535, "legs"), "8192",
        "Legs created without a valid call token, in all." }
    "maxauthreq" in GENERAL: { Kind::Number(0, 65535, "challenges"), "",
        "Unanswered challenges of a user at a time, 0 for no limit: 3 unless written, 1000 for trunk peers." }
    "delayreject" in GENERAL: { Kind::Bool, "no", "Wait a second before credentials are refused." }
    "authdebug" in GENERAL: { Kind::Bool, "no", "Log each failed authentication." }
    "auth" in GENERAL: { Kind::Special("md5, rsa, plaintext with commas between them"), "",
        "Methods offered by sections that do not say." }
    "encryption" in GENERAL: { Kind::Special("yes, no or aes128"), "no", "Encrypt calls of sections that do not say." }
    "forceencryption" in GENERAL: { Kind::Special("yes, no or aes128"), "no", "Refuse calls without encryption." }
    "requirecalltoken" in GENERAL: { Kind::Special("yes, no or auto"), "",
        "Whether sections that do not say demand a call token. chan_iax2 reads it in sections only." }
    "bandwidth" in GENERAL: { Kind::Choice(&["low", "medium", "high"]), "high",
        "Start again with the codecs of this bandwidth: allow and disallow lines above it are lost." }
    "disallow" in GENERAL: { CODECS, "", "Codecs to remove." }
    "allow" in GENERAL: { CODECS, "", "Codecs to add behind those already there." }
    "codecpriority" in GENERAL: { Kind::Choice(&["host", "caller", "disabled", "reqonly"]), "host",
        "Whose order of preference decides the codec of an incoming call." }
    "pingtime" in GENERAL: { Kind::Number(1, 3600, "s"), "21", "Interval of PING in a call." }
    "lagrqtime" in GENERAL: { Kind::Number(0, 3600, "s"), "10", "Interval of LAGRQ in a call, 0 for none." }
    "autokill" in GENERAL: { Kind::Special("yes, no, or 100 to 60000 ms"), "no",
        "End a call that gets no answer at all to its NEW after twice this; yes is 2000." }
    "connectedline" in GENERAL: { Kind::Choice(&["yes", "no", "send", "receive"]), "no",
        "Which way connected-line and redirecting frames may go." }
    "language" in GENERAL: { Kind::Text, "", "Language of calls that name none." }
    "accountcode" in GENERAL: { Kind::Text, "", "Account of calls in the records." }
    "amaflags" in GENERAL: { Kind::Choice(&["default", "omit", "billing", "documentation"]), "",
        "Flag of calls in the records." }
    "shrinkcallerid" in GENERAL: { Kind::Bool, "yes",
        "Remove blanks, brackets, dashes and dots from the calling number of incoming calls." }

    "nochecksums" in GENERAL: { Warn "datagrams always carry a checksum here" }
    "iaxthreadcount" in GENERAL: { Warn "there are cores in place of worker threads: write cores= in [dataplane] of trunkline.conf" }
    "iaxmaxthreadcount" in GENERAL: { Warn "there are cores in place of worker threads: write cores= in [dataplane] of trunkline.conf" }
    "subscribe_network_change_event" in GENERAL: { Warn "there is no STUN monitor here" }
    "trunkmaxsize" in GENERAL: { Warn "trunk frames are bounded by trunkmtu here, and nothing beyond it is lost" }
    "regcontext" in GENERAL: { Warn "registrations make no extensions here: write the route in extensions.conf" }
    "parkinglot" in GENERAL: { Warn "there is no parking here" }
    "adsi" in ALL: { Quiet "for telephones with a screen of their own" }
    "iaxcompat" in GENERAL: { Quiet "remote dialplans are asked by nobody here" }
    "allowfwdownload" in GENERAL: { RejectYes "this switch has no firmware to serve, and serving it amplifies attacks" }
    "rtcachefriends" in GENERAL: { Warn "there is no realtime database here" }
    "rtsavesysname" in GENERAL: { Warn "there is no realtime database here" }
    "rtupdate" in GENERAL: { Quiet "there is no realtime database here" }
    "rtautoclear" in GENERAL: { Warn "there is no realtime database here" }
    "rtignoreregexpire" in GENERAL: { Warn "there is no realtime database here" }

    "transfer" in ALL: { Kind::Choice(&["yes", "no", "mediaonly"]), "no",
        "Whether the far end may move a call out of the switch. Only `no` is done here; the default is no." }
    "mohinterpret" in ALL: { Kind::Text, "passthrough",
        "What to do when told to hold. Only `passthrough` is done here: hold goes on to the other side." }
    "mohsuggest" in ALL: { Quiet "music on hold is the far end's" }
    "jitterbuffer" in ALL: { Warn "this release has no jitter buffer, voice goes on as it comes" }
    "maxjitterbuffer" in ALL: { Warn "this release has no jitter buffer, voice goes on as it comes" }
    "resyncthreshold" in ALL: { Warn "this release has no jitter buffer, voice goes on as it comes" }
    "maxjitterinterps" in ALL: { Warn "this release has no jitter buffer, voice goes on as it comes" }
    "jittertargetextra" in ALL: { Warn "this release has no jitter buffer, voice goes on as it comes" }
    "forcejitterbuffer" in ALL: { Quiet "nothing has read it for years" }
};

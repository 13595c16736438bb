//! Keys of sections of type user, peer and friend.

use super::{Key, Kind, Mark, Scope, keys};

const CODECS: Kind = Kind::Special("codec names with commas between them, or all");
const NETS: Kind =
    Kind::Special("address, address/bits or address/mask, with commas between them, ! inverts");

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = keys! {
    "type" in BOTH: { Kind::Choice(&["user", "peer", "friend"]), "",
        "user: who may call us; peer: whom we call and who registers; friend: both. Must be written." }
    "secret" in USER: { Kind::Text, "",
        "What a caller must know. May be given several times, and any of them opens." }
    "secret" in PEER: { Kind::Text, "",
        "What we answer challenges with, and what a registrant must know; the last line counts." }
    "auth" in BOTH: { Kind::Special("md5, rsa, plaintext with commas between them"), "",
        "Methods offered to whoever must prove something; md5 for a secret, rsa for inkeys unless written." }
    "inkeys" in BOTH: { Kind::Special("names of public keys with : between them"), "",
        "Public keys that prove a caller or registrant." }
    "outkey" in PEER: { Kind::Text, "", "Private key we sign with when we call." }
    "username" in PEER: { Kind::Text, "",
        "USERNAME sent when we call: the section at the far end. Without it none is sent, and the far end guesses." }
    "username" in USER: { Quiet "a caller is known by the section's name" }
    "encryption" in BOTH: { Kind::Special("yes, no or aes128"), "", "Encrypt calls; no undoes the general yes." }
    "forceencryption" in BOTH: { Kind::Special("yes, no or aes128"), "", "Refuse calls without encryption." }
    "requirecalltoken" in BOTH: { Kind::Special("yes, no or auto"), "",
        "Whether a call token is demanded; auto: from the first valid one on." }
    "maxauthreq" in USER: { Kind::Number(0, 65535, "challenges"), "",
        "Unanswered challenges at a time, 0 for no limit." }
    "call-limit" in USER: { Kind::Number(0, 1_048_576, "calls"), "",
        "Calls from it at a time, 0 for no limit; calls_max_in in trunkline.conf goes before it." }
    "maxcallnumbers" in PEER: { Kind::Number(0, 65535, "legs"), "0",
        "Legs its address may have; 0: what [general] says." }
    "host" in PEER: { Kind::Special("dynamic, an address or a host name"), "",
        "Where it is; dynamic: where it registers from." }
    "port" in PEER: { Kind::Number(1, 65535, ""), "4569", "Port of host, or of defaultip for host=dynamic." }
    "defaultip" in PEER: { Kind::Special("an address"), "", "Where it is while it has not registered." }
    "mask" in PEER: { Warn "credentials are chosen by the section that was dialled here, not by address" }
    "sourceaddress" in PEER: { Kind::Special("an address with or without :port that bindaddr names, too"), "",
        "Which of our addresses we send to it from." }
    "permit" in BOTH: { NETS, "",
        "Sources let in. In file order with deny, the last that covers a source decides; none: let in." }
    "deny" in BOTH: { NETS, "", "Sources kept out; see permit." }
    "acl" in BOTH: { Kind::Special("names of lists in acl.conf with commas between them"), "",
        "Lists that must let a source in, too." }
    "context" in USER: { Kind::Text, "default",
        "Dialplan context of calls; with several lines a caller may ask for any of them, and * is any there is." }
    "context" in PEER: { Quiet "routing follows the caller's context" }
    "peercontext" in PEER: { Kind::Text, "", "Context asked for at the far end where the dial string names none." }
    "callerid" in USER: { Kind::Special("Name <number>, or asreceived"), "asreceived",
        "Caller id in place of what the caller sent." }
    "callerid" in PEER: { Kind::Special("Name <number>"), "", "Caller id told to a registrant." }
    "fullname" in BOTH: { Kind::Text, "", "Name of callerid." }
    "cid_number" in BOTH: { Kind::Text, "", "Number of callerid." }
    "sendani" in PEER: { Kind::Bool, "no", "Send CALLING_ANI." }
    "language" in BOTH: { Kind::Text, "", "Language of its calls." }
    "accountcode" in USER: { Kind::Text, "", "Account of its calls in the records." }
    "amaflags" in USER: { Kind::Choice(&["default", "omit", "billing", "documentation"]), "",
        "Flag of its calls in the records." }
    "setvar" in USER: { Kind::Special("name=value"), "", "Dialplan variable of its calls. May be given several times." }
    "immediate" in USER: { Warn "hot-line telephones are not served here" }
    "parkinglot" in BOTH: { Warn "there is no parking here" }
    "connectedline" in BOTH: { Kind::Choice(&["yes", "no", "send", "receive"]), "",
        "Which way connected-line and redirecting frames may go." }
    "trunk" in PEER: { Kind::Bool, "no", "Voice of several calls shares datagrams." }
    "trunk" in USER: { Quiet "the peer's section decides" }
    "trunktimestamps" in PEER: { Kind::Bool, "", "Whether trunk entries sent to it carry time-stamps." }
    "disallow" in BOTH: { CODECS, "", "Codecs to remove from those of [general]." }
    "allow" in BOTH: { CODECS, "", "Codecs to add behind those already there: write disallow=all first." }
    "codecpriority" in USER: { Kind::Choice(&["host", "caller", "disabled", "reqonly"]), "",
        "Whose order of preference decides the codec of its calls." }
    "mailbox" in PEER: { Warn "there are no mailboxes here" }
    "regexten" in PEER: { Warn "registrations make no extensions here: write the route in extensions.conf" }
    "timezone" in PEER: { Warn "times are sent in UTC here" }
    "description" in PEER: { Kind::Text, "", "A note for operators." }
    "qualify" in PEER: { Kind::Special("yes, no, or 1 to 60000 ms"), "no",
        "Test whether it answers; above this round trip it counts as lagged. yes is 2000." }
    "qualifysmoothing" in PEER: { Kind::Bool, "no", "Judge by the mean of the last two round trips." }
    "qualifyfreqok" in PEER: { Kind::Number(1000, 86_400_000, "ms"), "60000", "Interval of tests while it answers in time." }
    "qualifyfreqnotok" in PEER: { Kind::Number(1000, 86_400_000, "ms"), "10000", "Interval of tests otherwise." }
    "hasvoicemail" in BOTH: { Quiet "there are no mailboxes here" }
    "dbsecret" in BOTH: { Reject "there is no database of secrets here: write secret=" }
};

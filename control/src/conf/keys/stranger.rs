//! Keys that IAX2 never had, or has no longer, and that files in the field carry all the same.

use super::{Key, Kind, Mark, Scope, keys};

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = keys! {
    "md5secret" in ALL: { Reject "IAX2 has no such key, so nothing would be asked of callers: write secret=" }
    "insecure" in ALL: { Reject "it is a SIP key and changes nothing about authentication here: remove it" }
    "autocreatepeer" in ALL: { RejectYes "it would let anybody register" }
    "allowguest" in ALL: { RejectNo "it is a SIP key: guests are kept out by having no section without a secret" }
    "busylevel" in BOTH: { Reject "this limit is not enforced: maxcallnumbers= bounds the legs of an address" }
    "incominglimit" in ALL: { Reject "this limit is not enforced: maxcallnumbers= bounds the legs of an address" }
    "outgoinglimit" in ALL: { Reject "this limit is not enforced: maxcallnumbers= bounds the legs of an address" }
    "notransfer" in ALL: { Kind::Bool, "", "Old spelling of transfer, the other way round." }
    "keyrotate" in ALL: { Warn "no release ever read it" }
    "callgroup" in ALL: { Warn "it is for telephones on other drivers" }
    "pickupgroup" in ALL: { Warn "it is for telephones on other drivers" }
    "defaultexpirey" in ALL: { Warn "it is a SIP key: write minregexpire= in [general]" }
    "defaultexpiry" in ALL: { Warn "it is a SIP key: write minregexpire= in [general]" }
    "maxexpirey" in ALL: { Warn "it is a SIP key: write maxregexpire= in [general]" }
    "maxexpiry" in ALL: { Warn "it is a SIP key: write maxregexpire= in [general]" }
    "externip" in ALL: { Warn "it is a SIP key: IAX2 needs no address of its own in messages" }
    "localnet" in ALL: { Warn "it is a SIP key: IAX2 needs no address of its own in messages" }
    "fromdomain" in ALL: { Warn "it is a SIP key" }
    "fromuser" in ALL: { Warn "it is a SIP key: username= is what we call ourselves" }
    "pedantic" in ALL: { Warn "it is a SIP key" }
    "trustrpid" in ALL: { Warn "it is a SIP key" }
    "useragent" in ALL: { Warn "it is a SIP key" }
    "videosupport" in ALL: { Warn "it is a SIP key: allow= the video codecs" }
    "restrictcid" in ALL: { Warn "it is a SIP key: set the presentation in the PBX" }
    "nat" in ALL: { Warn "it is a SIP key: IAX2 answers where it is heard from" }
    "canreinvite" in ALL: { Warn "it is a SIP key: transfer=no is what it says" }
    "directmedia" in ALL: { Warn "it is a SIP key: transfer=no is what it says" }
    "directrtpsetup" in ALL: { Warn "it is a SIP key" }
    "dtmfmode" in ALL: { Warn "it is a SIP key: IAX2 has one way to send digits" }
    "session-timers" in ALL: { Warn "it is a SIP key" }
    "disallowed_methods" in ALL: { Warn "it is a SIP key" }
    "fwmark" in ALL: { Warn "it is a key of other drivers" }
    "rtpkeepalive" in ALL: { Warn "IAX2 has no RTP" }
    "dial" in ALL: { Warn "it is a column of FreePBX, not a key" }
    "account" in ALL: { Warn "it is a column of FreePBX, not a key" }
    "devicetype" in ALL: { Warn "it is a column of FreePBX, not a key" }
    "emergency_cid" in ALL: { Warn "it is a column of FreePBX, not a key" }
    "mailboxdetail" in ALL: { Quiet "nothing has read it for years" }
    "maxexcessbuffer" in ALL: { Quiet "nothing has read it for years" }
    "minexcessbuffer" in ALL: { Quiet "nothing has read it for years" }
    "jittershrinkrate" in ALL: { Quiet "nothing has read it for years" }
    "dropcount" in ALL: { Quiet "nothing has read it for years" }
};

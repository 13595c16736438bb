//! Frame types and what their subclass octet means (RFC 5456 §8.2 to §8.5).

use super::MediaFormat;

/// Makes an enum of octets that keeps the unknown, with names for logs.
macro_rules! octet_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A value without a name; kept as it came.
            Unknown(u8),
        }

        impl $name {
            /// The value's meaning.
            pub const fn from_wire(octet: u8) -> Self {
                match octet {
                    $($value => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            /// The octet on the wire.
            pub const fn to_wire(self) -> u8 {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Unknown(other) => other,
                }
            }

            /// The field's name for it, `"?"` if there is none.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown(_) => "?",
                }
            }
        }
    };
}
pub(super) use octet_enum;

octet_enum! {
    /// What a full frame is about (RFC 5456 §8.2).
    FrameType {
        /// A digit ends (the RFC's only DTMF frame).
        DtmfEnd = 0x01, "DTMF_END";
        /// Audio; subclass is the format.
        Voice = 0x02, "VOICE";
        /// A picture's packet; subclass is the format, bit 6 the end mark.
        Video = 0x03, "VIDEO";
        /// Call control; subclass is a [`ControlSubclass`].
        Control = 0x04, "CONTROL";
        /// Nothing.
        Null = 0x05, "NULL";
        /// The protocol's own messages; subclass is an [`IaxSubclass`], data are information elements.
        Iax = 0x06, "IAX";
        /// Text.
        Text = 0x07, "TEXT";
        /// One picture.
        Image = 0x08, "IMAGE";
        /// Web content; subclass is an [`HtmlSubclass`].
        Html = 0x09, "HTML";
        /// Comfort noise; subclass is the level in −dBov.
        ComfortNoise = 0x0a, "CNG";
        /// T.38 or V.150; in Asterisk, not in the RFC.
        Modem = 0x0b, "MODEM";
        /// A digit begins; in Asterisk, not in the RFC.
        DtmfBegin = 0x0c, "DTMF_BEGIN";
    }
}

octet_enum! {
    /// Messages of the protocol itself (RFC 5456 §8.4, and what the field added above 0x25).
    IaxSubclass {
        /// Starts a call.
        New = 1, "NEW";
        /// In-call keep-alive.
        Ping = 2, "PING";
        /// Answer to PING and POKE.
        Pong = 3, "PONG";
        /// Acknowledges.
        Ack = 4, "ACK";
        /// Ends a call.
        Hangup = 5, "HANGUP";
        /// Refuses a call.
        Reject = 6, "REJECT";
        /// Accepts a call and names the format.
        Accept = 7, "ACCEPT";
        /// Asks a caller to prove itself.
        AuthReq = 8, "AUTHREQ";
        /// The proof.
        AuthRep = 9, "AUTHREP";
        /// "I have no such call".
        Inval = 10, "INVAL";
        /// Measures lag.
        LagRq = 11, "LAGRQ";
        /// Answer to LAGRQ.
        LagRp = 12, "LAGRP";
        /// Asks to be registered.
        RegReq = 13, "REGREQ";
        /// Challenges a registrant.
        RegAuth = 14, "REGAUTH";
        /// Registered, or released.
        RegAck = 15, "REGACK";
        /// Registration refused.
        RegRej = 16, "REGREJ";
        /// Releases a registration.
        RegRel = 17, "REGREL";
        /// Asks for all frames from ISeqno on again.
        Vnak = 18, "VNAK";
        /// Asks the remote dialplan.
        DpReq = 19, "DPREQ";
        /// The dialplan's answer.
        DpRep = 20, "DPREP";
        /// Goes ahead on a call accepted as TBD.
        Dial = 21, "DIAL";
        /// Transfer request.
        TxReq = 22, "TXREQ";
        /// Transfer connectivity probe.
        TxCnt = 23, "TXCNT";
        /// The probe's answer.
        TxAcc = 24, "TXACC";
        /// Transfer is possible.
        TxReady = 25, "TXREADY";
        /// Released to the direct path.
        TxRel = 26, "TXREL";
        /// Transfer failed.
        TxRej = 27, "TXREJ";
        /// Stop sending media.
        Quelch = 28, "QUELCH";
        /// Send media again.
        Unquelch = 29, "UNQUELCH";
        /// Reachability test outside any call.
        Poke = 30, "POKE";
        /// Reserved.
        Page = 31, "PAGE";
        /// Message waiting.
        Mwi = 32, "MWI";
        /// A subclass was not understood.
        Unsupport = 33, "UNSUPPORT";
        /// Blind transfer.
        Transfer = 34, "TRANSFER";
        /// Provisions a device.
        Provision = 35, "PROVISION";
        /// Asks for firmware.
        FwDownl = 36, "FWDOWNL";
        /// A block of firmware.
        FwData = 37, "FWDATA";
        /// Transfers media only.
        TxMedia = 38, "TXMEDIA";
        /// A new encryption key.
        RtKey = 39, "RTKEY";
        /// Hands out a call token.
        CallToken = 40, "CALLTOKEN";
    }
}

impl IaxSubclass {
    /// Whether the frame advances its sender's OSeqno and its receiver's ISeqno (RFC 5456 §7).
    pub const fn is_numbered(self) -> bool {
        !matches!(self, Self::Ack | Self::Inval | Self::Vnak | Self::TxCnt | Self::TxAcc)
    }
}

octet_enum! {
    /// Call control (RFC 5456 §8.3, and Asterisk's additions).
    ControlSubclass {
        /// Hang up; the field uses IAX HANGUP instead.
        Hangup = 1, "HANGUP";
        /// Local ring.
        Ring = 2, "RING";
        /// The far end rings.
        Ringing = 3, "RINGING";
        /// Answered.
        Answer = 4, "ANSWER";
        /// Busy.
        Busy = 5, "BUSY";
        /// Take off hook.
        TakeOffHook = 6, "TAKEOFFHOOK";
        /// Off hook.
        OffHook = 7, "OFFHOOK";
        /// Congestion.
        Congestion = 8, "CONGESTION";
        /// Flash hook.
        Flash = 9, "FLASH";
        /// Wink.
        Wink = 10, "WINK";
        /// A channel option.
        Option = 11, "OPTION";
        /// Push-to-talk down.
        RadioKey = 12, "RADIO_KEY";
        /// Push-to-talk up.
        RadioUnkey = 13, "RADIO_UNKEY";
        /// Early media comes.
        Progress = 14, "PROGRESS";
        /// The call proceeds.
        Proceeding = 15, "PROCEEDING";
        /// On hold; data may name a music class.
        Hold = 16, "HOLD";
        /// Off hold.
        Unhold = 17, "UNHOLD";
        /// Send an intra picture.
        VideoUpdate = 18, "VIDUPDATE";
        /// T.38 of old.
        T38 = 19, "T38";
        /// Internal to Asterisk.
        SourceUpdate = 20, "SRCUPDATE";
        /// Internal to Asterisk.
        Transfer = 21, "TRANSFER";
        /// Whom one is connected to.
        ConnectedLine = 22, "CONNECTED_LINE";
        /// Redirected from and to whom.
        Redirecting = 23, "REDIRECTING";
        /// T.38 parameters.
        T38Parameters = 24, "T38_PARAMETERS";
        /// Internal to Asterisk.
        CallCompletion = 25, "CC";
        /// Internal to Asterisk.
        SourceChange = 26, "SRCCHANGE";
        /// Internal to Asterisk.
        ReadAction = 27, "READ_ACTION";
        /// Advice of charge.
        AdviceOfCharge = 28, "AOC";
        /// Internal to Asterisk.
        EndOfQueue = 29, "END_OF_Q";
        /// The number is incomplete.
        Incomplete = 30, "INCOMPLETE";
        /// Malicious call identification.
        MaliciousCall = 31, "MCID";
        /// Stop all tones (−1).
        StopTones = 0xff, "STOP_TONES";
    }
}

impl ControlSubclass {
    /// Whether the field lets this frame in and out; all others are acknowledged and dropped.
    ///
    /// An allow list since frames internal to Asterisk, taken from the wire, crashed calls in 2014.
    pub const fn may_cross(self) -> bool {
        !matches!(
            self,
            Self::T38
                | Self::SourceUpdate
                | Self::Transfer
                | Self::CallCompletion
                | Self::SourceChange
                | Self::ReadAction
                | Self::EndOfQueue
                | Self::Unknown(_)
        )
    }
}

octet_enum! {
    /// Web content (RFC 5456 §8.5).
    HtmlSubclass {
        /// A URL.
        Url = 1, "URL";
        /// A fragment.
        Data = 2, "DATA";
        /// The first fragment.
        Begin = 4, "BEGIN";
        /// The last fragment.
        End = 8, "END";
        /// Page loaded.
        LoadComplete = 16, "LDCOMPLETE";
        /// The peer has no browser.
        NoSupport = 17, "NOSUPPORT";
        /// Link a URL.
        LinkUrl = 18, "LINKURL";
        /// Unlink.
        Unlink = 19, "UNLINK";
        /// Link refused.
        LinkReject = 20, "LINKREJECT";
    }
}

/// The subclass octet of a full frame as it stands on the wire, C bit included (RFC 5456 §8.1.1).
///
/// Kept as an octet so that a relay can pass it on unchanged; read it by the frame type's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subclass(pub u8);

impl Subclass {
    /// Of an IAX frame.
    pub const fn iax(subclass: IaxSubclass) -> Self {
        Self(subclass.to_wire())
    }

    /// Of a CONTROL frame.
    pub const fn control(subclass: ControlSubclass) -> Self {
        Self(subclass.to_wire())
    }

    /// Of a VOICE frame: literal up to bit 6, a power from there.
    pub const fn voice(format: MediaFormat) -> Self {
        let bit = format.bit();
        Self(if bit < 7 { 1 << bit } else { 0x80 | bit })
    }

    /// Read as an IAX message.
    pub const fn as_iax(self) -> IaxSubclass {
        IaxSubclass::from_wire(self.0)
    }

    /// Read as call control.
    pub const fn as_control(self) -> ControlSubclass {
        ControlSubclass::from_wire(self.0)
    }

    /// Read as the format of a VOICE frame; both the literal and the power form. `None` if no single bit is meant.
    pub const fn as_voice(self) -> Option<MediaFormat> {
        if self.0 == 0xff {
            return None;
        }
        if self.0 & 0x80 != 0 {
            return MediaFormat::from_bit(self.0 & 0x3f);
        }
        if self.0.count_ones() == 1 {
            return MediaFormat::from_bit(self.0.trailing_zeros() as u8);
        }
        None
    }

    /// Read as the format of a VIDEO frame and whether it ends its picture (bit 6).
    pub const fn as_video(self) -> (Option<MediaFormat>, bool) {
        (Self(self.0 & !0x40).as_voice(), self.0 & 0x40 != 0)
    }
}

//! What one full frame must look like by itself, whatever went before it.

use std::net::SocketAddr;

use dataplane::wire::{
    ApparentAddr, Capability, FrameType, FullFrame, HtmlSubclass, IaxSubclass, IeKind, Ies,
    versioned_mask,
};

use super::element;
use super::finding::Log;

/// The field's name for a full frame: its subclass if it has a name of its own, else its type.
pub(super) fn name(frame: &FullFrame<'_>) -> &'static str {
    let header = frame.header();
    match header.frame_type {
        FrameType::Iax => header.subclass.as_iax().name(),
        FrameType::Control => header.subclass.as_control().name(),
        other => other.name(),
    }
}

/// The frame read as a message of the protocol; `None` for other types.
pub(super) fn iax(frame: &FullFrame<'_>) -> Option<IaxSubclass> {
    (frame.header().frame_type == FrameType::Iax).then(|| frame.header().subclass.as_iax())
}

/// Whether the frame takes a sequence number.
pub(super) fn is_numbered(frame: &FullFrame<'_>) -> bool {
    iax(frame).is_none_or(IaxSubclass::is_numbered)
}

/// Whether the message may open a dialogue.
pub(super) fn is_opener(subclass: Option<IaxSubclass>) -> bool {
    use IaxSubclass as Iax;
    matches!(subclass, Some(Iax::New | Iax::RegReq | Iax::RegRel | Iax::Poke))
}

/// Judges type, subclass and data. Of a frame captured in part (`whole` false) the data is not looked at.
pub(super) fn check(frame: &FullFrame<'_>, peer: SocketAddr, whole: bool, log: &mut Log) {
    let subclass = frame.header().subclass;
    match frame.header().frame_type {
        FrameType::Iax => match subclass.as_iax() {
            IaxSubclass::Unknown(n) => log.wrong(format!("unknown IAX subclass {n}")),
            known if whole => elements(known, frame, peer, log),
            _ => {}
        },
        FrameType::Control if !subclass.as_control().may_cross() => {
            log.wrong(format!("control subclass {} does not belong on the wire", subclass.0));
        }
        FrameType::Voice => match subclass.as_voice() {
            Some(format) if format.is_audio() => {
                if frame.data().is_empty() {
                    log.wrong("VOICE without audio");
                }
            }
            _ => log.wrong(format!("VOICE of no audio format, subclass {:#04x}", subclass.0)),
        },
        FrameType::DtmfBegin | FrameType::DtmfEnd => {
            if !matches!(subclass.0, b'0'..=b'9' | b'A'..=b'D' | b'*' | b'#') {
                log.wrong(format!("{} of no digit, subclass {:#04x}", name(frame), subclass.0));
            }
            if !frame.data().is_empty() {
                log.wrong(format!("{} with data", name(frame)));
            }
        }
        FrameType::Html => {
            if let HtmlSubclass::Unknown(n) = HtmlSubclass::from_wire(subclass.0) {
                log.wrong(format!("unknown HTML subclass {n}"));
            }
        }
        FrameType::Unknown(n) => log.wrong(format!("unknown frame type {n}")),
        _ => {}
    }
}

/// Judges an IAX frame's information elements: sizes, kinds, order.
fn elements(subclass: IaxSubclass, frame: &FullFrame<'_>, peer: SocketAddr, log: &mut Log) {
    let (belonging, needed) = element::belonging(subclass);
    let mut seen: Vec<IeKind> = Vec::new();
    for ie in frame.ies() {
        let ie = match ie {
            Ok(ie) => ie,
            Err(error) => return log.wrong(format!("{}: {error}", subclass.name())),
        };
        let named = format!("{} in {}", ie.kind.name(), subclass.name());
        if let Some(error) = element::value_error(&ie) {
            log.wrong(format!("{named}: {error}"));
        } else if !belonging.contains(&ie.kind) {
            log.wrong(format!("{named}: does not belong there"));
        }
        let apparent = ApparentAddr::parse(ie.data).filter(|_| subclass == IaxSubclass::RegAck);
        if ie.kind == IeKind::ApparentAddr && apparent.is_some_and(|told| told.0 != peer) {
            log.wrong(format!("{named}: not the address {peer} it goes to"));
        }
        if seen.contains(&ie.kind) && !element::repeats(ie.kind) {
            log.wrong(format!("{named}: twice"));
        }
        if seen.last() == Some(&IeKind::CallToken) {
            log.wrong(format!("{named}: behind CALLTOKEN, which must be the last"));
        }
        if ie.kind == IeKind::Version && !seen.is_empty() {
            log.wrong(format!("{named}: not the first"));
        }
        seen.push(ie.kind);
    }
    for missing in belonging.iter().take(needed).filter(|kind| !seen.contains(kind)) {
        log.wrong(format!("{} without {}", subclass.name(), missing.name()));
    }
    formats(subclass, frame.ies(), log);
}

/// The 32-bit and 64-bit elements must tell the same, and ACCEPT must name one format.
fn formats(subclass: IaxSubclass, ies: Ies<'_>, log: &mut Log) {
    let mut masks: [Option<Capability>; 4] = [None; 4];
    for ie in ies.flatten() {
        let short = ie.as_u32().map(|mask| Capability(u64::from(mask)));
        match ie.kind {
            IeKind::Format => masks[0] = short,
            IeKind::Format2 => masks[1] = versioned_mask(ie.data),
            IeKind::Capability => masks[2] = short,
            IeKind::Capability2 => masks[3] = versioned_mask(ie.data),
            _ => {}
        }
    }
    for (short, long, what) in [(masks[0], masks[1], "FORMAT"), (masks[2], masks[3], "CAPABILITY")]
    {
        if let (Some(short), Some(long)) = (short, long)
            && short.0 != long.0 & 0xffff_ffff
        {
            log.wrong(format!("{what} and {what}2 differ in {}", subclass.name()));
        }
    }
    if let (IaxSubclass::Accept, Some(chosen)) = (subclass, masks[1].or(masks[0]))
        && chosen.0.count_ones() != 1
    {
        log.wrong("ACCEPT does not name one format");
    }
}

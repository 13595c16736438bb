//! What every parser must hold to, whatever octets it is given. One function for each fuzz target.
//!
//! A body panics when a promise is broken. The targets in `fuzz/` call them under a fuzzer; an ordinary test calls
//! them with the kept corpus and with seeded noise, so that they hold without one.

use std::sync::Arc;

use control::conf::{CallerId, Diagnostic, Level, Sources};
use control::dialplan::{DialResult, DialStatus, Dialplan, Step, Walk, WalkStart};
use control::keys::{self, KeyError, Passphrase, PublicKey, Signer};
use dataplane::wire::{
    ApparentAddr, CodecPrefs, EntryForm, Frame, FullHeader, IeWriter, Ies, MINI_HEADER_LEN,
    MiniTimestamp, TRUNK_HEADER_LEN, TrunkFrame, VIDEO_MINI_HEADER_LEN, emit_entry_header,
    emit_mini_header, emit_trunk_header, emit_video_mini_header, versioned_mask,
};

/// Any datagram: what is read writes back as it came.
pub fn frame(octets: &[u8]) {
    let mut out = [0; FullHeader::LEN];
    let (written, rest) = match Frame::parse(octets) {
        Ok(Frame::Full(full)) => {
            ies(full.data());
            (full.header().emit(&mut out), full.data())
        }
        Ok(Frame::Mini(mini)) => {
            let written = emit_mini_header(mini.source(), mini.timestamp(), &mut out);
            assert_eq!(written, Ok(MINI_HEADER_LEN));
            (written, mini.payload())
        }
        Ok(Frame::Video(video)) => {
            let written = emit_video_mini_header(video.source(), video.timestamp(), &mut out);
            assert_eq!(written, Ok(VIDEO_MINI_HEADER_LEN));
            (written, video.payload())
        }
        Ok(Frame::Trunk(_)) => return trunk(octets),
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let len = written.expect("twelve octets hold every header but a trunk frame's entries");
    assert_eq!([&out[..len], rest].concat(), octets);
}

/// Any information elements: all but a broken last one write back as they came.
pub fn ies(octets: &[u8]) {
    let mut out = vec![0; octets.len()];
    let mut writer = IeWriter::new(&mut out);
    let mut broken = 0;
    for ie in Ies::new(octets) {
        assert_eq!(broken, 0, "an element follows a broken one");
        let Ok(ie) = ie else {
            broken += 1;
            continue;
        };
        let reads = [ie.as_u8().is_some(), ie.as_u16().is_some(), ie.as_u32().is_some()];
        assert_eq!(reads, [1, 2, 4].map(|len| ie.data.len() == len));
        assert!(ie.data.starts_with(ie.as_text()) && !ie.as_text().contains(&0));
        assert!(CodecPrefs(ie.data).formats().count() <= ie.data.len());
        assert!(versioned_mask(ie.data).is_none() || ie.data.len() == 9);
        if let Some(apparent) = ApparentAddr::parse(ie.data) {
            let (value, len) = apparent.emit();
            assert_eq!(len, ie.data.len());
            assert_eq!(ApparentAddr::parse(&value[..len]), Some(apparent));
        }
        writer.raw(ie.kind, ie.data);
    }
    let len = writer.finish().expect("what was read fits where it came from");
    assert_eq!(&out[..len], &octets[..len]);
    assert!(broken == 1 || len == octets.len());
}

/// Any trunk frame: its entries lie in it, one behind the other, and write back as they came.
pub fn trunk(octets: &[u8]) {
    let Ok(frame) = TrunkFrame::parse(octets) else { return };
    let (form, mut out) = (frame.form(), vec![0; TRUNK_HEADER_LEN]);
    emit_trunk_header(form, frame.time_ms(), &mut out).expect("room");
    let mut cut = false;
    for entry in frame.entries() {
        assert!(!cut, "an entry follows a broken one");
        let Ok(entry) = entry else {
            cut = true;
            continue;
        };
        assert_eq!(entry.timestamp.is_some(), form == EntryForm::Timed);
        let start = out.len();
        let header = &octets[start..start + form.header_len()];
        let len = u16::try_from(entry.payload.len()).expect("16 bits told it");
        if let Some(source) = entry.source {
            let mut written = [0; 6];
            let stamp = entry.timestamp.unwrap_or(MiniTimestamp(0));
            let written_len = emit_entry_header(form, source, stamp, len, &mut written);
            assert_eq!(written_len, Ok(form.header_len()));
            let call_at = if form == EntryForm::Timed { 2 } else { 0 };
            let mut came = header.to_vec();
            came[call_at] &= 0x7f; // the bit above the number is masked, as in the field
            assert_eq!(&written[..form.header_len()], came);
        }
        out.extend_from_slice(header);
        out.extend_from_slice(entry.payload);
    }
    assert_eq!(out, &octets[..out.len()]);
    assert!(cut || octets.len() - out.len() < form.header_len());
}

/// Any text as `iax.conf` and `trunkline.conf`: a configuration or errors, and every place lies in its file.
pub fn conf(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let mut sources = Sources::new();
    sources.add("iax.conf", text.as_ref());
    sources.add("trunkline.conf", text.as_ref());
    let (config, told) = control::conf::parse(&sources);
    let failed = told.iter().any(|diagnostic| diagnostic.level == Level::Error);
    assert_eq!(config.is_none(), failed);
    told.iter().for_each(|diagnostic| check_places(diagnostic, &text));
}

/// Any text as a key file: a key of a size that IAX2 can use, or a reason; and no answer to a challenge.
pub fn keys(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    // What opens a PKCS#8 file costs as much as the file says.
    let is_dear = text.contains("ENCRYPTED PRIVATE KEY");
    let passphrase = Passphrase::new("open sesame");
    let private = Signer::read(&text, Some(&passphrase).filter(|_| !is_dear));
    let private = private.map(|signer| signer.public_key());
    for read in [private, PublicKey::read(&text)] {
        match read {
            Ok(key) => {
                assert!((keys::BITS_MIN..=keys::BITS_MAX).contains(&key.bits()));
                assert!(!keys::verify([&key], b"123456789", octets));
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(error.help("a.key").is_some() || matches!(error, KeyError::Unreadable(_)));
            }
        }
    }
}

/// Any text as `extensions.conf`: it parses, every place lies in it, and no call walks through it for ever.
pub fn dialplan(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let mut sources = Sources::new();
    sources.add("extensions.conf", text.as_ref());
    let (plan, told) = Dialplan::parse(&sources, &["from-a"], &|name| name == "pbxa");
    told.iter().for_each(|diagnostic| check_places(diagnostic, &text));
    let plan = Arc::new(plan);
    for number in ["600", "123", "9", "s", "", "\u{e9}"] {
        let start = WalkStart {
            context: "from-a",
            number,
            caller: CallerId { name: Some("A".into()), number: Some("101".into()) },
            channel: "IAX2/pbxa-1",
            unique_id: "1",
            variables: &[],
        };
        let Some(mut walk) = Walk::start(&plan, start) else { continue };
        let ended = (0..STEPS_MAX).any(|_| match walk.step() {
            Step::Dial(request) => {
                assert!(!request.destinations.is_empty());
                walk.dialled(DialResult { status: DialStatus::Busy, cause: 17 });
                false
            }
            Step::Busy | Step::Congestion | Step::Hangup(_) | Step::FallThrough => true,
            _ => false,
        });
        assert!(ended, "a call walks through the dialplan for ever");
    }
}

/// More steps than any walk may take before it ends.
const STEPS_MAX: usize = 10_000;

/// The places of a diagnostic lie in the text, and its line is the one its span begins in.
fn check_places(diagnostic: &Diagnostic, text: &str) {
    assert!(!diagnostic.message.contains('\n'));
    let related = diagnostic.related.as_ref().map(|(place, _)| place);
    for place in diagnostic.place.iter().chain(related) {
        let before = text.get(..place.span.start).expect("a span begins in the text");
        assert!(text.get(place.span.clone()).is_some(), "a span ends outside of the text");
        assert_eq!(place.line as usize, 1 + before.matches('\n').count(), "of {diagnostic:?}");
    }
}

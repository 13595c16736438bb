//! Information elements as a host writes and reads them.

use std::collections::BTreeMap;

use dataplane::wire::{FullFrame, IeKind, MediaFormat};

/// Elements one after another.
#[derive(Debug, Default, Clone)]
pub(super) struct Elements(Vec<u8>);

impl Elements {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn put(mut self, kind: IeKind, value: &[u8]) -> Self {
        self.0.push(kind.to_wire());
        self.0.push(u8::try_from(value.len()).expect("elements are short"));
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn text(self, kind: IeKind, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.put(kind, value.as_bytes()),
            None => self,
        }
    }

    pub(super) fn formats(self, kind: IeKind, formats: &[MediaFormat]) -> Self {
        let mask = formats.iter().fold(0u64, |mask, format| mask | format.mask());
        self.put(kind, &(mask as u32).to_be_bytes())
    }

    pub(super) fn cause(self, cause: u8) -> Self {
        self.put(IeKind::CauseCode, &[cause])
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// A frame's elements by kind.
#[derive(Debug)]
pub(super) struct Read<'a>(BTreeMap<u8, &'a [u8]>);

impl<'a> Read<'a> {
    /// `None` if a length runs past the end: such a frame is dropped whole.
    pub(super) fn of(frame: &FullFrame<'a>) -> Option<Self> {
        let mut all = BTreeMap::new();
        for ie in frame.ies() {
            let ie = ie.ok()?;
            all.insert(ie.kind.to_wire(), ie.data);
        }
        Some(Self(all))
    }

    pub(super) fn get(&self, kind: IeKind) -> Option<&'a [u8]> {
        self.0.get(&kind.to_wire()).copied()
    }

    pub(super) fn text(&self, kind: IeKind) -> String {
        self.get(kind).map(|v| String::from_utf8_lossy(v).into_owned()).unwrap_or_default()
    }

    pub(super) fn cause(&self) -> u8 {
        self.get(IeKind::CauseCode).and_then(|value| value.first().copied()).unwrap_or(0)
    }

    pub(super) fn number(&self, kind: IeKind) -> Option<u16> {
        Some(u16::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// The formats of a 32-bit mask.
    pub(super) fn formats(&self, kind: IeKind) -> Vec<MediaFormat> {
        let mask = self.get(kind).and_then(|value| value.try_into().ok());
        let mask = mask.map_or(0, u32::from_be_bytes);
        (0..32).filter_map(MediaFormat::from_bit).filter(|f| f.mask() as u32 & mask != 0).collect()
    }
}

//! The two control messages a datagram travels with: how long the segments of a merged one are, in and out.
//!
//! Written and read octet by octet: `cmsghdr` is a length of eight octets, a level and a type of four each, then the
//! data, padded to eight.

const HEADER: usize = size_of::<libc::cmsghdr>();
const _: () = assert!(HEADER == 16, "the layout above is the one of 64-bit Linux");

/// Room for the control message that UDP_GRO adds to a received datagram: one 32-bit number.
pub(crate) const GRO_SPACE: usize = HEADER + 8;

/// Room for the control message that asks for segmentation: one 16-bit number.
pub(crate) const SEGMENT_SPACE: usize = HEADER + 8;

/// The control message that has the kernel cut what is sent into datagrams of `segment_len` octets.
pub(crate) fn segment_control(segment_len: u16) -> [u8; SEGMENT_SPACE] {
    let mut control = [0; SEGMENT_SPACE];
    control[..8].copy_from_slice(&(HEADER + size_of::<u16>()).to_ne_bytes());
    control[8..12].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
    control[12..16].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
    control[16..18].copy_from_slice(&segment_len.to_ne_bytes());
    control
}

/// Octets of each segment of a received datagram; `None` where it is a single one.
pub(crate) fn gro_segment_len(mut control: &[u8]) -> Option<usize> {
    while let Some((header, data)) = control.split_first_chunk::<HEADER>() {
        let (len, rest) = header.split_first_chunk::<8>()?;
        let (level, kind) = rest.split_first_chunk::<4>()?;
        let len = usize::from_ne_bytes(*len);
        if i32::from_ne_bytes(*level) == libc::SOL_UDP && *kind == libc::UDP_GRO.to_ne_bytes() {
            let segment_len = i32::from_ne_bytes(*data.first_chunk()?);
            return usize::try_from(segment_len).ok().filter(|&len| len > 0);
        }
        if len < HEADER {
            return None; // nothing the kernel writes; walking on would not end
        }
        control = control.get(len.next_multiple_of(8)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: i32, value: i32) -> [u8; GRO_SPACE] {
        let mut control = segment_control(0);
        control[..8].copy_from_slice(&20_usize.to_ne_bytes());
        control[12..16].copy_from_slice(&kind.to_ne_bytes());
        control[16..20].copy_from_slice(&value.to_ne_bytes());
        control
    }

    #[test]
    fn the_segment_length_is_found_behind_others_and_no_cut_panics() {
        let gro = message(libc::UDP_GRO, 1240);
        let both = [message(1, 9), gro].concat();
        assert_eq!(gro_segment_len(&gro), Some(1240));
        assert_eq!(gro_segment_len(&both), Some(1240));
        assert_eq!(gro_segment_len(&message(1, 9)), None);
        assert_eq!(gro_segment_len(&message(libc::UDP_GRO, -1)), None);
        assert_eq!(gro_segment_len(&[0; 64]), None);
        for cut in 0..GRO_SPACE + 20 {
            assert_eq!(gro_segment_len(&both[..cut]), None);
        }
    }

    #[test]
    fn the_request_reads_as_libc_would_build_it() {
        // SAFETY: arithmetic on a number only.
        let len = unsafe { libc::CMSG_LEN(2) };
        // SAFETY: as above.
        let space = unsafe { libc::CMSG_SPACE(2) };
        let control = segment_control(1240);
        assert_eq!(usize::from_ne_bytes(*control.first_chunk().unwrap()), len as usize);
        assert_eq!(SEGMENT_SPACE, space as usize);
    }
}

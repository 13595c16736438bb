//! What one core does with what it hears, case by case.

use dataplane::counters::DropReason;
use dataplane::handoff::{Carriage, Command, PUNT_MAX, PeerIndex, Punt, RelayId, RelaySpec};
use dataplane::time::Instant;
use dataplane::wire::{EntryForm, MediaFormat, Timestamp};
use tests::datagrams::{Voice, mini, ping, trunk, voices};
use tests::one_core::{Arrival, LIMITS, OneCore, SOCKET, Sent, address, call, relay};

const ULAW_20_MS: [u8; 160] = [0xd5; 160];

/// Peers 0 to 3, trunk frames with time-stamps and of the usual length.
fn bench() -> OneCore {
    let mut bench = OneCore::new(LIMITS, 1 << 17);
    for peer in 0..4 {
        bench.peer(peer, 1240, EntryForm::Timed);
    }
    bench.step_after(0);
    bench
}

fn mini_relay(id: u32, near_call: u16, far: u32, far_call: u16) -> RelaySpec {
    RelaySpec { carriage: Carriage::Mini, ..relay(id, 0, near_call, far, far_call) }
}

fn datagram_lens(sent: &[Sent]) -> Vec<Vec<usize>> {
    sent.iter().map(|sent| sent.datagrams.iter().map(Vec::len).collect()).collect()
}

/// Every voice frame sent, with its receiver's port-less name: the peer's index.
fn all_voices(sent: &[Sent]) -> Vec<(u32, Voice)> {
    let mut all = Vec::new();
    for Sent { remote, datagrams } in sent {
        let peer = (0..16).find(|peer| address(*peer) == *remote).expect("a known peer");
        for datagram in datagrams {
            all.extend(voices(datagram).0.into_iter().map(|voice| (peer, voice)));
        }
    }
    all
}

/// Every punt waiting, as (relay, time-stamp heard) of voice; others fail the test.
fn punted_voice(bench: &mut OneCore) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    while let Some(voice) = bench.punts.receive(|punt| match punt {
        Punt::Voice { relay, heard, .. } => (relay.0, heard.0),
        other => panic!("{other:?}"),
    }) {
        all.push(voice);
    }
    bench.punts.release();
    all
}

#[test]
fn entries_gather_in_equal_frames_and_the_rest_waits_for_the_tick() {
    let mut bench = bench();
    for id in 0..100 {
        bench.ask(Command::Install(relay(id, 0, 100 + id as u16, 1, 500 + id as u16)));
    }
    bench.step_after(0);
    bench.step_after(0);
    let entries: Vec<_> = (0..100).map(|n| (call(100 + n), 20, &ULAW_20_MS[..])).collect();
    let octets: Vec<u8> =
        entries.chunks(7).flat_map(|chunk| trunk(EntryForm::Timed, 9, chunk.to_vec())).collect();
    let arrival = Arrival { remote: address(0), octets, segment_len: 1170 };
    bench.core.io_mut().arriving.push_back(arrival);

    assert_eq!(bench.step_after(3), Some(bench.now()), "there may be more");
    let full = bench.sent();
    assert_eq!(datagram_lens(&full), [vec![1170; 14]], "one send of equal frames");
    assert_eq!(bench.core.held(), 2);
    let due = bench.step_after(0).expect("a tick");
    assert!(due > bench.now() && due.since(bench.now()).as_millis() <= 20, "{due:?}");
    assert_eq!(bench.sent(), []);

    bench.step_after(20);
    let rest = bench.sent();
    assert_eq!(datagram_lens(&rest), [vec![8 + 2 * 166]]);
    assert_eq!(bench.core.held(), 0);
    let heard = all_voices(&[full, rest].concat());
    for (n, (peer, voice)) in heard.iter().enumerate() {
        let at = Some(20);
        let expected = Voice { call: call(500 + n as u16), at, audio: ULAW_20_MS.to_vec() };
        assert_eq!((*peer, voice), (1, &expected));
    }
    assert_eq!(heard.len(), 100);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn a_send_holds_no_more_than_the_kernel_takes() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.ask(Command::Install(mini_relay(2, 2, 2, 12)));
    bench.step_after(0);
    bench.hear(0, (0..800).map(|n| mini(call(1), n, &ULAW_20_MS)));
    bench.hear(0, (0..130).map(|n| mini(call(2), n, &ULAW_20_MS)));
    bench.step_after(0);
    let sent = bench.sent();
    let sizes = sent.iter().map(|sent| (sent.datagrams.len(), sent.datagrams[0].len()));
    let sizes: Vec<_> = sizes.collect();
    assert_eq!(sizes, [(55, 1170), (55, 1170), (64, 164), (64, 164), (4, 1170), (2, 164)]);
}

#[test]
fn headers_say_the_time_since_the_first_which_says_zero() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.step_after(500);
    let mut times = Vec::new();
    for at in [1, 21, 41] {
        bench.hear(0, [mini(call(1), at, &ULAW_20_MS)]);
        bench.step_after(0);
        bench.step_after(20);
        let sent = bench.sent();
        times.extend(sent[0].datagrams.iter().map(|datagram| voices(datagram).1));
    }
    assert_eq!(times, [Some(0), Some(20), Some(40)]);
}

#[test]
fn an_entry_stamped_zero_is_sent_as_one_and_a_mini_frame_is_not() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.ask(Command::Install(mini_relay(2, 2, 2, 12)));
    bench.hear(0, [mini(call(1), 0, b"a"), mini(call(2), 0, b"b")]);
    bench.step_after(0);
    bench.step_after(20);
    let voices = all_voices(&bench.sent());
    let stamps: Vec<_> = voices.iter().map(|(peer, voice)| (*peer, voice.at)).collect();
    assert_eq!(stamps, [(2, Some(0)), (1, Some(1))]);
}

#[test]
fn audio_of_many_lengths_shares_frames_and_none_exceeds_the_mtu() {
    let mut bench = bench();
    for id in 0..60 {
        bench.ask(Command::Install(relay(id, 0, 1 + id as u16, 1, 1 + id as u16)));
    }
    bench.hear(0, (0..60).map(|n| mini(call(1 + n), 7, &[n as u8; 64][..4 + usize::from(n)])));
    bench.step_after(0);
    bench.step_after(20);
    let sent = bench.sent();
    assert!(sent.len() <= 6, "three lengths of their own, the others together: {sent:?}");
    assert!(sent.iter().flat_map(|sent| &sent.datagrams).all(|datagram| datagram.len() <= 1240));
    let mut heard = all_voices(&sent);
    heard.sort_by_key(|(_, voice)| voice.call);
    for (n, (_, voice)) in heard.iter().enumerate() {
        assert_eq!(voice.audio, vec![n as u8; 4 + n]);
    }
    assert_eq!(heard.len(), 60);
}

#[test]
fn a_call_whose_length_came_too_late_for_frames_of_its_own_keeps_its_order() {
    let mut bench = bench();
    for id in 1..5 {
        bench.ask(Command::Install(relay(id, 0, id as u16, 1, id as u16)));
    }
    bench.hear(0, (0..7).map(|at| mini(call(1), 1 + at, &ULAW_20_MS)));
    bench.hear(0, [mini(call(2), 1, &[2; 20]), mini(call(3), 1, &[3; 33])]);
    bench.hear(0, [mini(call(4), 1, &[4; 65])]);
    bench.step_after(0);
    // The seven have left and made room, but the last one's first frame still waits among the mixed.
    bench.hear(0, (2..40).map(|at| mini(call(4), at, &[4; 65])));
    bench.step_after(0);
    bench.step_after(20);
    let voices = all_voices(&bench.sent());
    let voices = voices.iter().filter(|(_, voice)| voice.call == call(4));
    assert_eq!(voices.filter_map(|(_, voice)| voice.at).collect::<Vec<_>>(), Vec::from_iter(1..40));
}

#[test]
fn audio_too_long_for_a_trunk_frame_goes_as_a_mini_frame_and_past_that_nowhere() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.hear(0, [mini(call(1), 1, &[1; 1300]), mini(call(1), 2, &[2; 4093])]);
    bench.step_after(0);
    assert_eq!(datagram_lens(&bench.sent()), [vec![1304]]);
    assert_eq!(bench.core.counters().drops(DropReason::TooLong), 1);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn unknown_entries_are_stepped_over_counted_and_told_of_once_in_100_ms() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.step_after(0);
    let frame = || {
        let (known, unknown) =
            ((call(1), 20, &b"known"[..]), (call(9), 20, &b"\0\x05\0\x01xx"[..]));
        trunk(EntryForm::Timed, 1, [unknown, known, unknown])
    };
    for _ in 0..3 {
        bench.hear(0, [frame()]);
        bench.hear(9, [frame(), mini(call(1), 20, b"stranger")]);
        bench.step_after(49);
    }
    bench.step_after(20);
    assert_eq!(all_voices(&bench.sent()).len(), 3);
    let counts = bench.core.counters();
    assert_eq!((counts.voice_in, counts.drops(DropReason::NoRelay)), (3 * 5, 3 * 4));
    let expected = Punt::Stray { local: SOCKET, remote: address(0), source: call(9) };
    assert_eq!(bench.punts.receive(|punt| punt == expected), Some(true));
    assert_eq!(bench.punts.receive(|_| ()), None, "98 ms have passed");
    bench.hear(0, [frame()]);
    bench.step_after(10);
    assert_eq!(bench.punts.receive(|punt| punt == expected), Some(true));
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn full_frames_are_punted_whoever_sends_them_amid_voice_of_the_same_receive() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    let mut octets = mini(call(1), 1, b"12345678");
    octets.extend(ping(call(77)));
    octets.extend(mini(call(1), 2, b"9"));
    bench.core.io_mut().arriving.push_back(Arrival { remote: address(0), octets, segment_len: 12 });
    bench.hear(12, [ping(call(78)), [ping(call(79)), vec![0; PUNT_MAX]].concat()]);
    assert!(bench.punts.may_sleep());
    bench.step_after(0);
    assert_eq!(bench.rings.get(), 1);
    for (remote, source) in [(address(0), 77), (address(12), 78)] {
        let octets = ping(call(source));
        let expected = Punt::Full { local: SOCKET, remote, octets: &octets };
        assert_eq!(bench.punts.receive(|punt| punt == expected), Some(true));
    }
    assert_eq!(bench.punts.receive(|_| ()), None);
    bench.step_after(20);
    assert_eq!(all_voices(&bench.sent()).len(), 2);
    let counts = bench.core.counters();
    assert_eq!((counts.full_frames, counts.drops(DropReason::TooLong)), (2, 1));
    assert_eq!(bench.counts.read(), counts, "published");
    assert_eq!(bench.balances(3), Ok(()));
}

#[test]
fn what_is_no_voice_is_counted_by_its_reason() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    let mut cut = trunk(EntryForm::Timed, 1, [(call(1), 20, &b"whole"[..]), (call(1), 40, b"cut")]);
    cut.pop();
    let datagrams = [
        vec![1, 2, 3],
        vec![0x80, 1, 0, 0, 0],
        vec![0, 0, 0x80, 1, 0, 0, 9],
        vec![0, 0, 2, 0, 0, 0, 0, 0],
        vec![0, 0, 1, 2, 0, 0, 0, 0],
        cut,
        mini(call(1), 60, b""),
    ];
    bench.hear(0, datagrams);
    bench.step_after(0);
    bench.step_after(20);
    assert_eq!(all_voices(&bench.sent()).len(), 1);
    let counts = bench.core.counters();
    let expected = [
        (DropReason::Malformed, 2),
        (DropReason::Video, 1),
        (DropReason::UnknownMeta, 2),
        (DropReason::EntryCut, 1),
        (DropReason::Empty, 1),
    ];
    for (reason, count) in expected {
        assert_eq!(counts.drops(reason), count, "{reason:?}");
    }
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn before_voice_has_started_every_frame_goes_to_control_and_then_none() {
    let mut bench = bench();
    bench.ask(Command::Install(RelaySpec { offset: None, ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, [mini(call(1), 20, b"a"), mini(call(1), 40, b"b")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 20), (1, 40)]);
    bench.ask(Command::Align {
        relay: RelayId(1),
        offset: 1000,
        heard: Timestamp(20),
        sent: Timestamp(1020),
        format: MediaFormat::ULAW,
    });
    bench.hear(0, [mini(call(1), 60, b"c")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), []);
    assert_eq!(all_voices(&bench.sent())[0].1.at, Some(1060));
    assert_eq!(bench.cells.last_sent(RelayId(1)), Timestamp(1060));
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn each_wrap_punts_one_frame_and_a_late_one_none() {
    let mut bench = bench();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_400), ..mini_relay(1, 1, 1, 11) }));
    let stamps = [65_440, 65_500, 20, 40, 65_530, 60];
    bench.hear(0, stamps.map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 65_556)]);
    let sent: Vec<_> = all_voices(&bench.sent()).iter().map(|(_, voice)| voice.at).collect();
    assert_eq!(sent, [65_440, 65_500, 40, 65_530, 60].map(Some));

    bench.hear(0, [mini(call(1), 80, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [], "it is on its way");
    bench.ask(Command::Owe(RelayId(1)));
    bench.hear(0, [mini(call(1), 100, b"x"), mini(call(1), 120, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 65_636)], "asked for again");
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    let counts = [&cell.heard_frames, &cell.late_frames, &cell.heard, &cell.sent];
    let counts = counts.map(|word| word.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(counts, [9, 1, 65_656, 65_656]);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn a_full_frame_from_before_a_wrap_does_not_pay_for_it() {
    let mut bench = bench();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_400), ..mini_relay(1, 1, 1, 11) }));
    bench.ask(Command::Owe(RelayId(1)));
    bench.hear(0, [65_500, 20].map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 65_500), (1, 65_556)]);
    let align = |sent| Command::Align {
        relay: RelayId(1),
        offset: 0,
        heard: sent,
        sent,
        format: MediaFormat::ULAW,
    };
    bench.ask(align(Timestamp(65_500)));
    bench.ask(Command::Owe(RelayId(1)));
    bench.ask(align(Timestamp(65_500)));
    bench.hear(0, [mini(call(1), 40, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 65_576)]);
    bench.ask(align(Timestamp(65_576)));
    bench.ask(Command::Quelch(RelayId(1), false));
    bench.hear(0, [mini(call(1), 60, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), []);
}

#[test]
fn voice_from_before_the_start_of_its_call_is_stale() {
    let mut bench = bench();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(100), ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, [mini(call(1), 65_530, b"x"), mini(call(1), 60, b"x")]);
    bench.step_after(0);
    assert_eq!(all_voices(&bench.sent()).len(), 1);
    assert_eq!(bench.core.counters().drops(DropReason::Stale), 1);
}

#[test]
fn where_control_is_behind_an_owed_frame_travels_as_the_others_do() {
    let mut bench = OneCore::new(LIMITS, 256);
    bench.peer(0, 1240, EntryForm::Timed);
    bench.peer(1, 1240, EntryForm::Timed);
    bench.ask(Command::Install(mini_relay(1, 1, 1, 11)));
    bench.ask(Command::Install(RelaySpec { offset: None, ..mini_relay(2, 2, 1, 12) }));
    bench.hear(9, (0..10).map(|_| ping(call(9))));
    bench.step_after(0);
    let full = bench.core.counters().full_frames;
    assert_eq!(bench.core.counters().drops(DropReason::PuntFull), 10 - full);
    bench.ask(Command::Owe(RelayId(1)));
    bench.hear(0, [mini(call(1), 1, b"x"), mini(call(2), 1, b"x")]);
    bench.step_after(0);
    assert_eq!(all_voices(&bench.sent()).len(), 1, "the first as a mini frame");
    assert_eq!(bench.core.counters().drops(DropReason::PuntFull), 10 - full + 1, "the second not");
    while bench.punts.receive(|_| ()).is_some() {}
    bench.punts.release();
    bench.hear(0, [mini(call(1), 21, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 21)], "the flag was kept");
    assert_eq!(bench.balances(10), Ok(()));
}

#[test]
fn a_removed_relay_is_told_of_after_its_voice_has_left_and_never_forgotten() {
    let mut bench = OneCore::new(LIMITS, 256);
    bench.peer(0, 1240, EntryForm::Timed);
    bench.peer(1, 1240, EntryForm::Timed);
    for id in 0..20 {
        bench.ask(Command::Install(relay(id, 0, 1 + id as u16, 1, 1 + id as u16)));
    }
    bench.hear(0, (0..20).map(|n| mini(call(1 + n), 20, b"last words")));
    bench.step_after(0);
    assert_eq!((bench.sent(), bench.core.held()), (vec![], 20));
    (0..20).map(RelayId).for_each(|relay| bench.ask(Command::Remove(relay)));
    bench.ask(Command::Remove(RelayId(10_000)));
    assert_eq!(bench.step_after(0), Some(bench.now() + std::time::Duration::from_millis(1)));
    assert_eq!(all_voices(&bench.sent()).len(), 20);
    let mut told = Vec::new();
    while told.len() < 21 {
        let before = told.len();
        while let Some(relay) = bench.punts.receive(|punt| match punt {
            Punt::Removed(relay) => relay.0,
            other => panic!("{other:?}"),
        }) {
            told.push(relay);
        }
        bench.punts.release();
        assert!(told.len() > before, "the others are still told of");
        bench.step_after(1);
    }
    told.sort_unstable();
    assert_eq!(told, (0..20).chain([10_000]).collect::<Vec<_>>());
    bench.hear(0, [mini(call(1), 40, b"too late")]);
    bench.step_after(0);
    assert_eq!(bench.core.counters().drops(DropReason::NoRelay), 1);
    assert_eq!(bench.step_after(1), None, "nothing is left to do");
}

#[test]
fn commands_out_of_bounds_or_out_of_order_change_nothing() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(100_000, 0, 1, 1, 1)));
    bench.ask(Command::Install(relay(1, 99, 1, 1, 1)));
    bench.ask(Command::Install(relay(2, 0, 2, 99, 1)));
    bench.ask(Command::Install(relay(3, 0, 3, 7, 1)));
    bench.ask(Command::Owe(RelayId(9)));
    bench.ask(Command::Carry(RelayId(99_999), Carriage::Mini));
    bench.ask(Command::ForgetPeer(PeerIndex(7)));
    bench.ask(Command::ForgetPeer(PeerIndex(700)));
    bench.peer(1_000, 1240, EntryForm::Timed);
    bench.hear(0, (1..4).map(|n| mini(call(n), 20, b"x")));
    bench.step_after(0);
    assert_eq!(bench.core.counters().drops(DropReason::NoRelay), 3);
    // The same name again, and another relay that hears the same: the last one has it.
    bench.ask(Command::Install(relay(4, 0, 4, 1, 14)));
    bench.ask(Command::Install(relay(4, 0, 5, 1, 15)));
    bench.ask(Command::Install(relay(5, 0, 5, 1, 16)));
    bench.ask(Command::Remove(RelayId(4)));
    bench.hear(0, [mini(call(4), 20, b"x"), mini(call(5), 20, b"x")]);
    bench.step_after(0);
    bench.step_after(20);
    let calls: Vec<_> = all_voices(&bench.sent()).iter().map(|(_, voice)| voice.call).collect();
    assert_eq!(calls, [call(16)]);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn what_waits_for_a_peer_leaves_before_its_address_or_packing_changes() {
    let mut bench = bench();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.hear(0, [mini(call(1), 20, b"a")]);
    bench.step_after(0);
    bench.peer(1, 1240, EntryForm::Untimed);
    bench.hear(0, [mini(call(1), 40, b"b")]);
    bench.step_after(0);
    bench.ask(Command::Carry(RelayId(1), Carriage::Mini));
    bench.hear(0, [mini(call(1), 60, b"c")]);
    bench.step_after(0);
    let sent: Vec<_> = all_voices(&bench.sent()).into_iter().map(|(_, voice)| voice.at).collect();
    assert_eq!(sent, [Some(20), None, Some(60)]);
}

#[test]
fn untimed_entries_follow_their_durations_and_now_and_then_the_clock() {
    let mut bench = bench();
    let spec = RelaySpec {
        newest: Timestamp(1000),
        format: Some(MediaFormat::ULAW),
        ..mini_relay(1, 1, 1, 11)
    };
    bench.ask(Command::Install(spec));
    let mut hear = |ms: u64, frames: usize| -> Vec<u16> {
        let entries = vec![(call(1), 0, &ULAW_20_MS[..]); frames];
        // The header's time is none of these calls' business.
        bench.hear(0, [trunk(EntryForm::Untimed, 777_777, entries)]);
        bench.step_after(ms);
        all_voices(&bench.sent()).iter().filter_map(|(_, voice)| voice.at).collect()
    };
    assert_eq!(hear(0, 1), [1020]);
    assert_eq!(hear(23, 1), [1040], "jitter of arrival is not passed on");
    assert_eq!(hear(17, 2), [1060, 1080]);
    assert_eq!(hear(5000, 2), [6060, 6080], "a pause is");
}

#[test]
fn the_audio_of_a_full_frame_handed_back_is_sent_on_under_its_own_time() {
    let mut bench = bench();
    bench.ask(Command::Install(RelaySpec { offset: Some(5), ..mini_relay(1, 1, 1, 11) }));
    bench.ask(Command::Voice {
        relay: RelayId(1),
        heard: Timestamp(70_000),
        format: MediaFormat::GSM,
        audio: [7; 33].into_iter().collect(),
    });
    bench.hear(0, [mini(call(1), (70_020_u32 & 0xffff) as u16, &[8; 33])]);
    bench.step_after(0);
    // It is in another 65 s than what was sent before, so the far leg owes a full frame itself.
    assert_eq!(punted_voice(&mut bench), [(1, 70_000)]);
    assert_eq!(all_voices(&bench.sent())[0].1.at, Some((70_025_u32 & 0xffff) as u16));
    assert_eq!(bench.core.counters().voice_returned, 1);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn a_relay_that_moves_here_goes_on_where_the_other_core_left_it() {
    let mut bench = bench();
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    cell.sent.store(65_530, std::sync::atomic::Ordering::Relaxed);
    cell.heard_frames.store(3276, std::sync::atomic::Ordering::Relaxed);
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_530), ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, [mini(call(1), 14, b"x")]);
    bench.step_after(0);
    assert_eq!(punted_voice(&mut bench), [(1, 65_550)], "the wrap is noticed");
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    assert_eq!(cell.heard_frames.load(std::sync::atomic::Ordering::Relaxed), 3277);
}

#[test]
fn with_no_buffer_free_frames_are_counted_and_nothing_else_is_lost() {
    let mut bench =
        OneCore::new(dataplane::core_loop::CoreLimits { send_buffers: 2, ..LIMITS }, 4096);
    for peer in 0..4 {
        bench.peer(peer, 1240, EntryForm::Timed);
        bench.ask(Command::Install(relay(peer, 0, 1 + peer as u16, peer, 11)));
    }
    bench.core.io_mut().stuck = true;
    let entry = |n: u16| (call(1 + n), 20, &ULAW_20_MS[..]);
    bench.hear(0, [trunk(EntryForm::Timed, 1, (0..4).map(entry))]);
    // Peer 0 fills a frame and more; no buffer is free for the rest, which leaves with it.
    bench.hear(0, [trunk(EntryForm::Timed, 1, (0..8).map(|_| entry(0)))]);
    bench.step_after(0);
    assert_eq!(bench.core.counters().drops(DropReason::PoolEmpty), 2);
    assert_eq!(datagram_lens(&bench.sent()), [vec![1170, 8 + 2 * 166]]);
    bench.core.io_mut().stuck = false;
    bench.step_after(20);
    assert_eq!(datagram_lens(&bench.sent()), [vec![8 + 166]]);
    bench.hear(0, [trunk(EntryForm::Timed, 1, [entry(2)])]);
    bench.step_after(0);
    bench.step_after(20);
    assert_eq!(all_voices(&bench.sent()).len(), 1);
    assert_eq!(bench.balances(0), Ok(()));
    assert!(bench.now() > Instant::ZERO);
}

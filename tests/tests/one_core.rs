//! What one core hears and how it sends it, case by case.

use dataplane::core_loop::CoreLimits;
use dataplane::counters::DropReason;
use dataplane::handoff::{Command, PUNT_MAX, Punt};
use dataplane::wire::EntryForm;
use tests::datagrams::{Voice, mini, ping, trunk, voices};
use tests::one_core::{
    Arrival, LIMITS, OneCore, SOCKET, Sent, address, all_voices, call, mini_relay, relay,
};

const ULAW_20_MS: [u8; 160] = [0xd5; 160];

fn datagram_lens(sent: &[Sent]) -> Vec<Vec<usize>> {
    sent.iter().map(|sent| sent.datagrams.iter().map(Vec::len).collect()).collect()
}

#[test]
fn entries_gather_in_equal_frames_and_the_rest_waits_for_the_tick() {
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    bench.hear(0, [mini(call(1), 1, &[1; 1300]), mini(call(1), 2, &[2; 4093])]);
    bench.step_after(0);
    assert_eq!(datagram_lens(&bench.sent()), [vec![1304]]);
    assert_eq!(bench.core.counters().drops(DropReason::TooLong), 1);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn unknown_entries_are_stepped_over_counted_and_told_of_once_in_100_ms() {
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    let mut cut = trunk(EntryForm::Timed, 1, [(call(1), 20, &b"whole"[..]), (call(1), 40, b"cut")]);
    cut.pop();
    let datagrams = [
        vec![1, 2, 3],
        vec![0x80, 1, 0, 0, 0],
        vec![0, 0, 0x80, 1, 0],
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
        (DropReason::Malformed, 3),
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
fn with_no_buffer_free_frames_are_counted_and_nothing_else_is_lost() {
    let mut bench = OneCore::new(CoreLimits { send_buffers: 2, ..LIMITS }, 4096);
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
}

//! What one core does with encrypted legs, case by case.

use dataplane::counters::DropReason;
use dataplane::handoff::{CallKey, Carriage, Command, Conversion, Punt, RelayId, RelaySpec};
use dataplane::wire::{EntryForm, MediaFormat, Timestamp, VideoTimestamp};
use tests::datagrams::{Voice, decrypted, encrypted, mini, trunk, video, voices};
use tests::one_core::{LIMITS, OneCore, Sent, all_voices, call, mini_relay, relay};

const ULAW_20_MS: [u8; 160] = [0xff; 160];
const NEAR: CallKey = CallKey([1; 16]);
const FAR: CallKey = CallKey([2; 16]);
const NEXT: CallKey = CallKey([3; 16]);
const LAST: CallKey = CallKey([4; 16]);

/// Relay 1: from call 1 of peer 0, which encrypts, to our call 11 with peer 1.
fn heard_encrypted() -> RelaySpec {
    RelaySpec { decrypt: Some(NEAR), ..mini_relay(1, 1, 1, 11) }
}

/// Relay 1 the other way: what is sent is encrypted, though trunk frames were asked for.
fn sent_encrypted() -> RelaySpec {
    RelaySpec { encrypt: Some(FAR), ..relay(1, 0, 1, 1, 11) }
}

fn with(spec: RelaySpec) -> OneCore {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(spec));
    bench.step_after(0);
    bench
}

fn spoken(key: CallKey, at: u16) -> Vec<u8> {
    encrypted(key, &mini(call(1), at, &ULAW_20_MS))
}

/// Time-stamps of the voice sent in clear.
fn stamps(bench: &mut OneCore) -> Vec<u16> {
    all_voices(&bench.sent()).into_iter().filter_map(|(_, voice)| voice.at).collect()
}

/// The voice in encrypted datagrams.
fn hidden(key: CallKey, sent: &[Sent]) -> Vec<Voice> {
    let datagrams = sent.iter().flat_map(|sent| &sent.datagrams);
    datagrams.flat_map(|datagram| voices(&decrypted(key, datagram)).0).collect()
}

#[test]
fn an_encrypted_leg_is_heard_and_its_trunk_entries_in_clear() {
    let mut bench = with(RelaySpec { offset: Some(100), ..heard_encrypted() });
    bench.hear(0, [spoken(NEAR, 20), spoken(NEAR, 40)]);
    bench.hear(0, [trunk(EntryForm::Timed, 1, [(call(1), 60, &ULAW_20_MS[..])])]);
    bench.step_after(0);
    let voice = |at| (1, Voice { call: call(11), at: Some(at), audio: ULAW_20_MS.to_vec() });
    assert_eq!(all_voices(&bench.sent()), [voice(120), voice(140), voice(160)]);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn an_encrypted_leg_is_sent_equal_mini_frames_behind_pads_that_differ() {
    let mut bench = with(sent_encrypted());
    bench.ask(Command::Carry(RelayId(1), Carriage::Trunk));
    bench.hear(0, (1..=20).map(|n| mini(call(1), 20 * n, &ULAW_20_MS)));
    bench.step_after(0);
    let sent = bench.sent();
    assert_eq!(sent.len(), 1, "one send");
    assert_eq!(sent[0].datagrams.iter().map(Vec::len).collect::<Vec<_>>(), [194; 20]);
    for (n, voice) in (1..).zip(hidden(FAR, &sent)) {
        let expected = Voice { call: call(11), at: Some(20 * n), audio: ULAW_20_MS.to_vec() };
        assert_eq!(voice, expected);
    }
    let mut first_blocks: Vec<_> = sent[0].datagrams.iter().map(|octets| &octets[2..18]).collect();
    first_blocks.sort_unstable();
    first_blocks.dedup();
    assert_eq!(first_blocks.len(), 20);
    assert_eq!(bench.core.held(), 0);
}

#[test]
fn both_legs_may_be_encrypted() {
    let mut bench = with(RelaySpec { encrypt: Some(FAR), ..heard_encrypted() });
    bench.hear(0, [spoken(NEAR, 20)]);
    bench.step_after(0);
    let expected = Voice { call: call(11), at: Some(20), audio: ULAW_20_MS.to_vec() };
    assert_eq!(hidden(FAR, &bench.sent()), [expected]);
}

#[test]
fn control_is_given_audio_in_clear_and_as_it_was_heard() {
    let convert = Some(Conversion::UlawToAlaw);
    let mut bench = with(RelaySpec { offset: None, convert, ..heard_encrypted() });
    bench.hear(0, [spoken(NEAR, 20)]);
    bench.step_after(0);
    let (relay, heard) = (RelayId(1), Timestamp(20));
    let expected = Punt::Voice { relay, heard, audio: &ULAW_20_MS };
    assert_eq!(bench.punts.receive(|punt| punt == expected), Some(true));
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn frames_under_the_key_before_are_heard_and_those_under_any_other_are_not() {
    let mut bench = with(heard_encrypted());
    bench.hear(0, [spoken(NEAR, 20), spoken(LAST, 40)]);
    bench.step_after(0);
    bench.ask(Command::Rekey(RelayId(1), NEXT));
    bench.hear(0, [spoken(NEXT, 60), spoken(NEAR, 40), spoken(LAST, 80), spoken(NEXT, 80)]);
    bench.step_after(0);
    assert_eq!(stamps(&mut bench), [20, 60, 40, 80]);
    bench.ask(Command::Rekey(RelayId(1), LAST));
    bench.hear(0, [spoken(LAST, 100), spoken(NEAR, 120), spoken(NEXT, 120)]);
    bench.step_after(0);
    assert_eq!(stamps(&mut bench), [100, 120]);
    assert_eq!(bench.core.counters().drops(DropReason::Decrypt), 3);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn the_key_of_what_is_sent_changes_at_once() {
    let mut bench = with(sent_encrypted());
    bench.hear(0, [mini(call(1), 20, &ULAW_20_MS)]);
    bench.step_after(0);
    assert_eq!(hidden(FAR, &bench.sent()).len(), 1);
    bench.ask(Command::RekeySent(RelayId(1), NEXT));
    bench.hear(0, [mini(call(1), 40, &ULAW_20_MS)]);
    bench.step_after(0);
    assert_eq!(hidden(NEXT, &bench.sent())[0].at, Some(40));
}

#[test]
fn a_relay_in_clear_that_is_given_keys_is_encrypted_from_then_on() {
    let mut bench = with(relay(1, 0, 1, 1, 11));
    bench.hear(0, [mini(call(1), 20, &ULAW_20_MS)]);
    bench.step_after(0);
    assert_eq!(bench.core.held(), 1, "as a trunk entry");
    bench.ask(Command::Rekey(RelayId(1), NEAR));
    bench.ask(Command::RekeySent(RelayId(1), FAR));
    bench.hear(0, [spoken(NEAR, 40), mini(call(1), 60, &ULAW_20_MS)]);
    bench.step_after(0);
    let sent = bench.sent();
    assert_eq!(all_voices(&sent[..1])[0].1.at, Some(20), "what waited leaves first");
    assert_eq!(hidden(FAR, &sent[1..])[0].at, Some(40));
    assert_eq!((sent.len(), bench.core.counters().drops(DropReason::Decrypt)), (2, 1));
}

#[test]
fn a_jump_is_believed_only_as_far_as_time_has_passed() {
    let mut bench = with(heard_encrypted());
    bench.hear(0, [spoken(NEAR, 20), spoken(NEAR, 2020), spoken(NEAR, 4021), spoken(NEAR, 19)]);
    bench.step_after(0);
    assert_eq!(stamps(&mut bench), [20, 2020]);
    bench.hear(0, [spoken(NEAR, 14_020)]);
    bench.step_after(9_999);
    assert_eq!(stamps(&mut bench), [] as [u16; 0]);
    bench.hear(0, [spoken(NEAR, 14_020)]);
    bench.step_after(1);
    assert_eq!(stamps(&mut bench), [14_020]);
    assert_eq!(bench.core.counters().drops(DropReason::Decrypt), 3);
}

#[test]
fn a_clock_that_has_jumped_is_believed_once_it_has_kept_its_time_for_a_while() {
    for jumped in [30_000_u16, 50_000] {
        let mut bench = with(RelaySpec { newest: Timestamp(100_000), ..heard_encrypted() });
        bench.hear(0, (0..10).map(|n| spoken(NEAR, jumped + n * 20)));
        bench.step_after(0);
        assert_eq!(stamps(&mut bench), [140, 160, 180].map(|at| jumped + at), "7 are not enough");
    }
}

#[test]
fn what_cannot_be_an_encrypted_frame_is_counted() {
    let mut bench = with(heard_encrypted());
    let whole = spoken(NEAR, 20);
    bench.hear(0, (4..whole.len()).map(|cut| whole[..cut].to_vec()));
    bench.hear(0, [encrypted(NEAR, &mini(call(1), 20, &[0; 8200]))]);
    bench.hear(0, [encrypted(NEAR, &mini(call(1), 20, b""))]);
    bench.step_after(0);
    let counts = bench.core.counters();
    let drops = [DropReason::TooLong, DropReason::Empty, DropReason::Decrypt];
    // What is cut between blocks is a shorter frame: one without audio, and nine with.
    assert_eq!(drops.map(|reason| counts.drops(reason)), [1, 2, 190 - 10]);
    assert_eq!(counts.voice_out, 9);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn frames_longer_than_a_receiver_takes_are_not_sent() {
    let mut bench = with(sent_encrypted());
    bench.hear(0, [mini(call(1), 20, &[7; 4048]), mini(call(1), 40, &[7; 4092])]);
    bench.step_after(0);
    assert_eq!(hidden(FAR, &bench.sent())[0].audio.len(), 4048);
    assert_eq!(bench.core.counters().drops(DropReason::TooLong), 1);
}

#[test]
fn relays_may_come_and_go_more_often_than_there_is_room_for() {
    let mut bench = OneCore::usual();
    for round in 0..3 {
        for id in 0..LIMITS.legs_max {
            let number = 1 + id as u16;
            let keys = RelaySpec { decrypt: Some(NEAR), encrypt: Some(FAR), ..heard_encrypted() };
            bench.ask(Command::Install(RelaySpec {
                relay: RelayId(id),
                near_call: call(number),
                ..keys
            }));
            bench.hear(0, [encrypted(NEAR, &mini(call(number), 20 + round, &ULAW_20_MS))]);
            bench.step_after(0);
            assert_eq!(hidden(FAR, &bench.sent())[0].at, Some(20 + round));
            if id % 2 == 0 {
                bench.ask(Command::Remove(RelayId(id)));
            }
        }
        while bench.punts.receive(|_| ()).is_some() {}
        bench.punts.release();
    }
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn the_laws_of_g711_are_converted_however_the_voice_travels() {
    let convert = Some(Conversion::UlawToAlaw);
    let mut bench = with(RelaySpec { convert, ..relay(1, 0, 1, 1, 11) });
    bench.ask(Command::Install(RelaySpec { convert, ..mini_relay(2, 2, 2, 12) }));
    bench.ask(Command::Voice {
        relay: RelayId(1),
        heard: Timestamp(20),
        format: MediaFormat::ULAW,
        audio: ULAW_20_MS.into_iter().collect(),
    });
    bench.hear(0, [mini(call(1), 40, &ULAW_20_MS), mini(call(2), 40, &ULAW_20_MS)]);
    bench.step_after(0);
    bench.step_after(20);
    let alaw = vec![0xd5; 160];
    let sent: Vec<_> = all_voices(&bench.sent());
    assert_eq!(sent.iter().map(|(peer, _)| *peer).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(sent.iter().all(|(_, voice)| voice.audio == alaw), "{sent:?}");
    bench.ask(Command::Convert(RelayId(2), Some(Conversion::AlawToUlaw)));
    bench.hear(0, [mini(call(2), 60, &alaw)]);
    bench.step_after(0);
    bench.ask(Command::Convert(RelayId(2), None));
    bench.hear(0, [mini(call(2), 80, &alaw)]);
    bench.step_after(0);
    let heard = all_voices(&bench.sent()).into_iter().map(|(_, voice)| voice.audio);
    assert_eq!(heard.collect::<Vec<_>>(), [vec![0xfe; 160], alaw]);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn converted_voice_is_encrypted_as_converted() {
    let mut bench = with(RelaySpec { convert: Some(Conversion::AlawToUlaw), ..sent_encrypted() });
    bench.hear(0, [mini(call(1), 20, &[0x2a; 160])]);
    bench.step_after(0);
    assert_eq!(hidden(FAR, &bench.sent())[0].audio, [0; 160]);
}

#[test]
fn pictures_travel_as_video_mini_frames_stamped_as_voice_is() {
    let mut bench = with(RelaySpec { offset: Some(0x7ff0), ..relay(1, 0, 1, 1, 11) });
    let stamp = VideoTimestamp::new;
    let heard = [stamp(0x14, false), stamp(0x14, true), stamp(0x7fff, true)];
    bench.hear(0, heard.map(|at| video(call(1), at, &[9; 1200])));
    bench.hear(0, [video(call(1), heard[0], b"")]);
    bench.step_after(0);
    let datagrams: Vec<_> = bench.sent().into_iter().flat_map(|sent| sent.datagrams).collect();
    let sent = [stamp(4, false), stamp(4, true), stamp(0x7fef, true)];
    let mut expected: Vec<_> = sent.map(|at| video(call(11), at, &[9; 1200])).into();
    expected.push(video(call(11), stamp(4, false), b""));
    assert_eq!(datagrams, expected);
    let counts = bench.core.counters();
    assert_eq!((counts.video_in, counts.video_out, counts.voice_in), (4, 4, 0));
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn pictures_of_encrypted_or_silent_calls_are_counted() {
    let packet = || video(call(1), VideoTimestamp::new(20, true), b"packet");
    let cases = [
        (heard_encrypted(), DropReason::Video),
        (sent_encrypted(), DropReason::Video),
        (RelaySpec { offset: None, ..mini_relay(1, 1, 1, 11) }, DropReason::Video),
        (RelaySpec { quelched: true, ..mini_relay(1, 1, 1, 11) }, DropReason::Quelched),
        (mini_relay(1, 2, 1, 11), DropReason::NoRelay),
    ];
    for (spec, reason) in cases {
        let mut bench = with(spec);
        bench.hear(0, [packet()]);
        bench.hear(9, [packet()]);
        bench.step_after(0);
        assert_eq!(bench.sent(), []);
        let drops = bench.core.counters().drops(reason);
        assert_eq!(drops, if reason == DropReason::NoRelay { 2 } else { 1 }, "{reason:?}");
        assert_eq!(bench.balances(0), Ok(()));
    }
}

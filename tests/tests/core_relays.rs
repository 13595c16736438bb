//! What one core does for its relays and at control's word, case by case.

use std::time::Duration;

use dataplane::counters::DropReason;
use dataplane::handoff::{Carriage, Command, PeerIndex, Punt, RelayId, RelaySpec};
use dataplane::wire::{EntryForm, MediaFormat, Timestamp};
use tests::datagrams::{full_voice, mini, ping, trunk};
use tests::one_core::{LIMITS, OneCore, all_voices, call, mini_relay, relay};

const ULAW_20_MS: [u8; 160] = [0xd5; 160];

#[test]
fn before_voice_has_started_every_frame_goes_to_control_and_then_none() {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(RelaySpec { offset: None, ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, [mini(call(1), 20, b"a"), mini(call(1), 40, b"b")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 20), (1, 40)]);
    bench.ask(Command::Align {
        relay: RelayId(1),
        offset: 1000,
        heard: Timestamp(20),
        sent: Timestamp(1020),
        format: MediaFormat::ULAW,
    });
    bench.hear(0, [mini(call(1), 60, b"c")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 60)], "the second has not come back yet");
    for (at, audio) in [(40, b"b"), (60, b"c")] {
        bench.ask(hand_back(at, audio));
    }
    bench.hear(0, [mini(call(1), 80, b"d")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), []);
    let sent: Vec<_> = all_voices(&bench.sent()).iter().map(|(_, voice)| voice.at).collect();
    assert_eq!(sent, [1040, 1060, 1080].map(Some));
    assert_eq!(bench.cells.last_sent(RelayId(1)), Timestamp(1080));
    assert_eq!(bench.balances(0), Ok(()));
}

fn hand_back(at: u32, audio: &[u8]) -> Command {
    let audio = audio.iter().copied().collect();
    Command::Voice { relay: RelayId(1), heard: Timestamp(at), format: MediaFormat::ULAW, audio }
}

#[test]
fn a_busy_control_is_followed_by_few_frames() {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_400), ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, (0..30).map(|n| mini(call(1), n * 20, b"x")));
    bench.step_after(0);
    assert_eq!(bench.punted_voice().len(), 17, "the one owed and those that follow it");
    assert_eq!(all_voices(&bench.sent()).len(), 13);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn what_waits_in_a_trunk_frame_leaves_before_a_full_frame_is_asked_for() {
    let mut bench = OneCore::usual();
    let newest = Timestamp(65_400);
    bench.ask(Command::Install(RelaySpec { newest, ..relay(1, 0, 1, 1, 11) }));
    bench.hear(0, [65_500, 20].map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 65_556)]);
    assert_eq!(all_voices(&bench.sent())[0].1.at, Some(65_500), "without waiting for the tick");
}

#[test]
fn untimed_entries_take_their_time_from_the_full_frame_before_them() {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(RelaySpec { offset: None, ..mini_relay(1, 1, 1, 11) }));
    let full = full_voice(call(1), 770, MediaFormat::ULAW, &ULAW_20_MS);
    bench.hear(0, [full.clone()]);
    bench.step_after(0);
    let whole = |punt: Punt<'_>| matches!(punt, Punt::Full { octets, .. } if octets == full);
    assert_eq!(bench.punts.receive(whole), Some(true));
    let entry = (call(1), 0, &ULAW_20_MS[..]);
    bench.hear(0, [trunk(EntryForm::Untimed, 3, [entry, entry])]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 790), (1, 810)]);
    assert_eq!(bench.balances(1), Ok(()));
}

#[test]
fn each_wrap_punts_one_frame_and_a_late_one_none() {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_400), ..mini_relay(1, 1, 1, 11) }));
    let align = |at| Command::Align {
        relay: RelayId(1),
        offset: 0,
        heard: Timestamp(at),
        sent: Timestamp(at),
        format: MediaFormat::ULAW,
    };
    bench.hear(0, [65_440, 65_500, 20].map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 65_556)]);
    bench.ask(align(65_556));
    bench.hear(0, [40, 65_530, 60].map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    let sent: Vec<_> = all_voices(&bench.sent()).iter().map(|(_, voice)| voice.at).collect();
    assert_eq!(sent, [65_440, 65_500, 40, 65_530, 60].map(Some));

    bench.hear(0, [mini(call(1), 80, b"x")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [], "it has been paid for");
    bench.ask(Command::Owe(RelayId(1)));
    bench.hear(0, [mini(call(1), 100, b"x")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 65_636)], "asked for again");
    bench.ask(align(65_636));
    bench.hear(0, [mini(call(1), 120, b"x")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), []);
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    let counts = [&cell.heard_frames, &cell.late_frames, &cell.heard, &cell.sent];
    let counts = counts.map(|word| word.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!(counts, [9, 1, 65_656, 65_656]);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn a_full_frame_from_before_a_wrap_does_not_pay_for_it() {
    let mut bench = OneCore::usual();
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_400), ..mini_relay(1, 1, 1, 11) }));
    bench.ask(Command::Owe(RelayId(1)));
    bench.hear(0, [65_500, 20].map(|at| mini(call(1), at, b"x")));
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 65_500), (1, 65_556)]);
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
    assert_eq!(bench.punted_voice(), [(1, 65_576)]);
    bench.ask(align(Timestamp(65_576)));
    bench.ask(Command::Quelch(RelayId(1), false));
    bench.hear(0, [mini(call(1), 60, b"x")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), []);
}

#[test]
fn voice_from_before_the_start_of_its_call_is_stale() {
    let mut bench = OneCore::usual();
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
    assert_eq!(bench.punted_voice(), [(1, 21)], "the flag was kept");
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
    assert_eq!(bench.step_after(0), Some(bench.now() + Duration::from_millis(1)));
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    let mut bench = OneCore::usual();
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
    assert_eq!(bench.punted_voice(), [(1, 70_000), (1, 70_020)], "and nothing overtakes it");
    assert_eq!(all_voices(&bench.sent()).len(), 0);
    assert_eq!(bench.core.counters().voice_returned, 1);
    assert_eq!(bench.balances(0), Ok(()));
}

#[test]
fn a_relay_that_moves_here_goes_on_where_the_other_core_left_it() {
    let mut bench = OneCore::usual();
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    cell.sent.store(65_530, std::sync::atomic::Ordering::Relaxed);
    cell.heard_frames.store(3276, std::sync::atomic::Ordering::Relaxed);
    bench.ask(Command::Install(RelaySpec { newest: Timestamp(65_530), ..mini_relay(1, 1, 1, 11) }));
    bench.hear(0, [mini(call(1), 14, b"x")]);
    bench.step_after(0);
    assert_eq!(bench.punted_voice(), [(1, 65_550)], "the wrap is noticed");
    let cell = bench.cells.get(RelayId(1)).expect("within bounds");
    assert_eq!(cell.heard_frames.load(std::sync::atomic::Ordering::Relaxed), 3277);
}

#[test]
fn a_core_sleeps_until_its_next_tick_and_not_with_commands_to_obey() {
    let mut bench = OneCore::usual();
    let slept = |bench: &mut OneCore| core::mem::take(&mut bench.core.io_mut().waits);
    bench.ask(Command::Install(relay(1, 0, 1, 1, 11)));
    let until = bench.step_after(0);
    bench.core.wait(until);
    assert_eq!((until, slept(&mut bench)), (None, vec![None]), "until somebody rings");
    bench.hear(0, [mini(call(1), 20, b"x")]);
    let until = bench.step_after(0);
    bench.core.wait(until);
    assert_eq!(slept(&mut bench), [], "there may be more to hear");
    let until = bench.step_after(0);
    bench.core.wait(until);
    let tick = until.map(|until| until.since(bench.now()));
    assert!(tick.is_some_and(|tick| tick <= Duration::from_millis(20)), "{tick:?}");
    assert_eq!(slept(&mut bench), [tick]);
    bench.ask(Command::Owe(RelayId(1)));
    bench.core.wait(until);
    assert_eq!(slept(&mut bench), [], "asked between step and sleep");
}

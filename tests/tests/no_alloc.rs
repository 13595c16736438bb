//! A running core allocates nothing: not for voice, not for installing and removing relays, not when it is short of
//! room.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dataplane::core_loop::CoreLimits;
use dataplane::handoff::{CallKey, Carriage, Command, Conversion, Punt, RelayId, RelaySpec};
use dataplane::wire::{EntryForm, VideoTimestamp};
use tests::datagrams::{encrypted, mini, ping, trunk, video};
use tests::one_core::{Arrival, OneCore, address, call, relay};

/// The system's allocator, with a count of what this thread asks of it.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has nothing left to count in.
    let _ = ASKED.try_with(|asked| asked.set(asked.get() + 1));
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocated, freed or grew something.
fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    work();
    ASKED.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations_in(|| drop(std::hint::black_box(Box::new(1)))), 2);
}

const RELAYS: u32 = 4000;
const LIMITS: CoreLimits = CoreLimits {
    legs_max: RELAYS,
    peers_max: 64,
    big_peers: 1,
    send_buffers: 512,
    commands_per_step: 256,
};

const KEY: CallKey = CallKey([9; 16]);

/// Relays 0.. are heard from peer 0, every second one of those from 3000 on from peer 1, and go to the other peers.
fn spec(id: u32) -> RelaySpec {
    let near = u32::from(id >= 3000 && id.is_multiple_of(2));
    let carriage = if id.is_multiple_of(3) { Carriage::Mini } else { Carriage::Trunk };
    let number = 1 + id as u16;
    let key = |every| id.is_multiple_of(every).then_some(KEY);
    RelaySpec {
        carriage,
        decrypt: key(5),
        encrypt: key(7),
        convert: id.is_multiple_of(11).then_some(Conversion::AlawToUlaw),
        ..relay(id, near, number, 2 + id % 40, number)
    }
}

fn bench() -> OneCore {
    let mut bench = OneCore::new(LIMITS, 1 << 16);
    bench.core.io_mut().steady = true;
    for peer in 0..42 {
        let form = if peer % 5 == 0 { EntryForm::Untimed } else { EntryForm::Timed };
        bench.peer(peer, 1240, form);
    }
    bench.step_after(0);
    bench
}

/// Reads what control was told; how many relays it was told are removed.
fn read_punts(bench: &mut OneCore) -> usize {
    let mut removed = 0;
    while let Some(is_removed) = bench.punts.receive(|punt| matches!(punt, Punt::Removed(_))) {
        removed += usize::from(is_removed);
    }
    bench.punts.release();
    removed
}

fn install_all(bench: &mut OneCore) {
    for id in 0..RELAYS {
        bench.ask(Command::Install(spec(id)));
        if id % 256 == 255 {
            bench.step_after(0);
        }
    }
    bench.step_after(0);
}

#[test]
fn carrying_voice_allocates_nothing() {
    let mut bench = bench();
    install_all(&mut bench);
    // Every relay once in a step, in all the ways there are, with strangers and nonsense between.
    let audio = [0x55; 160];
    for ids in (0..RELAYS).collect::<Vec<_>>().chunks(7 * 50) {
        let octets: Vec<u8> = ids
            .chunks(7)
            .flat_map(|ids| {
                let entries = ids.iter().map(|id| (call(1 + *id as u16), 20, &audio[..]));
                trunk(EntryForm::Timed, 1, entries)
            })
            .collect();
        for peer in [0, 1] {
            let octets = octets.clone();
            let arrival = Arrival { remote: address(peer), octets, segment_len: 8 + 7 * 166 };
            bench.core.io_mut().arriving.push_back(arrival);
        }
    }
    for n in 0..60 {
        let audio = &audio[..1 + usize::from(n)];
        bench.hear(0, [mini(call(1 + n), n, audio), ping(call(1 + n)), vec![0; n.into()]]);
        bench.hear(50, [mini(call(1 + n), n, audio)]);
        bench.hear(0, [encrypted(KEY, &mini(call(1 + n), n, audio))]);
        bench.hear(0, [video(call(1 + n), VideoTimestamp(n), audio)]);
    }
    bench.core.io_mut().arriving.retain(|arrival| !arrival.octets.is_empty());

    let allocations = allocations_in(|| {
        for step in 0..100 {
            bench.step_after(step % 4);
            read_punts(&mut bench);
        }
    });
    assert_eq!(allocations, 0);
    let counts = bench.core.counters();
    assert!(counts.voice_out > 100 * u64::from(RELAYS) * 9 / 10, "{counts:?}");
    assert_eq!(bench.balances(100 * 60), Ok(()));
    assert!(bench.core.io_mut().datagrams_sent > 100 * 500);
}

#[test]
fn installing_moving_and_removing_relays_allocates_nothing() {
    let mut bench = bench();
    let mut removed = 0;
    let allocations = allocations_in(|| {
        for _ in 0..5 {
            install_all(&mut bench);
            for id in 0..RELAYS {
                bench.ask(Command::Carry(RelayId(id), Carriage::Trunk));
                bench.ask(Command::Install(spec(id)));
                bench.ask(Command::Rekey(RelayId(id), KEY));
                bench.ask(Command::RekeySent(RelayId(id), KEY));
                bench.ask(Command::Convert(RelayId(id), Some(Conversion::UlawToAlaw)));
                bench.ask(Command::Remove(RelayId(id)));
                if id % 32 == 31 {
                    bench.step_after(1);
                    removed += read_punts(&mut bench);
                }
            }
            bench.step_after(1);
            removed += read_punts(&mut bench);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(removed, 5 * RELAYS as usize);
}

#[test]
fn being_short_of_room_allocates_nothing() {
    let mut bench = bench();
    install_all(&mut bench);
    let audio = [0x55; 200];
    // Control reads no punts, the kernel keeps the buffers, and lengths differ.
    bench.hear(0, (0..200).map(|n| mini(call(1 + n), n, &audio[..usize::from(n)])));
    bench.hear(9, (0..200).map(|n| ping(call(1 + n))));
    bench.core.io_mut().stuck = true;
    let allocations = allocations_in(|| {
        for step in 0..40 {
            bench.step_after(step % 4);
        }
        for id in 0..1500 {
            bench.ask(Command::Remove(RelayId(id)));
        }
        for _ in 0..20 {
            bench.step_after(1);
        }
    });
    assert_eq!(allocations, 0);
    assert_eq!(bench.balances(60 * 200), Ok(()));
}

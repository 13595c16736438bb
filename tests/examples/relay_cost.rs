//! What a mini frame costs a core, from the receive to the I/O, kernel aside: in clear, encrypted, converted.
//!
//! `cargo run --release -p tests --example relay_cost`; a second or two of one CPU.

use std::time::Instant;

use dataplane::core_loop::CoreLimits;
use dataplane::handoff::{CallKey, Carriage, Command, Conversion, RelaySpec};
use dataplane::wire::EntryForm;
use tests::datagrams::{encrypted, mini};
use tests::one_core::{Arrival, OneCore, address, call, mini_relay};

const RELAYS: u16 = 2000;
const ROUNDS: u32 = 200;
const LIMITS: CoreLimits = CoreLimits {
    legs_max: RELAYS as u32,
    peers_max: 16,
    big_peers: 1,
    send_buffers: 256,
    commands_per_step: 1000,
};
const KEY: CallKey = CallKey([7; 16]);

/// Nanoseconds a frame, the least of three.
fn cost(change: impl Fn(RelaySpec) -> RelaySpec) -> f64 {
    let mut bench = OneCore::new(LIMITS, 1 << 16);
    for peer in 0..2 {
        bench.peer(peer, 1240, EntryForm::Timed);
    }
    let audio = [0x55; 160];
    let mut datagrams = Vec::new();
    for number in 1..=RELAYS {
        let spec = change(mini_relay(u32::from(number) - 1, number, 1, number));
        bench.ask(Command::Install(spec));
        let frame = mini(call(number), 20, &audio);
        datagrams.push(if spec.decrypt.is_some() { encrypted(KEY, &frame) } else { frame });
        if number % 1000 == 0 {
            bench.step_after(1);
        }
    }
    bench.core.io_mut().steady = true;
    for chunk in datagrams.chunks(64) {
        let (octets, segment_len) = (chunk.concat(), chunk[0].len());
        let arrival = Arrival { remote: address(0), octets, segment_len };
        bench.core.io_mut().arriving.push_back(arrival);
    }
    bench.step_after(1);
    let before = bench.core.counters().voice_out;
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            bench.step_after(1);
        }
        let frames = f64::from(ROUNDS) * f64::from(RELAYS);
        least = least.min(started.elapsed().as_nanos() as f64 / frames);
    }
    let sent = bench.core.counters().voice_out - before;
    assert_eq!(sent, 3 * u64::from(ROUNDS) * u64::from(RELAYS), "every frame was relayed");
    least
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn main() {
    let clear = cost(|spec| spec);
    println!("mini frames of 160 octets, {RELAYS} relays, ns a frame");
    println!("clear              {clear:6.0}");
    let show = |name: &str, cost: f64| println!("{name:18} {cost:6.0}  {:+.0}", cost - clear);
    show("to trunk", cost(|spec| RelaySpec { carriage: Carriage::Trunk, ..spec }));
    show("decrypted", cost(|spec| RelaySpec { decrypt: Some(KEY), ..spec }));
    show("encrypted", cost(|spec| RelaySpec { encrypt: Some(KEY), ..spec }));
    let both = |spec| RelaySpec { decrypt: Some(KEY), encrypt: Some(KEY), ..spec };
    show("both", cost(both));
    let convert = Some(Conversion::UlawToAlaw);
    show("converted", cost(|spec| RelaySpec { convert, ..spec }));
}

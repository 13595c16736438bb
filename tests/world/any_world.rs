//! Any world: hosts that do anything at any time over links that do anything; afterwards nothing may be left.
//!
//! A seed that fails is printed; `WORLD_SEED=n` runs it alone.

use std::time::Duration;

use dataplane::wire::{ControlSubclass, FrameType, IaxSubclass, MediaFormat};
use tests::checker::Options;
use tests::world::{Files, Host, PERCENT, Pickup, Random, Retry, World};

use crate::files::{EXTENSIONS, IAX, SECOND, ms, with_all_files};

const SEEDS: u64 = 200;

#[test]
fn nothing_is_left_of_any_world() {
    let chosen = std::env::var("WORLD_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = chosen.map_or(0..SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        let ran = std::panic::catch_unwind(|| live(seed));
        if let Err(panic) = ran {
            eprintln!("this world failed: WORLD_SEED={seed} runs it alone");
            std::panic::resume_unwind(panic);
        }
    }
}

fn live(seed: u64) {
    let mut dice = Random::new(seed ^ 0x5eed);
    let cores = 1 + dice.below(3) as u8;
    let files = Files {
        iax: format!("{IAX}\n{OTHERS}"),
        extensions: format!("{EXTENSIONS}\n{MORE}"),
        cores,
        ..Files::default()
    };
    let (world, alice, bob) = with_all_files(seed, &files);
    let carol = world.host_with("127.0.0.4:4569", |manner| {
        (manner.username, manner.secret) = (Some("carol".into()), Some("lily".into()));
    });
    let hosts = [alice, bob, carol];
    for host in &hosts {
        host.behaves(|manner| {
            manner.retry = if dice.happens(500_000) { Retry::ASTERISK } else { Retry::YATE };
            manner.numbers_by_lot = true;
            manner.full_at_wrap = dice.happens(500_000);
            manner.new_call_per_token = dice.happens(300_000);
            manner.trunk = [None, Some(true), Some(false)][dice.below(3) as usize];
            manner.codecs = vec![MediaFormat::ULAW, MediaFormat::ALAW, MediaFormat::GSM];
        });
        spoil(&world, host, &mut dice);
    }
    for _ in 0..20 + dice.below(60) {
        let host = &hosts[dice.below(3) as usize];
        something_happens(&world, host, cores, &mut dice);
        world.run_for(Duration::from_micros(dice.below(1_500_000)));
    }
    for host in &hosts {
        host.switches_off(false);
        if dice.happens(500_000) {
            world.link(host, |link| _ = link.loses(0, PERCENT));
        }
    }
    world.run_for(5 * SECOND);
    world.ends_with(&lenient());
}

/// What a bad link makes late is not late by the switch's doing.
fn lenient() -> Options {
    Options {
        answer_within: 12 * SECOND,
        peers_vanish: true,
        wrap_grace: 5 * SECOND,
        timed_entries_only: false,
        ..Options::default()
    }
}

fn spoil(world: &World, host: &Host, dice: &mut Random) {
    let (loss, doubling, overtaking) = (dice.below(12), dice.below(10), dice.below(20));
    let least = dice.below(40);
    let most = least + dice.below(60);
    world.link(host, |link| {
        link.loses(loss as u32, PERCENT).doubles(doubling as u32, PERCENT);
        link.reorders(overtaking as u32, PERCENT).delays(ms(least), ms(most));
    });
}

fn something_happens(world: &World, host: &Host, cores: u8, dice: &mut Random) {
    let calls = host.calls();
    let call = (!calls.is_empty()).then(|| calls[dice.below(calls.len() as u64) as usize]);
    match (dice.below(24), call) {
        (0..=6, _) | (_, None) => {
            let number = ["600", "700", "999", "650", "800", "810"][dice.below(6) as usize];
            host.dials(number);
        }
        (7..=9, Some(call)) => host.hangs_up(call, 16 + dice.below(3) as u8),
        (10..=12, Some(call)) => host.talks(call, ms(dice.below(9_000))),
        (13, Some(call)) => host.presses(call, '5'),
        (14, Some(call)) => host.writes(call, "text"),
        (15, Some(call)) => host.says_iax(call, IaxSubclass::Quelch, &[]),
        (16, Some(call)) => host.says_iax(call, IaxSubclass::Unquelch, &[]),
        (17, Some(call)) => host.says(call, ControlSubclass::Hold),
        (18, Some(call)) => host.answers(call),
        (19, _) => {
            let pickups = [
                Pickup::Rings,
                Pickup::Answers(ms(dice.below(3000))),
                Pickup::Busy,
                Pickup::Congested,
                Pickup::Rejects(1),
                Pickup::Acknowledges,
                Pickup::Ignores,
                Pickup::Accepts,
                Pickup::Answers(ms(1)),
            ];
            host.behaves(|manner| manner.pickup = pickups[dice.below(9) as usize]);
        }
        (20, _) => host.restarts(),
        (21, _) => world.hears_on(host, dice.below(u64::from(cores)) as u8),
        (22, Some(call)) => host.says_frame(call, FrameType::Iax, 99, &[]),
        (_, _) => host.switches_off(dice.happens(500_000)),
    }
}

const OTHERS: &str = "
[carol]
type=friend
host=127.0.0.4
username=switch
secret=lily
context=from-alice
";

const MORE: &str = "
[from-alice]
exten => 800,1,Dial(IAX2/bob/1&IAX2/alice/2&IAX2/carol/3,5)
exten => 810,1,Dial(IAX2/bob/1,3,g)
exten => 810,n,Dial(IAX2/carol/2,3,g)
exten => 810,n,Dial(IAX2/alice/3,10)
";

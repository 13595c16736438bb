//! The switch registers with others: again and again, with pauses that grow, and a silence now and then.

use std::time::Duration;

use tests::world::{Files, Host, Registering, Role, World};

use crate::files::{SECOND, ms};

fn world(seed: u64, line: &str, trunkline: &str) -> (World, Host) {
    let files = Files {
        iax: format!("[general]\nregister => {line}\n"),
        extensions: "[default]\nexten => s,1,Hangup()\n".to_owned(),
        trunkline: trunkline.to_owned(),
        ..Files::default()
    };
    let world = World::of(seed, &files);
    let registrar =
        world.host_with("127.0.0.3:4569", |manner| manner.demands = vec!["rose".to_owned()]);
    registrar.keeps_datagrams();
    (world, registrar)
}

/// Registrations that came in, over or not.
fn registrations(host: &Host) -> usize {
    host.legs_of(Role::Registrar).len()
}

/// Opening REGREQs heard.
fn requests(host: &Host) -> usize {
    let opens = |octets: &&Vec<u8>| {
        octets[11] == 13 && octets[2] == 0 && octets[3] == 0 && octets.len() < 40
    };
    host.datagrams().iter().filter(opens).count()
}

#[test]
fn a_registration_is_refreshed_at_five_sixths_of_what_was_granted() {
    let (world, registrar) = world(1, "trunk:rose@127.0.0.3", "");
    registrar.behaves(|manner| manner.registering = Registering::Grants(120));
    world.run_for(SECOND);
    assert_eq!(registrations(&registrar), 1);
    assert_eq!(registrar.said(registrar.legs_of(Role::Registrar)[0]).username, "trunk");
    world.run_for(98 * SECOND);
    assert_eq!(registrations(&registrar), 1);
    world.run_for(3 * SECOND);
    assert_eq!(registrations(&registrar), 2);
    world.run_for(1000 * SECOND);
    assert_eq!(registrations(&registrar), 12);
    world.ends();
}

#[test]
fn a_refused_registration_is_tried_again_ever_more_seldom() {
    let trunkline = "[general]\nregister_retry=10\nregister_retry_max=60\n";
    let (world, registrar) = world(2, "trunk:wrong@127.0.0.3", trunkline);
    world.run_for(8 * SECOND);
    assert_eq!(registrations(&registrar), 1);
    let mut at = Vec::new();
    for second in 8..400u64 {
        world.run_for(SECOND);
        while at.len() < registrations(&registrar) {
            at.push(second);
        }
    }
    let pauses: Vec<u64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[1..4].is_sorted() && pauses.iter().all(|pause| *pause <= 61), "{pauses:?}");
    assert!(pauses[3] >= 59, "{pauses:?}");
    assert_eq!(world.logged("Rejected"), registrations(&registrar), "each try is a line");
    world.ends();
}

#[test]
fn after_several_time_outs_silence_is_kept() {
    let trunkline = "[general]\nregister_retry=10\nregister_retry_max=20\nregister_quiet=300\n";
    let (world, registrar) = world(3, "trunk:rose@127.0.0.3", trunkline);
    registrar.behaves(|manner| manner.registering = Registering::Ignores);
    let mut quiet = Duration::ZERO;
    let mut longest = Duration::ZERO;
    let mut before = 0;
    for _ in 0..800 {
        world.run_for(SECOND);
        let now = registrar.datagrams().len();
        quiet = if now == before { quiet + SECOND } else { Duration::ZERO };
        longest = longest.max(quiet);
        before = now;
    }
    assert!(longest >= 295 * SECOND, "{longest:?} of silence");
    registrar.behaves(|manner| manner.registering = Registering::Grants(60));
    world.run_for(400 * SECOND);
    assert!(world.logged("Timeout") >= 1);
    assert!(registrations(&registrar) >= 1, "and then it registers");
    world.ends();
}

#[test]
fn a_registrar_that_acknowledges_and_says_no_more_does_not_stop_it_for_ever() {
    let (world, registrar) = world(4, "trunk:rose@127.0.0.3", "");
    registrar.behaves(|manner| {
        (manner.registering, manner.demands) = (Registering::Acknowledges, Vec::new());
    });
    world.run_for(10 * SECOND);
    assert_eq!(registrations(&registrar), 1);
    registrar.restarts();
    registrar.behaves(|manner| manner.registering = Registering::Grants(60));
    world.run_for(200 * SECOND);
    assert!(registrations(&registrar) >= 2, "it is tried again");
    world.ends();
}

#[test]
fn a_name_is_resolved_and_asked_again_without_anybody_waiting() {
    let (world, registrar) = world(5, "trunk:rose@pbx.example.test", "");
    world.run_for(40 * SECOND);
    assert_eq!((registrations(&registrar), requests(&registrar)), (0, 0));
    assert_eq!(world.logged("cannot be resolved"), 1);
    world.names("pbx.example.test", Ok("127.0.0.3:4569"));
    world.run_for(40 * SECOND);
    assert_eq!(registrations(&registrar), 1);
    world.ends();
}

#[test]
fn the_switch_going_down_releases_its_registrations() {
    let (world, registrar) = world(6, "trunk:rose@127.0.0.3", "");
    world.run_for(SECOND);
    world.shuts_down();
    world.run_for(SECOND);
    let released = registrar.datagrams().iter().filter(|octets| octets[11] == 17).count();
    assert!(released >= 2, "REGREL, challenged and proved");
    let mut idle = false;
    world.with_control(|_, control| idle = control.is_idle());
    assert!(idle);
    world.run_for(ms(1));
}

#[test]
fn a_registrar_without_a_secret_for_us_is_told_apart_from_a_silent_one() {
    let (world, registrar) = world(7, "trunk@127.0.0.3", "");
    world.run_for(5 * SECOND);
    assert_eq!(registrations(&registrar), 1);
    assert_eq!(world.logged("No Authentication"), 1);
    world.ends();
}

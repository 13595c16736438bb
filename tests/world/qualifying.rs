//! POKE and PONG: whether a peer is there, and what becomes of calls to one that is not.

use tests::world::{Host, Told, World};

use crate::files::{SECOND, ms};

const IAX: &str = "
[a]
type=user
context=x
[b]
type=peer
host=127.0.0.3
qualify=200
qualifyfreqok=20000
qualifyfreqnotok=5000
";
const PLAN: &str = "[x]\nexten => 600,1,Dial(IAX2/b/600)\n";

fn world(seed: u64) -> (World, Host, Host) {
    let world = World::new(seed, IAX, PLAN);
    let a = world.host_with("127.0.0.2:4569", |manner| manner.username = Some("a".to_owned()));
    let b = world.host("127.0.0.3:4569");
    (world, a, b)
}

#[test]
fn a_peer_that_answers_is_asked_every_so_often() {
    let (world, a, b) = world(1);
    world.run_for(2 * SECOND);
    assert_eq!((b.pokes_heard(), world.logged("peer b is OK")), (1, 1));
    world.run_for(100 * SECOND);
    assert_eq!(b.pokes_heard(), 6);
    let call = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(call));
    world.ends();
}

#[test]
fn a_peer_that_does_not_answer_is_not_called_until_it_does() {
    let (world, a, b) = world(2);
    world.run_for(2 * SECOND);
    b.switches_off(true);
    world.run_for(60 * SECOND);
    assert_eq!(world.logged("UNREACHABLE"), 1);
    let call = a.dials("600");
    world.run_for(ms(500));
    assert_eq!(a.told_last(call), Some(Told::Rejected(20)), "at once");
    b.switches_off(false);
    world.run_for(20 * SECOND);
    assert_eq!(world.logged("peer b is OK"), 2);
    let call = a.dials("600");
    world.run_for(SECOND);
    assert!(a.is_answered(call));
    world.ends();
}

#[test]
fn a_peer_that_answers_late_is_lagged_and_not_called() {
    let (world, a, b) = world(3);
    world.run_for(2 * SECOND);
    world.link(&b, |link| _ = link.delays(ms(200), ms(200)));
    world.run_for(30 * SECOND);
    assert_eq!(world.logged("peer b is LAGGED"), 1);
    let call = a.dials("600");
    world.run_for(ms(500));
    assert_eq!(a.told_last(call), Some(Told::Rejected(20)));
    world.link(&b, |link| _ = link.delays(ms(10), ms(10)));
    world.run_for(10 * SECOND);
    assert_eq!(world.logged("peer b is OK"), 2);
    world.ends();
}

#[test]
fn a_lossy_link_to_a_peer_that_is_there_does_not_make_it_unreachable() {
    for seed in 0..20 {
        let (world, _a, b) = world(100 + seed);
        world.link(&b, |link| _ = link.loses(20, tests::world::PERCENT));
        world.run_for(300 * SECOND);
        assert_eq!(world.logged("UNREACHABLE"), 0, "seed {seed}: {:?}", world.log());
        world.ends();
    }
}

#[test]
fn a_registered_peer_is_monitored_where_it_is() {
    let iax = "[m]\ntype=friend\nhost=dynamic\nsecret=s\nqualify=yes\ncontext=x\n";
    let world = World::new(4, iax, PLAN);
    let m = world.host_with("127.0.0.4:4569", |manner| {
        (manner.username, manner.secret) = (Some("m".into()), Some("s".into()));
    });
    world.run_for(30 * SECOND);
    assert_eq!(m.pokes_heard(), 0);
    m.registers(60);
    world.run_for(SECOND);
    assert_eq!((m.pokes_heard(), world.logged("peer m is OK")), (1, 1));
    m.unregisters();
    world.run_for(200 * SECOND);
    assert_eq!(m.pokes_heard(), 1);
    world.ends();
}

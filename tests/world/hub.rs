//! A radio hub as AllStarLink has them: many small nodes that register nowhere, know no call token, and keep their
//! links up for hours with hardly a word.

use std::time::Duration;

use dataplane::wire::ControlSubclass;
use tests::world::{CallId, Host, Told, World};

use crate::files::{SECOND, assert_perfect, ms};

const IAX: &str = "
[general]
trunktimestamps=yes

[radio]
type=user
requirecalltoken=no
context=radio
disallow=all
allow=ulaw,gsm

[hub]
type=peer
host=127.0.0.3
username=radio
disallow=all
allow=ulaw,gsm
";

const EXTENSIONS: &str = "
[radio]
exten => _2XXX,1,Dial(IAX2/hub/${EXTEN})
";

const NODES: usize = 24;

/// A link table as a hub of many nodes writes it: longer than a datagram on most paths.
fn link_table() -> Vec<u8> {
    let mut table = b"L ".to_vec();
    while table.len() < 1700 {
        table.extend_from_slice(format!("T{},", 40_000 + table.len()).as_bytes());
    }
    table.push(0);
    table
}

/// The nodes with their calls, and the hub with its legs, in the same order.
fn linked(world: &World) -> (Vec<(Host, CallId)>, Host, Vec<CallId>) {
    let hub = world.host_with("127.0.0.3:4569", |manner| manner.knows_tokens = false);
    let mut nodes = Vec::new();
    for node in 0..NODES {
        // Many stand behind one router, each at a port of its own.
        let address = format!("127.0.1.{}:{}", 1 + node % 3, 4569 + node);
        let host = world.host_with(&address, |manner| {
            manner.username = Some("radio".to_owned());
            manner.knows_tokens = false;
        });
        let call = host.dials(&format!("{}", 2000 + node));
        world.run_for(ms(50));
        nodes.push((host, call));
    }
    world.run_for(SECOND);
    for (node, (host, call)) in nodes.iter().enumerate() {
        assert!(host.is_answered(*call), "node {node}: {:?}", host.told(*call));
    }
    let mut legs = hub.calls_in();
    legs.sort_by_key(|leg| hub.said(*leg).called);
    assert_eq!(legs.len(), NODES);
    (nodes, hub, legs)
}

#[test]
fn links_without_registration_or_token_stay_up_through_hours_of_silence() {
    let world = World::new(1, IAX, EXTENSIONS);
    let (nodes, hub, legs) = linked(&world);
    world.run_for(Duration::from_secs(2 * 3600));
    assert_eq!(world.stats().calls_up, NODES);
    for ((node, call), leg) in nodes.iter().zip(&legs) {
        assert!(!node.is_over(*call) && !hub.is_over(*leg));
    }
    let ((node, call), leg) = (&nodes[7], legs[7]);
    node.talks(*call, 5 * SECOND);
    world.run_for(6 * SECOND);
    assert_perfect(&hub, leg, 250);
    hub.talks(leg, 5 * SECOND);
    world.run_for(6 * SECOND);
    assert_perfect(node, *call, 250);
    world.everybody_hangs_up();
    world.run_for(SECOND);
    assert_eq!(world.stats().calls_up, 0);
    world.ends();
}

#[test]
fn keying_and_link_tables_cross_each_once_and_unaltered() {
    let world = World::new(2, IAX, EXTENSIONS);
    let (nodes, hub, legs) = linked(&world);
    let table = link_table();
    let text = std::str::from_utf8(&table[..table.len() - 1]).unwrap();
    for (node, call) in &nodes {
        node.says(*call, ControlSubclass::RadioKey);
        node.writes(*call, "!NEWKEY1!");
        node.writes(*call, text);
        node.says(*call, ControlSubclass::RadioUnkey);
    }
    for leg in &legs {
        hub.writes(*leg, text);
    }
    world.run_for(2 * SECOND);
    let (key, unkey) = (ControlSubclass::RadioKey, ControlSubclass::RadioUnkey);
    let keying = [key, unkey].map(|control| Told::Control(control.to_wire()));
    let words = [b"!NEWKEY1!\0".to_vec(), table.clone()].map(Told::Text);
    let expected = [&keying[..1], &words[..], &keying[1..]].concat();
    for ((node, call), leg) in nodes.iter().zip(&legs) {
        assert!(hub.told(*leg).ends_with(&expected), "{:?}", hub.told(*leg));
        let told = node.told(*call);
        assert_eq!(told.iter().filter(|told| **told == words[1]).count(), 1, "{told:?}");
    }
    world.everybody_hangs_up();
    world.run_for(SECOND);
    world.ends();
}

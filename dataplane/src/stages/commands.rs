//! What control asked for, done in order at the top of a step.
//!
//! A command that names a peer or relay there is none of, or one past the bounds, changes nothing: control may be late,
//! but never waits in vain, for a `Remove` is answered in any case.

use crate::counters::DropReason;
use crate::handoff::{Command, Punt, RelayId};
use crate::punts::PuntSender;
use crate::relay::Stamp;
use crate::relay_table::RelayTable;
use crate::spsc::Consumer;

use super::relay::{Onward, relay_voice};

/// Relays removed, and not yet told of to control.
///
/// Control ends the far leg once it is told, and the far peer then forgets the call; so everything of the call has to
/// be with the kernel before.
#[derive(Debug)]
pub(crate) struct Removals(Vec<RelayId>);

/// Removals waiting at most. While that many wait, further commands wait in their ring.
const REMOVALS_MAX: usize = 1024;

impl Removals {
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(REMOVALS_MAX))
    }

    /// Whether another can be taken in; while not, commands wait.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < REMOVALS_MAX
    }

    /// Whether control is still to be told of some.
    pub(crate) fn wait(&self) -> bool {
        !self.0.is_empty()
    }

    /// Tells control of as many as it has room for, in whatever order; to be called when what waited of them has been
    /// sent.
    pub(crate) fn tell(&mut self, punts: &mut PuntSender) {
        while let Some(relay) = self.0.last() {
            if !punts.send(&Punt::Removed(*relay)) {
                return;
            }
            self.0.pop();
        }
    }
}

/// Applies up to `most` commands; true if there may be more.
pub(crate) fn apply(
    commands: &mut Consumer<Command>,
    most: usize,
    removals: &mut Removals,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) -> bool {
    let mut more = true;
    for _ in 0..most {
        if !removals.has_room() {
            break;
        }
        if commands.next_with(|command| apply_one(command, removals, relays, onward)).is_none() {
            more = false;
            break;
        }
    }
    commands.release();
    more
}

fn apply_one(
    command: &Command,
    removals: &mut Removals,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    match command {
        Command::Peer(spec) => {
            relays.peers.learn(spec.index, spec.local, spec.remote);
            onward.egress.learn(spec, onward.now);
        }
        Command::ForgetPeer(index) => {
            relays.peers.forget(*index);
            onward.egress.forget(*index, onward.now);
        }
        Command::Install(spec) => {
            if let Some(far) = relays.install(spec, onward.now) {
                onward.egress.leave_all(far, onward.now);
            }
        }
        Command::Remove(relay) => {
            // Of many calls with one peer the first makes everything leave, and the others find nothing.
            if let Some(far) = relays.remove(*relay) {
                onward.egress.leave_all(far, onward.now);
            }
            removals.0.push(*relay);
        }
        Command::Rekey(relay, key) => relays.rekey(*relay, *key, onward.now),
        Command::RekeySent(relay, key) => {
            // What went as trunk entries, if any did, must not be overtaken.
            if let Some(far) = relays.rekey_sent(*relay, *key, onward.now) {
                onward.egress.leave_all(far, onward.now);
            }
        }
        Command::Voice { relay, heard, format, audio } => {
            onward.counters.voice_returned += 1;
            let Some(found) = relays.get(*relay) else {
                onward.counters.dropped(DropReason::NoRelay);
                return;
            };
            found.relay.set_format(*format);
            let stamp = Stamp::Whole(*heard);
            if let Err(reason) = relay_voice(found, stamp, audio, onward) {
                onward.counters.dropped(reason);
            }
        }
        Command::Align { relay, .. }
        | Command::Owe(relay)
        | Command::Carry(relay, _)
        | Command::Quelch(relay, _)
        | Command::Convert(relay, _) => adjust(command, *relay, relays, onward),
    }
}

/// Commands that change a relay in place.
fn adjust(command: &Command, relay: RelayId, relays: &mut RelayTable, onward: &mut Onward<'_>) {
    let Some(found) = relays.get(relay) else { return };
    match command {
        Command::Align { offset, heard, sent, format, .. } => {
            found.relay.set_format(*format);
            found.relay.align(*offset, *heard, *sent);
            found.relay.publish_sent(found.cell);
        }
        Command::Owe(_) => found.relay.owe(),
        Command::Quelch(_, quelched) => found.relay.quelched = *quelched,
        Command::Convert(_, conversion) => found.relay.convert = *conversion,
        // Trunk entries are never encrypted, and what is to be is never sent in clear.
        Command::Carry(..) if found.sent_key.is_some() => {}
        Command::Carry(_, carriage) => {
            found.relay.carriage = *carriage;
            // What went the old way must not be overtaken by what goes the new.
            let far = found.relay.far;
            onward.egress.leave_all(far, onward.now);
        }
        _ => {}
    }
}

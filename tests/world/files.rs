//! The switch's files that most scenarios share, and its usual hosts.

use std::time::Duration;

use tests::world::{Files, Host, World};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Two PBXes with a trunk to each, both proved by md5.
pub(crate) const IAX: &str = "
[general]
trunktimestamps=yes

[alice]
type=friend
host=127.0.0.2
secret=tulip
context=from-alice
trunk=yes
disallow=all
allow=ulaw,alaw,gsm

[bob]
type=friend
host=127.0.0.3
username=trunkline
secret=rose
context=from-bob
trunk=yes
disallow=all
allow=ulaw,alaw,gsm
";

pub(crate) const EXTENSIONS: &str = "
[from-alice]
exten => _6XX,1,Dial(IAX2/bob/${EXTEN},30)
exten => _7XX,1,Dial(IAX2/bob/${EXTEN},30,g)
exten => _7XX,n,Hangup(31)
[from-bob]
exten => _6XX,1,Dial(IAX2/alice/${EXTEN},30)
";

/// The world of [`IAX`] and [`EXTENSIONS`] with both PBXes.
pub(crate) fn two_pbxes(seed: u64) -> (World, Host, Host) {
    with_files(seed, IAX, EXTENSIONS)
}

/// The two PBXes in a world of other files.
pub(crate) fn with_files(seed: u64, iax: &str, extensions: &str) -> (World, Host, Host) {
    let files =
        Files { iax: iax.to_owned(), extensions: extensions.to_owned(), ..Files::default() };
    with_all_files(seed, &files)
}

/// The same, with all that a switch may be given.
pub(crate) fn with_all_files(seed: u64, files: &Files) -> (World, Host, Host) {
    let world = World::of(seed, files);
    let alice = world.host_with("127.0.0.2:4569", |manner| {
        manner.username = Some("alice".to_owned());
        manner.secret = Some("tulip".to_owned());
        manner.demands = vec!["tulip".to_owned()];
        manner.number = Some("100".to_owned());
        manner.name = Some("Alice".to_owned());
        manner.trunk = Some(true);
    });
    let bob = world.host_with("127.0.0.3:4569", |manner| {
        manner.username = Some("bob".to_owned());
        manner.secret = Some("rose".to_owned());
        manner.demands = vec!["rose".to_owned()];
        manner.number = Some("200".to_owned());
        manner.name = Some("Bob".to_owned());
        manner.trunk = Some(true);
    });
    (world, alice, bob)
}

/// Every block was heard, in order, each at the same distance from its own time: perfect audio.
pub(crate) fn assert_perfect(host: &Host, call: tests::world::CallId, blocks: u32) {
    let listened = host.listened(call);
    assert_eq!(listened.len(), 1, "one talker is heard, not {}", listened.len());
    let heard = &listened[0].blocks;
    let indices: Vec<u32> = heard.iter().map(|(index, _)| *index).collect();
    let wrong = indices.iter().zip(0..).find(|(heard, spoken)| **heard != *spoken);
    assert_eq!((wrong, indices.len()), (None, blocks as usize), "(first out of place, all heard)");
    let base = heard[0].1;
    for (index, at) in heard {
        assert_eq!(*at, base + index * 20, "block {index}");
    }
}

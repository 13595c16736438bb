//! `trunkline demo`, small: the whole way of a call through the real switch.

use crate::common::trunkline;

#[test]
fn every_frame_of_a_few_calls_is_heard_once_and_unaltered() {
    let ran = trunkline(&["demo", "--calls", "20", "--talk", "2"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        ran.stdout.contains("20 placed, 20 talked at the same time, 0 failed"),
        "{}",
        ran.stdout
    );
}

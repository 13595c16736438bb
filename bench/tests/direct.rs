//! PBX A straight against PBX B.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::ops::ControlFlow;
use std::time::Duration;

use bench::{Account, Asks, FailureKind, Outcome, Pair, Scenario};
use dataplane::handoff::Carriage;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// `calls` calls of a second and a half, A knowing B's secret.
fn direct(pair: &Pair, calls: u32) -> Scenario {
    Scenario {
        caller_far: pair.callee_addr(),
        callee_far: pair.caller_addr(),
        caller: Account::new("trunkline", "answer-to-b"),
        talk: Duration::from_millis(1500),
        ..Scenario::through(pair.callee_addr(), calls)
    }
}

fn passes(outcome: &Outcome) {
    assert!(outcome.passed(), "{outcome:#?}");
    let last = &outcome.last;
    for totals in [&last.to_caller, &last.to_callee] {
        assert!(totals.sent > u64::from(last.calls) * 50, "a second of voice at least");
        assert_eq!(totals.reordered, 0);
        assert!(totals.latency.p50_us > 0 && totals.latency.p99_us <= totals.latency.max_us);
    }
}

#[test]
fn two_hundred_trunked_calls_lose_nothing() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let scenario = Scenario { report_every: Duration::from_millis(200), ..direct(&pair, 200) };
    let mut snapshots = 0;
    let mut up_seen = 0;
    let outcome = pair
        .run(&scenario, |snapshot| {
            snapshots += 1;
            up_seen = up_seen.max(snapshot.up);
            ControlFlow::Continue(())
        })
        .unwrap();
    passes(&outcome);
    assert!(snapshots >= 5);
    assert_eq!(up_seen, 200);
}

#[test]
fn mini_frames_lose_nothing_either() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let scenario = Scenario { carriage: Carriage::Mini, ..direct(&pair, 100) };
    passes(&pair.run(&scenario, |_| ControlFlow::Continue(())).unwrap());
}

#[test]
fn over_ipv6_without_token_and_secret() {
    let Ok(pair) = Pair::bind("::1".parse().unwrap()) else {
        eprintln!("skipped: this host has no IPv6 loopback");
        return;
    };
    let scenario = Scenario { callee_asks: Asks::default(), ..direct(&pair, 20) };
    passes(&pair.run(&scenario, |_| ControlFlow::Continue(())).unwrap());
}

#[test]
fn a_wrong_secret_ends_the_run_with_its_cause() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let scenario = Scenario { caller: Account::new("trunkline", "a guess"), ..direct(&pair, 50) };
    let outcome = pair.run(&scenario, |_| ControlFlow::Continue(())).unwrap();
    assert!(!outcome.passed());
    let first = &outcome.failures[0];
    assert_eq!(
        first.to_string(),
        "call 0 to 1000000, at pbx-a: refused, cause 50 (No authority found)"
    );
    assert!(outcome.last.placed < 50, "it does not go on placing calls");
}

#[test]
fn a_far_side_that_is_not_there_ends_the_run() {
    let mut pair = Pair::bind(LOCALHOST).unwrap();
    let nobody = UdpSocket::bind((LOCALHOST, 0)).unwrap(); // listens, and never answers
    let scenario = Scenario {
        caller_far: nobody.local_addr().unwrap(),
        patience: Duration::from_millis(300),
        ..direct(&pair, 5)
    };
    assert!(!pair.reaches(&scenario, Duration::from_millis(100)).unwrap());
    let outcome = pair.run(&scenario, |_| ControlFlow::Continue(())).unwrap();
    assert!(!outcome.passed());
    assert!(
        matches!(&outcome.failures[0].kind, FailureKind::Unanswered { what, .. } if what == "NEW")
    );
}

#[test]
fn a_run_broken_off_hangs_up_and_does_not_pass() {
    let pair = Pair::bind(LOCALHOST).unwrap();
    let scenario = Scenario { report_every: Duration::from_millis(300), ..direct(&pair, 20) };
    let outcome = pair.run(&scenario, |_| ControlFlow::Break(())).unwrap();
    assert!(outcome.interrupted && !outcome.passed());
    assert_eq!(outcome.last.up, 0);
    assert!(outcome.last.elapsed < scenario.talk);
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
}

//! Runs the cases, a few at a time, and says how each went.

use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::cases::Case;
use crate::netns::{TAG, sweep};
use crate::options::Options;
use crate::scene::{House, Scene};
use crate::setup::Setup;
use crate::{Outcome, say};

/// How many at a time, unless told: more, and the PBXes themselves begin to drop audio on two cores.
const JOBS: usize = 3;

/// Runs them all, the longest first, and returns how many failed.
///
/// # Errors
/// Never for a case; only if the run itself cannot go on.
pub(crate) fn run(house: &House, mut cases: Vec<Case>, options: &Options) -> Outcome<usize> {
    cases.sort_by_key(|case| std::cmp::Reverse(case.seconds));
    sweep();
    let total = cases.len();
    let queue = Mutex::new(VecDeque::from(cases));
    let (failed, slots) = (AtomicUsize::new(0), options.jobs.unwrap_or(JOBS).clamp(1, 8));
    thread::scope(|scope| {
        for slot in 0..slots {
            let (queue, failed) = (&queue, &failed);
            scope.spawn(move || {
                let next = || queue.lock().ok()?.pop_front();
                while let Some(case) = next() {
                    if !run_one(house, &case, slot, options) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    say(&format!("{} passed, {failed} failed", total - failed));
    Ok(failed)
}

fn run_one(house: &House, case: &Case, slot: usize, options: &Options) -> bool {
    let started = Instant::now();
    let (outcome, remarks) = play(house, case, slot, options);
    let seconds = started.elapsed().as_secs_f32();
    let name = case.full_name();
    match &outcome {
        Ok(()) => say(&format!("ok    {name:30} {seconds:5.1} s")),
        Err(reason) => {
            say(&format!("FAIL  {name:30} {seconds:5.1} s: {reason}"));
            say(&format!("      files: .interop/runs/{name}"));
        }
    }
    remarks.iter().for_each(|remark| say(&format!("      note: {remark}")));
    outcome.is_ok()
}

/// One case from its stage's building to its end; also what is to be remarked.
fn play(house: &House, case: &Case, slot: usize, options: &Options) -> (Outcome<()>, Vec<String>) {
    let folder = house.runs.join(case.full_name());
    let _absent_at_first = fs::remove_dir_all(&folder);
    if let Err(error) = fs::create_dir_all(&folder) {
        return (Err(format!("{}: {error}", folder.display())), Vec::new());
    }
    let mut setup = Setup::new(case.versions);
    (case.vary)(&mut setup);
    let tag = format!("{TAG}{}-{slot}", std::process::id());
    let mut scene = match Scene::open(house, setup, &tag, &folder) {
        Ok(scene) => scene,
        Err(reason) => return (Err(reason), Vec::new()),
    };
    let played = (case.play)(&mut scene);
    let outcome = played.and_then(|()| scene.close());
    if outcome.is_err() || options.keep {
        scene.keep_files();
    }
    let remarks = std::mem::take(&mut scene.remarks);
    drop(scene);
    if outcome.is_ok() && !options.keep {
        let _best_effort = fs::remove_dir_all(&folder);
    }
    (outcome, remarks)
}

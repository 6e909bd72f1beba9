//! Seeded simulation: whole worlds of clients around the hub, every promise checked at every step.
//!
//! An ordinary run takes the same 400 seeds every time; `SIM_SEEDS=N` takes the first N. The long
//! form, `LONG=1`, takes as many new ones besides, whose base is printed; `SIM_SEED=S` takes just
//! one. A failure prints its seed, its step and the end of its transcript. No sockets, no clock, no
//! sleeping: a run is a pure function of its seed.

mod actors;
mod board;
#[path = "../common/mod.rs"]
mod common;
mod kept;
mod ledger;
mod policy;
mod run;
mod several;
mod shadow;
mod tamper;
mod texts;
mod world;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use common::shelf::Fault;
use run::{Failure, Options, Success, run};
use shadow::{Figures, rules};
use tamper::Bug;
use world::Reloads;

/// Seeds of an ordinary run.
const SEEDS: u64 = 400;
/// How many seeds may be tried until a planted bug is caught.
const BUG_SEEDS: u64 = 200;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

/// The first seeds, as many as usual if nothing else is asked for; or the one that is asked for.
fn first_seeds(usual: u64) -> Vec<u64> {
    match variable("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..variable("SIM_SEEDS").unwrap_or(usual)).collect(),
    }
}

/// The seeds of this run.
fn seeds() -> Vec<u64> {
    let mut seeds = first_seeds(SEEDS);
    if variable("SIM_SEED").is_some() {
        return seeds;
    }
    let count = seeds.len() as u64;
    println!("seeds 0..{count}");
    // Never in the ordinary run: nobody's change is to be blamed for a fault that was there before.
    if std::env::var_os("LONG").is_some() {
        let base = fastrand::u64(..1 << 40) << 20;
        println!("and {base}..{}", base + count);
        seeds.extend(base..base + count);
    }
    seeds
}

/// Does `work` to every item, on as many threads as the machine has cores.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push(result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a seed twice: checked, and once more for its bytes alone, while the hub goes over into
/// another process again and again.
fn run_twice(seed: u64, bug_in_second: Option<Bug>) -> Result<Success, Failure> {
    let first = run(seed, Options::default())?;
    let again = |reloads| Options {
        unchecked: true,
        bug: bug_in_second,
        reloads,
    };
    let second = run(seed, again(Reloads::Unseen))?;
    if first.digest == second.digest {
        let reloaded = second.reloaded;
        return Ok(Success { reloaded, ..first });
    }
    let third = run(seed, again(Reloads::Never))?;
    let rule = match first.digest == third.digest {
        true => rules::RELOAD,
        false => rules::SAME_BYTES,
    };
    let report = format!("SIM_SEED={seed}: {rule}\n  {first:?}\n  {second:?}");
    Err(Failure { rule, report })
}

/// What some work comes to, or the text of the panic that ended it.
fn survived<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_default()
    })
}

/// What each of the [`first_seeds`] was made of; none of them fails.
fn all_survived<F: Send>(usual: u64, run: impl Fn(u64) -> Result<F, String> + Sync) -> Vec<F> {
    let runs = in_parallel(&first_seeds(usual), |&seed| {
        run(seed).map_err(|text| (seed, text))
    });
    let (mut figures, mut failures) = (Vec::new(), BTreeSet::new());
    for run in runs {
        match run {
            Ok(figure) => figures.push(figure),
            Err(failure) => drop(failures.insert(failure)),
        }
    }
    assert!(
        failures.is_empty(),
        "{} seeds fail: {:?}",
        failures.len(),
        failures.first()
    );
    figures
}

/// Each fault breaks one of these seeds.
fn all_caught<F>(
    faults: &[Fault],
    seeds: u64,
    run: impl Fn(u64, Option<Fault>) -> Result<F, String>,
) {
    for &fault in faults {
        let caught = (0..seeds).any(|seed| run(seed, Some(fault)).is_err());
        assert!(caught, "{fault:?} is not seen");
    }
}

#[test]
fn every_promise_holds_at_every_step_of_every_seed() {
    let seeds = seeds();
    let done = AtomicUsize::new(0);
    let runs = in_parallel(&seeds, |&seed| {
        let run = run_twice(seed, None);
        // Long before the end of a long run.
        if let Err(failure) = &run {
            println!("{}", failure.report.lines().next().unwrap_or_default());
        }
        let done = 1 + done.fetch_add(1, Ordering::Relaxed);
        if done.is_multiple_of(10_000) {
            println!("{done} seeds are done");
        }
        run
    });
    let mut total = Figures::default();
    let (mut steps, mut reloaded) = (0, 0);
    let mut failures = Vec::new();
    for run in runs {
        match run {
            Ok(success) => {
                total.add(&success.figures);
                steps += success.steps;
                reloaded += success.reloaded;
            }
            Err(failure) => failures.push(failure),
        }
    }
    println!("{steps} steps, {reloaded} reloads: {total:?}");
    if let Some(first) = failures.first() {
        panic!(
            "{} of {} seeds fail; {}",
            failures.len(),
            seeds.len(),
            first.report
        );
    }
    if 100 < seeds.len() {
        assert!(total.is_everywhere(), "the worlds are too quiet: {total:?}");
        assert!(steps < 50 * reloaded, "too few reloads: {reloaded}");
    }
}

/// The timers are those that the imported hub asked for, which may be later ones.
#[test]
fn every_promise_holds_over_reloads() {
    let seeds: Vec<u64> = seeds().into_iter().step_by(4).collect();
    let options = Options {
        reloads: Reloads::Seen,
        ..Options::default()
    };
    let runs = in_parallel(&seeds, |&seed| run(seed, options));
    let failures: Vec<_> = runs.into_iter().filter_map(Result::err).collect();
    if let Some(first) = failures.first() {
        panic!(
            "{} of {} seeds fail over reloads; {}",
            failures.len(),
            seeds.len(),
            first.report
        );
    }
}

#[test]
fn each_planted_bug_is_caught_by_its_rule() {
    let missed: Vec<String> = in_parallel(&Bug::ALL, |&(bug, rule)| catch(bug, rule))
        .into_iter()
        .flatten()
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// `None` when the rule catches the bug; else what happened instead.
fn catch(bug: Bug, rule: &str) -> Option<String> {
    let mut others = std::collections::BTreeMap::new();
    for seed in 0..BUG_SEEDS {
        let caught = if matches!(bug, Bug::ChangeBytes | Bug::LoseInReload) {
            run_twice(seed, Some(bug))
        } else {
            let options = Options {
                bug: Some(bug),
                ..Options::default()
            };
            run(seed, options)
        };
        match caught {
            Err(failure) if failure.rule == rule => return None,
            Err(failure) => *others.entry(failure.rule).or_insert(0) += 1,
            Ok(_) => (),
        }
    }
    Some(format!(
        "{bug:?} is not caught by \"{rule}\" but by {others:?}"
    ))
}

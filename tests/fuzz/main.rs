//! Bytes that nobody thought of: a seeded mutational fuzzer on the stable toolchain.
//!
//! Each target takes a byte string, checks what must hold for every one, and returns a signature of
//! what happened; an input with a new signature is kept and mutated further. An ordinary run tries
//! the same inputs every time: its seed and their number are fixed. The long form is
//! `LONG=1 cargo test --release --test fuzz`, a minute for each target, or as long as
//! `FUZZ_SECONDS=600` says, with a new seed, which is printed; `FUZZ_SEED` repeats one. An input that fails is
//! written to the temporary directory; put into `tests/fuzz/corpus/TARGET/`, it is the first thing
//! every later run tries.

#[path = "../common/mod.rs"]
mod common;

mod decoders;
mod frames;
mod head;
mod hub;
mod jump;
mod mutate;
mod values;

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;

use mutate::mutate;

/// Longest input.
const BYTES_MAX: usize = 12 * 1024;
/// Mutations that an ordinary run tries.
const ORDINARY: usize = 4_000;
/// Most inputs kept because they were new.
const KEPT_MAX: usize = 4_000;

/// Something to be fuzzed.
pub(crate) struct Target {
    /// Names its corpus.
    pub(crate) name: &'static str,
    /// Where mutation begins.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Words that its input is made of.
    pub(crate) words: &'static [&'static [u8]],
    /// Checks one input; the generator decides only how it is looked at.
    pub(crate) run: fn(&[u8], &mut Rng) -> u64,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// The files in a target's corpus, in their order: findings of earlier runs, and rare shapes.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let entries = fs::read_dir(path.join(name)).expect("every target has a corpus");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a file");
    paths.into_iter().map(read).collect()
}

/// Tries everything that is known, then mutations for as long as the time allows.
pub(crate) fn fuzz(target: &Target) {
    let long = std::env::var_os("LONG").is_some();
    let seconds = number("FUZZ_SECONDS").or(long.then_some(60));
    let seed = number("FUZZ_SEED");
    let seed = seed.unwrap_or_else(|| seconds.map_or(1, |_| by_clock()));
    println!("{}: FUZZ_SEED={seed}", target.name);
    let mut rng = Rng::with_seed(seed);
    let mut kept = corpus(target.name);
    assert!(!kept.is_empty(), "{}: an empty corpus", target.name);
    kept.extend(target.seeds.iter().cloned());
    let mut seen = HashSet::new();
    for input in &kept {
        seen.insert(try_one(target, input, seed));
    }
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let known = kept.len();
    let mut tried = known;
    while match until {
        // At least one round, however slow the machine is.
        Some(until) => tried < known + 200 || Instant::now() < until,
        None => tried < known + ORDINARY,
    } {
        for _ in 0..50 {
            let input = mutate(&kept, target.words, BYTES_MAX, &mut rng);
            let is_new = seen.insert(try_one(target, &input, seed));
            if is_new && kept.len() < KEPT_MAX {
                kept.push(input);
            }
            tried += 1;
        }
    }
    let kinds = seen.len();
    println!("{}: {tried} inputs, {kinds} kinds", target.name);
}

/// A seed that no earlier run had.
fn by_clock() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(1, |time| time.as_nanos() as u64)
}

fn try_one(target: &Target, input: &[u8], seed: u64) -> u64 {
    // The same look at the same bytes, so that a kept finding fails again.
    let look = input
        .iter()
        .fold(7, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(*byte));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        (target.run)(input, &mut Rng::with_seed(look))
    }));
    match outcome {
        Ok(signature) => signature,
        Err(_) => {
            let name = format!("roshambo-fuzz-{}-{look:016x}", target.name);
            let path = std::env::temp_dir().join(name);
            let _ = fs::write(&path, input);
            panic!(
                "{} fails with FUZZ_SEED={seed} on {}: {:?}",
                target.name,
                path.display(),
                String::from_utf8_lossy(input)
            );
        }
    }
}

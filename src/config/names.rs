//! Which name was probably meant by a misspelt one.
//!
//! Absent: what is said about it.

use super::knobs::KNOBS;

/// More than two slips of the finger make another word.
const SLIPS_MAX: usize = 2;
/// Fewer letters than that are part of many words.
const PART_LENGTH_MIN: usize = 3;
/// What other servers call `--listen`.
const ADDRESSES: [&str; 9] = [
    "port",
    "host",
    "bind",
    "addr",
    "address",
    "p",
    "b",
    "l",
    "server-port",
];

/// The knob whose flag is nearly `word`, which has no dashes in front.
pub(super) fn nearest_knob(word: &str) -> Option<&'static str> {
    nearest(word, KNOBS.iter().map(|knob| knob.flag))
}

/// The flag that is nearly `word`, be it a knob's or another one's.
pub(super) fn nearest_flag(word: &str) -> Option<&'static str> {
    if matches!(word, "v" | "ver") {
        return Some("--version");
    }
    let others = ["--help", "--version", "--check", "--man"];
    nearest(word, KNOBS.iter().map(|knob| knob.flag).chain(others))
}

/// The flag with the fewest slips; if all have too many, the only one that holds the word.
fn nearest(word: &str, flags: impl Iterator<Item = &'static str> + Clone) -> Option<&'static str> {
    if ADDRESSES.contains(&word) {
        return Some("--listen");
    }
    let letters = letters(word);
    let near = flags
        .clone()
        .map(|flag| (slips(&letters, &self::letters(flag)), flag))
        .min()
        .filter(|(slips, _)| *slips <= SLIPS_MAX);
    if let Some((_, flag)) = near {
        return Some(flag);
    }
    if word.len() < PART_LENGTH_MIN {
        return None;
    }
    let holds = |flag: &&str| {
        let flag = flag.trim_start_matches('-');
        flag.starts_with(word)
            || flag.ends_with(&format!("-{word}"))
            || word.starts_with(&format!("{flag}-"))
    };
    let mut holding = flags.filter(holds);
    holding.next().filter(|_| holding.next().is_none())
}

/// A name without what is easily forgotten between its words.
fn letters(name: &str) -> String {
    let is_letter = |c: &char| !matches!(c, '-' | '_');
    name.chars().filter(is_letter).collect()
}

/// How many characters have to be inserted, removed or replaced (Levenshtein).
pub(super) fn slips(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The knob whose variable was probably meant by a name that does not begin with `ROSHAMBO_`.
pub(super) fn nearest_variable(name: &str) -> Option<&'static str> {
    let near = KNOBS
        .iter()
        .map(|knob| (slips(name, &knob.env()), knob.flag));
    let near = near.min().filter(|(slips, _)| *slips <= SLIPS_MAX);
    near.map(|(_, flag)| flag)
}

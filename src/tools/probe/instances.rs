//! Whether each of several instances is where its letter leads, and knows what is at the others.
//!
//! Absent: how a proxy is told of them.

use std::time::Duration;

use super::failure::Failure;
use super::player::Player;
use super::{Finding, Target};

/// How often a room is asked for, and how long is waited between: the store is told of it within
/// some 50 ms, and wrong codes are counted.
const TRIES: usize = 5;
const WAIT: Duration = Duration::from_millis(200);

/// Asks for each by its letter; opens a room at the first, and asks for it at all others.
pub(super) fn check(target: &Target) -> Result<Finding, Failure> {
    let mut players = Vec::new();
    for letter in target.instances.chars() {
        let mut player = Player::connect(target, &format!("?i={letter}"))?;
        let hi = player.greet()?;
        if text_behind(&hi, "\"instance\":\"") != letter.to_string() {
            return Err(Failure::Astray(letter));
        }
        players.push((letter, player));
    }
    let Some((first, mut host)) = players.pop() else {
        return Finding::fine("not asked for");
    };
    host.say(r#"["join",{"room":"new"}]"#)?;
    let room = host.expect(r#"["room","#)?;
    let code = text_behind(&room, "\"code\":\"").to_owned();
    for (letter, player) in &mut players {
        let mut knows = false;
        for _ in 0..TRIES {
            player.say(&format!(r#"["join",{{"room":"{code}"}}]"#))?;
            let problem = player.hear_problem()?;
            knows = text_behind(&problem, "\"instance\":\"") == first.to_string();
            if knows {
                break;
            }
            player.idle(WAIT)?;
        }
        if !knows {
            return Err(Failure::Strangers(*letter, first));
        }
    }
    host.say(r#"["leave"]"#)?;
    host.close();
    for (_, player) in players {
        player.close();
    }
    let count = target.instances.chars().count();
    Finding::fine(format!(
        "{count}, each where its letter leads, and they know of each other"
    ))
}

/// What stands behind a key, up to the next quote.
fn text_behind<'a>(text: &'a str, key: &str) -> &'a str {
    let behind = text.split_once(key).map_or("", |(_, behind)| behind);
    behind.split('"').next().unwrap_or_default()
}

//! How well players are brought together: the share of rounds that are human against human, and
//! the longest wait from `join` to `start`, for small crowds of eager players.
//!
//! In the original two lone players may never meet, and two of four may miss each other for good.

use std::ops::RangeInclusive;

use fastrand::Rng;
use roshambo::config::Config;
use roshambo::hub::Dialect;
use roshambo::model::ConnId;
use roshambo::time::Millis;
use serde_json::Value;

use crate::shadow::Violation;
use crate::world::{Fact, Order, World};

/// Simulated time of one crowd.
const MINUTES_MS: u64 = 10 * 60_000;
/// Crowds of each size and mix; what is bounded holds for all of them together.
const SEEDS: u64 = 8;

/// The share of two who take their time.
const CALM_SHARE: f64 = 0.6;

/// Who plays.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mix {
    /// The original mini program: chooses at `start`; frozen after a loss until the next `start`.
    Originals,
    /// v2 clients that press "again", and every twentieth time ask for somebody new.
    V2,
    /// Half of them each.
    Both,
    /// v2 clients that look at the result for some seconds first.
    Calm,
}

/// One eager player.
struct Player {
    conn: ConnId,
    v2: bool,
    uid: String,
    /// From a result to "again".
    again_ms: RangeInclusive<u64>,
    /// When it presses "again" or chooses, and what it says then.
    plans: Vec<(Millis, &'static str)>,
    joined_at: Option<Millis>,
}

#[derive(Debug, Default)]
struct Measured {
    human_rounds: u64,
    robot_rounds: u64,
    longest_wait_ms: u64,
}

impl Measured {
    fn human_share(&self) -> f64 {
        self.human_rounds as f64 / (self.human_rounds + self.robot_rounds).max(1) as f64
    }
}

#[test]
fn eager_players_meet_each_other_and_hardly_wait() {
    let config = Config::default();
    let wait_max_ms = config.rematch_wait_ms + config.robot_after_ms + config.game_time_ms;
    let mut rows = Vec::new();
    for count in [2, 3, 4, 8, 20] {
        for mix in [Mix::Originals, Mix::V2, Mix::Both] {
            rows.push((count, mix));
        }
    }
    rows.extend([(2, Mix::Calm), (3, Mix::Calm)]);
    let mut measured = crate::in_parallel(&rows, |&(count, mix)| (count, mix, measure(count, mix)));
    measured.sort_by_key(|(count, mix, _)| (*count, *mix as u8));
    println!("players  who        human   robot   share  longest wait");
    for (count, mix, figures) in &measured {
        println!(
            "{count:>7}  {:<9} {:>6}  {:>6}  {:>5.1}%  {:>9} ms",
            format!("{mix:?}"),
            figures.human_rounds,
            figures.robot_rounds,
            100.0 * figures.human_share(),
            figures.longest_wait_ms
        );
    }
    for (count, mix, figures) in &measured {
        let who = format!("{count} {mix:?}");
        assert!(figures.longest_wait_ms <= wait_max_ms, "{who}: {figures:?}");
        if *count == 3 {
            // The third goes from robot to robot, and takes nothing from the two.
            let two = measured.iter().find(|row| (row.0, row.1) == (2, *mix));
            let two = two.map_or(0, |(_, _, two)| two.human_rounds);
            let held = 95 * two <= 100 * figures.human_rounds;
            assert!(held, "{who}: {figures:?}, two: {two}");
        } else {
            let least = if *mix == Mix::Calm { CALM_SHARE } else { 0.95 };
            assert!(least <= figures.human_share(), "{who}: {figures:?}");
        }
    }
}

fn measure(count: usize, mix: Mix) -> Measured {
    let mut sum = Measured::default();
    for seed in 0..SEEDS {
        let figures = match play(count, mix, seed) {
            Ok(figures) => figures,
            Err(violation) => panic!("{count} {mix:?}, seed {seed}: {violation:?}"),
        };
        sum.human_rounds += figures.human_rounds;
        sum.robot_rounds += figures.robot_rounds;
        sum.longest_wait_ms = sum.longest_wait_ms.max(figures.longest_wait_ms);
    }
    sum
}

/// One crowd's ten minutes; everybody comes within the first seconds.
fn play(count: usize, mix: Mix, seed: u64) -> Result<Measured, Violation> {
    let mut rng = Rng::with_seed(seed);
    let mut world = World::new(&Config::default(), seed, true, None);
    let mut players = Vec::new();
    let mut longest_wait_ms = 0;
    for index in 0..count {
        let v2 = match mix {
            Mix::Originals => false,
            Mix::V2 | Mix::Calm => true,
            Mix::Both => index % 2 == 0,
        };
        let conn = world.open(if v2 { Dialect::Plain } else { Dialect::Eio3 }, None)?;
        let at = Millis(rng.u64(..3_000));
        players.push(Player {
            conn,
            v2,
            uid: format!("u{index}"),
            again_ms: match mix {
                Mix::Calm => 1_000..=6_000,
                Mix::Originals | Mix::V2 | Mix::Both => 300..=1_000,
            },
            plans: vec![(at, "hello"), (at + 1, "join")],
            joined_at: None,
        });
    }
    while world.now < Millis(MINUTES_MS) {
        let plans = players.iter().flat_map(|player| &player.plans);
        let next = plans.map(|&(at, _)| at).chain(world.next_timer()).min();
        let Some(next) = next.filter(|&next| next <= Millis(MINUTES_MS)) else {
            break;
        };
        world.now = world.now.max(next);
        world.fire()?;
        hear(&mut world, &mut players, &mut rng, &mut longest_wait_ms);
        for index in 0..players.len() {
            let now = world.now;
            while let Some(plan) = players[index].plans.iter().position(|&(at, _)| at <= now) {
                let (_, act) = players[index].plans.remove(plan);
                act_out(&mut world, &mut players[index], &mut rng, act)?;
                hear(&mut world, &mut players, &mut rng, &mut longest_wait_ms);
            }
        }
        world.fire()?;
        hear(&mut world, &mut players, &mut rng, &mut longest_wait_ms);
        world.quiet()?;
    }
    let figures = world
        .shadow
        .map(|shadow| shadow.figures)
        .unwrap_or_default();
    Ok(Measured {
        human_rounds: figures.human_rounds,
        robot_rounds: figures.robot_rounds,
        longest_wait_ms,
    })
}

fn act_out(
    world: &mut World,
    player: &mut Player,
    rng: &mut Rng,
    act: &str,
) -> Result<(), Violation> {
    let uid = &player.uid;
    let event = match (act, player.v2) {
        ("hello", true) => format!(r#"["hello",{{"user":{{"uid":"{uid}"}},"v":2}}]"#),
        ("hello", false) => format!(r#"["hello",{{"user":{{"uid":"{uid}"}}}}]"#),
        ("choice", _) => format!(r#"["choice",{{"choice":{}}}]"#, rng.u32(1..=3)),
        ("new", true) => r#"["join",{"new":true}]"#.into(),
        _ => r#"["join"]"#.into(),
    };
    if matches!(act, "join" | "new") {
        player.joined_at.get_or_insert(world.now);
    }
    let text = if player.v2 {
        event
    } else {
        format!("42{event}")
    };
    let conn = player.conn;
    world.tell(Fact::Text { conn, text })
}

/// Lets everybody react to what they were told.
fn hear(world: &mut World, players: &mut [Player], rng: &mut Rng, longest_wait_ms: &mut u64) {
    let now = world.now;
    while let Some(order) = world.inbox.pop_front() {
        let Order::Send { conn, text } = order else {
            continue;
        };
        let Some(player) = players.iter_mut().find(|player| player.conn == conn) else {
            continue;
        };
        let body = text.strip_prefix("42").unwrap_or(&text);
        let event: Value = serde_json::from_str(body).unwrap_or_default();
        match event[0].as_str().unwrap_or_default() {
            "hi" if player.v2 => {
                let uid = event[1]["uid"].as_str();
                player.uid = uid.unwrap_or_default().to_owned();
            }
            "start" => {
                if let Some(since) = player.joined_at.take() {
                    *longest_wait_ms = now.since(since).max(*longest_wait_ms);
                }
                // What it meant to press is gone with its page.
                player.plans.clear();
                let latest_ms = if player.v2 { 2_000 } else { 20 };
                player.plans.push((now + rng.u64(..latest_ms), "choice"));
            }
            "result" => {
                let again = now + rng.u64(player.again_ms.clone());
                if player.v2 {
                    let act = if rng.u32(..20) == 0 { "new" } else { "join" };
                    player.plans.push((again, act));
                } else if !has_lost(&event, &player.uid) {
                    player.plans.push((again, "join"));
                }
            }
            // Whoever had asked for another round with its partner is free now, and asks again.
            "leave" if player.joined_at.take().is_some() => {
                player
                    .plans
                    .push((now + rng.u64(player.again_ms.clone()), "join"));
            }
            _ => (),
        }
    }
}

/// Whether the original's page throws at this result: it does when its player lost.
fn has_lost(event: &Value, uid: &str) -> bool {
    let points = |row: &Value| row["roundScore"].as_u64().unwrap_or(0);
    let rows = event[1]["result"].as_array();
    let other = rows.into_iter().flatten().filter(|row| row["uid"] != uid);
    other.map(points).any(|points| 0 < points)
}

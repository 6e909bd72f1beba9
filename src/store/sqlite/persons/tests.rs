//! What a question about the board goes through: never all persons, however many there are.

use rusqlite::{Connection, Params, StatementStatus, params};

use super::*;
use crate::store::sqlite::SCHEMA;

const WEEK: u32 = 2_900;
/// With so many more the same questions take no more steps.
const FEW: u32 = 3_000;
const MANY: u32 = 30_000;
/// Steps of SQLite's machine: some ten for each row that is looked at, of which there may be a
/// thousand.
const STEPS_MAX: i32 = 15_000;

/// So many persons, of whom each ten have as many points.
fn filled(count: u32) -> Connection {
    let connection = Connection::open_in_memory().expect("memory");
    connection.execute_batch(SCHEMA).expect("our tables");
    connection.execute_batch("BEGIN").expect("memory");
    for number in 0..count {
        let (sub, points) = (format!("o-{number:06}"), 1 + number / 10);
        let text = "INSERT INTO sessions VALUES (?1, ?2, ?3, 0, 'Ann', '', ?4, 1, 1, 1, 7, 7)";
        let key = Key::of(&sub).0;
        let row = params![number, key, sub, points];
        run(&connection, text, row).expect("ours");
        let text = "INSERT INTO persons VALUES (?1, ?2, 0, 7, 7)";
        run(&connection, text, (&sub, number)).expect("ours");
        for week in [WEEK, 0] {
            let text = "INSERT INTO ranked_points VALUES (?1, ?2, ?3, ?4)";
            run(&connection, text, (week, &sub, points, number)).expect("ours");
        }
    }
    let text = "INSERT INTO weeks SELECT week, points, count(*) FROM ranked_points
        GROUP BY week, points";
    connection.execute(text, ()).expect("ours");
    connection.execute_batch("COMMIT").expect("memory");
    connection
}

/// How many steps a question takes, all rows read.
#[track_caller]
fn steps(connection: &Connection, text: &str, values: impl Params) -> i32 {
    let mut asked = connection.prepare(text).expect("a question");
    let mut rows = asked.query(values).expect("an answer");
    while rows.next().expect("a row").is_some() {}
    drop(rows);
    asked.get_status(StatementStatus::VmStep)
}

#[track_caller]
fn plan(connection: &Connection, text: &str) -> String {
    let text = format!("EXPLAIN QUERY PLAN {text}");
    let mut asked = connection.prepare(&text).expect("a question");
    let count = asked.parameter_count();
    for index in 1..=count {
        asked.raw_bind_parameter(index, 1).expect("a parameter");
    }
    let mut rows = asked.raw_query();
    let mut lines = String::new();
    while let Some(row) = rows.next().expect("a row") {
        let line: String = row.get("detail").expect("a text");
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

#[test]
fn every_question_goes_by_an_index_and_sorts_nothing() {
    let connection = filled(100);
    let rows = [BEST, BEFORE_ALIKE, BEFORE, BEHIND_ALIKE, BEHIND];
    let rows = rows.map(|which| format!("{ROWS} {which}"));
    let others = [BETTER, SOONER].map(str::to_owned);
    for text in rows.into_iter().chain(others) {
        let plan = plan(&connection, &text);
        let by_itself = plan.replace("SCAN (subquery", "");
        assert!(!by_itself.contains("SCAN"), "{text}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{text}: {plan}");
    }
}

#[test]
fn a_question_takes_as_many_steps_however_many_there_are() {
    for count in [FEW, MANY] {
        let connection = filled(count);
        let best = format!("{ROWS} {BEST}");
        let taken = steps(&connection, &best, (WEEK, 10));
        assert!(taken < 400, "top: {taken} of {count}");
        // The first, the last that is told its place, one behind, one far behind, the last.
        for number in [count - 1, count - 1_000, count - 1_500, count / 2, 0] {
            let (points, sub) = (1 + number / 10, format!("o-{number:06}"));
            let around = [BEFORE_ALIKE, BEHIND_ALIKE].map(|which| format!("{ROWS} {which}"));
            let beyond = [BEFORE, BEHIND].map(|which| format!("{ROWS} {which}"));
            let mut taken = 0;
            for text in &around {
                taken += steps(&connection, text, params![WEEK, points, number, sub, 2]);
            }
            for text in &beyond {
                taken += steps(&connection, text, params![WEEK, points, 2]);
            }
            taken += steps(&connection, BETTER, params![WEEK, points, 1_000]);
            taken += steps(
                &connection,
                SOONER,
                params![WEEK, points, number, sub, 1_000],
            );
            assert!(taken < STEPS_MAX, "rank: {taken} of {count}");
        }
    }
}

#[test]
fn percents_are_found_once_a_minute() {
    let connection = filled(FEW);
    let mut percents = Percents::default();
    let percent = |percents: &mut Percents, points, now| {
        let percent = percents.of(&connection, WEEK.into(), points, Unix(now));
        percent.expect("a number")
    };
    // Of 3,000 the last 1,500 have at most 150 points, and as many more.
    assert_eq!(percent(&mut percents, 151, 1_000), 50);
    assert_eq!(percent(&mut percents, 150, 1_000), 51);
    assert_eq!(percent(&mut percents, 300, 1_000), 1);
    assert_eq!(percent(&mut percents, 1, 1_000), 100);
    assert_eq!(percent(&mut percents, 0, 1_000), 100);
    let text = "DELETE FROM weeks WHERE points > 150";
    connection.execute(text, ()).expect("ours");
    assert_eq!(percent(&mut percents, 150, 1_059), 51);
    assert_eq!(percent(&mut percents, 150, 1_060), 1);
    // A clock that is set back is another one.
    assert_eq!(percents.0.len(), 1);
    assert_eq!(percent(&mut percents, 75, 0), 51);
}

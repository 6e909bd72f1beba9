// Every client there is against every other one, and each alone: `node run.mjs`.
//
// It needs ROSHAMBO_BIN, the server's binary, the packages of package-lock.json and, in .venv,
// those of requirements.txt; tests/run.sh sees to all of them. It prints two tables and, for every
// cell that is not green, what went wrong, and ends with code 1 if there is one.
//
//   --only CELL    only this cell, "sio-1.7 · idle" or "sio-1.7 against mini"; more may be named
//   --real-limits  only the original mini program, idling for longer than the server's defaults

import { CHECKS, examine, idleAtRealLimits } from "./lib/checks.mjs";
import { STEPS, play } from "./lib/games.mjs";
import { KINDS } from "./lib/kinds.mjs";
import { pool } from "./lib/util.mjs";
import { Wire } from "./lib/wire.mjs";

/** Games and checks mostly wait; more at once would make two cores the thing that is tested. */
const AT_ONCE = 10;

const failures = [];

function fail(cell, error) {
  // Where it was noticed; further up there is only the pool.
  const place = error.stack?.split("\n").find((line) => /lib\/(games|checks|closings|stage)/.test(line)) ?? "";
  failures.push(`${cell}: ${error.message}${place && `\n${place}`}`);
}

// Thrown where nobody waits, in a library's handler for example: a failure, but not the end.
process.on("uncaughtException", (error) => fail("outside of a cell", error));

/** A table with aligned columns. */
function print(title, columns, rows) {
  console.log(`\n${title}\n`);
  const table = [["", ...columns], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  for (const row of table) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
  }
}

async function main() {
  if (!process.env.ROSHAMBO_BIN) throw new Error("ROSHAMBO_BIN has to name the server's binary");
  if (process.argv.includes("--real-limits")) {
    const error = await idleAtRealLimits();
    if (error) throw error;
    return console.log("the mini program idled for 100 s at the real limits and was brought back");
  }
  const kinds = Object.keys(KINDS);
  const games = new Map();
  const checks = new Map();
  const tasks = [];
  const only = process.argv.filter((_, index) => process.argv[index - 1] === "--only");
  const unknown = new Set(only);
  const wanted = (cell) => unknown.delete(cell) || only.length === 0;
  for (const kind of kinds) {
    for (const [name, { of }] of Object.entries(CHECKS)) {
      if (!of(KINDS[kind]) || !wanted(`${kind} · ${name}`)) continue;
      tasks.push(async () => {
        const error = await examine(name, kind);
        if (error) fail(`${kind} · ${name}`, error);
        checks.set(`${kind} ${name}`, error ? "FAILED" : "ok");
      });
    }
  }
  for (const [index, first] of kinds.entries()) {
    for (const second of kinds.slice(index)) {
      if (!wanted(`${first} against ${second}`)) continue;
      tasks.push(async () => {
        const { a, b, failure } = await play(first, second);
        if (failure) fail(`${first} against ${second}`, failure);
        const cell = (seen) =>
          Object.keys(STEPS).map((letter) => seen.get(letter) ?? "✗").join("");
        // Against its own kind both seats have to see it all.
        const both = new Map([...a].filter(([letter]) => b.has(letter)));
        games.set(`${first} ${second}`, cell(first === second ? both : a));
        games.set(`${second} ${first}`, cell(first === second ? both : b));
      });
    }
  }
  if (unknown.size) throw new Error(`there is no cell ${[...unknown].join(", ")}`);
  await pool(AT_ONCE, tasks);

  const legend = (entries) =>
    entries.map(([name, what]) => `  ${name}  ${what}`).join("\n");
  const row = (kind, columns, cells) =>
    [kind, ...columns.map((column) => cells.get(`${kind} ${column}`) ?? "–")];
  print(
    `Games, as the client on the left saw them (✗: not seen)\n${legend(Object.entries(STEPS))}`,
    kinds,
    kinds.map((kind) => row(kind, kinds, games)),
  );
  const names = Object.keys(CHECKS);
  print(
    `Each client alone (–: its kind has no such thing)\n${
      legend(Object.entries(CHECKS).map(([name, { what }]) => [name.padEnd(13), what]))}`,
    names,
    kinds.map((kind) => row(kind, names, checks)),
  );
  const cells = games.size + checks.size;
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log(`\n${cells} cells, ${failures.length} failures`);
}

await main().finally(() => Wire.closeAll());
if (failures.length) process.exitCode = 1;
// The libraries keep timers of their own; nobody waits for them.
process.exit();

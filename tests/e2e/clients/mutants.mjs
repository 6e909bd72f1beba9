// Mistakes are planted in the server, and the matrix has to see each: `node mutants.mjs`.
//
//   --quick  one mistake for each dialect
//   WORD…    only mistakes whose description has one of these words in it
//
// It needs what run.mjs needs, and cargo. The tree is copied into a temporary folder; there each
// mistake of the table below is put in place of what stands in the source, the server is built, and
// the cells that concern it are run: every one of them has to turn red. Without a mistake all of
// them have to be green, and what a mistake replaces has to stand in its file exactly once, so that
// the table cannot go stale. It prints which mistake turned which cells red, and ends with code 1
// if one was not seen.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TREE = fileURLToPath(new URL("../../..", import.meta.url));
const MATRIX = fileURLToPath(new URL("run.mjs", import.meta.url));

/** The dialect, the mistake, its file, what stands there, what is put there, what turns red. */
const MISTAKES = [
  {
    dialect: "plain",
    what: "an event has the prefix 42",
    quick: true,
    file: "src/wire/mod.rs",
    old: 'Self::Plain => "",',
    new: 'Self::Plain => "42",',
    red: ["ws against ws", "py-ws against v2", "sio-1.7 against ws"],
  },
  {
    dialect: "plain, EIO3",
    what: "no ping frames",
    file: "src/hub.rs",
    old: "Pulse::PingFrame => self.orders.push_back(Order::Ping { conn }),",
    new: "Pulse::PingFrame => (),",
    red: ["ws · idle", "py-ws · idle", "v2 · idle", "mini · idle", "mini · frozen button"],
  },
  {
    dialect: "plain, EIO3",
    what: "a pong frame is no sign of life",
    file: "src/hub.rs",
    old: "session.seen(now);\n                }\n            }\n            Input::Ping",
    new: "let _ = session;\n                }\n            }\n            Input::Ping",
    red: ["ws · idle", "v2 · idle", "mini · idle"],
  },
  {
    dialect: "plain",
    what: "binary data is accepted",
    file: "src/hub.rs",
    old: "Input::Binary { conn, .. } => self.end(now, conn, CloseReason::Binary),",
    new: "Input::Binary { .. } => (),",
    red: ["ws · binary", "py-ws · binary", "v2 · binary"],
  },
  {
    dialect: "plain",
    what: "bye without retry_ms",
    file: "src/wire/event.rs",
    old: "retry_ms: *retry_ms,",
    new: "retry_ms: retry_ms.and(None),",
    red: ["v2 · drain", "v2 · silence"],
  },
  {
    dialect: "all",
    what: "an old client is sent bye",
    file: "src/hub/endings.rs",
    old: "if v2 && let Some(word)",
    new: "if (v2 || conn.generation != 0)\n            && let Some(word)",
    red: ["ws · drain", "mini · flood", "sio-4.8 · too long"],
  },
  {
    dialect: "all",
    what: "the keys of result are swapped",
    file: "src/wire/event.rs",
    old: "struct ResultRowPayload<'a> {\n    uid: Written<'a>,\n    round_score: u32,\n    total_score: u32,",
    new: "struct ResultRowPayload<'a> {\n    uid: Written<'a>,\n    total_score: u32,\n    round_score: u32,",
    red: ["mini against ws", "sio-1.7 against sio-4.8", "py-sio against v2", "mini · frozen button"],
  },
  {
    dialect: "all",
    what: "start leaves out a choice that is null",
    file: "src/wire/event.rs",
    old: "    uavatar: Picture<'a>,\n    choice: Option<u8>,",
    new: '    uavatar: Picture<\'a>,\n    #[serde(skip_serializing_if = "Option::is_none")]\n    choice: Option<u8>,',
    red: ["mini against mini", "sio-2.5 against py-ws", "sio-3.1 against v2"],
  },
  {
    dialect: "all",
    what: "one who is told that its session is taken over may come back",
    file: "src/model/close.rs",
    old: '"taken-over", Stay,',
    new: '"taken-over", Return { after_ms: 1 },',
    red: ["v2 · taken over", "sio-1.7 · taken over", "sio-4.8 · taken over", "py-sio · taken over"],
  },
  {
    dialect: "all",
    what: "one who was silent is told to stay away",
    file: "src/model/close.rs",
    old: '"no sign of life", "timeout",\n            Return { after_ms: 1_000 },',
    new: '"no sign of life", "timeout", Stay,',
    red: ["v2 · silence", "sio-2.5 · silence", "sio-3.1 · silence", "py-sio · silence"],
  },
  {
    dialect: "EIO3, EIO4",
    what: "one who said nothing may come back",
    file: "src/model/close.rs",
    old: '"no-hello", Stay,',
    new: '"no-hello", Return { after_ms: 1 },',
    red: ["sio-1.7 · said nothing", "sio-2.5 · said nothing", "sio-4.8 · said nothing"],
  },
  {
    dialect: "EIO3",
    what: "no 40 after the opening",
    quick: true,
    file: "src/hub.rs",
    old: "if dialect == Dialect::Eio3 {\n            self.send(conn, |out| out.push_str(socket_io::CONNECTED));",
    new: "if false {\n            self.send(conn, |out| out.push_str(socket_io::CONNECTED));",
    red: ["sio-1.7 · leaves", "sio-2.5 · leaves", "mini · leaves"],
  },
  {
    dialect: "EIO3",
    what: "a client's ping is answered with 2",
    file: "src/wire/engine_io.rs",
    old: 'pub const PONG: &str = "3";',
    new: 'pub const PONG: &str = "2";',
    red: ["sio-1.7 · idle", "sio-2.5 · idle"],
  },
  {
    dialect: "EIO3",
    what: "two slashes after socket.io are refused",
    file: "src/net/http.rs",
    old: "&& rest.bytes().all(|byte| byte == b'/')",
    new: '&& matches!(rest, "" | "/")',
    red: ["mini · leaves", "mini against v2"],
  },
  {
    dialect: "EIO3",
    what: "the opening says maxPayload",
    file: "src/wire/engine_io.rs",
    old: "(dialect == Dialect::Eio4).then_some(opening.max_payload)",
    new: "(dialect != Dialect::Plain).then_some(opening.max_payload)",
    red: ["mini · leaves", "sio-1.7 · leaves"],
  },
  {
    dialect: "EIO3",
    what: "a loser's frozen button is forgotten",
    file: "src/world/original.rs",
    old: "const FROZEN_MS: u64 = 4_000;",
    new: "const FROZEN_MS: u64 = 400_000;",
    red: ["mini · frozen button"],
  },
  {
    dialect: "EIO4",
    what: "the server's ping is a 3",
    quick: true,
    file: "src/wire/engine_io.rs",
    old: 'pub const PING: &str = "2";',
    new: 'pub const PING: &str = "3";',
    red: ["sio-3.1 · idle", "sio-4.8 · idle", "py-sio · idle"],
  },
  {
    dialect: "EIO4",
    what: "40 without a sid",
    file: "src/wire/socket_io.rs",
    old: "event::write_json(&Payload { sid }, out);",
    new: "let _ = Payload { sid };",
    red: ["sio-3.1 · leaves", "sio-4.8 · leaves", "py-sio · leaves"],
  },
  {
    dialect: "EIO4",
    what: "the opening does not say maxPayload",
    file: "src/wire/engine_io.rs",
    old: "(dialect == Dialect::Eio4).then_some(opening.max_payload)",
    new: "(dialect == Dialect::Plain).then_some(opening.max_payload)",
    red: ["sio-4.8 · leaves", "py-sio · leaves"],
  },
  {
    dialect: "EIO4",
    what: "another namespace is refused with a bare string",
    file: "src/wire/socket_io.rs",
    old: 'Dialect::Eio4 => r#"{"message":"Invalid namespace"}"#,',
    new: 'Dialect::Eio4 => r#""Invalid namespace""#,',
    red: ["sio-3.1 · other ns", "sio-4.8 · other ns", "py-sio · other ns"],
  },
  {
    dialect: "EIO3",
    what: "another namespace is refused with an object",
    file: "src/wire/socket_io.rs",
    old: 'Dialect::Plain | Dialect::Eio3 => r#""Invalid namespace""#,',
    new: 'Dialect::Plain | Dialect::Eio3 => r#"{"message":"Invalid namespace"}"#,',
    red: ["sio-1.7 · other ns", "sio-2.5 · other ns"],
  },
  {
    dialect: "EIO3, EIO4",
    what: "41 is never sent",
    file: "src/hub/endings.rs",
    old: "if dialect.is_socket_io() && reason.sends_away() {",
    new: "if false {",
    red: [
      "sio-1.7 · flood", "sio-2.5 · binary", "sio-3.1 · too long", "sio-4.8 · taken over",
      "py-sio · flood", "sio-1.7 · said nothing", "mini · too long",
    ],
  },
  {
    dialect: "EIO3, EIO4",
    what: "41 before 1012 and 4002, too",
    file: "src/hub/endings.rs",
    old: "if dialect.is_socket_io() && reason.sends_away() {",
    new: "if dialect.is_socket_io() {",
    red: [
      "sio-1.7 · drain", "sio-2.5 · drain", "sio-3.1 · drain", "sio-4.8 · drain", "py-sio · drain",
      "sio-2.5 · silence", "sio-4.8 · silence",
    ],
  },
  {
    dialect: "EIO3, EIO4",
    what: "the acknowledgement comes after what the event causes",
    file: "src/hub/requests.rs",
    old: "        if let Some(ack) = ack {\n            self.send(conn, |out| socket_io::encode_ack(ack, refusal, out));",
    new: "        self.carry_effects(now);\n        if let Some(ack) = ack {\n            self.send(conn, |out| socket_io::encode_ack(ack, refusal, out));",
    red: ["sio-1.7 · acks", "sio-4.8 · acks", "py-sio · acks"],
  },
  {
    dialect: "EIO3, EIO4",
    what: "long-polling is refused without a hint",
    file: "src/net/http.rs",
    old: ',"hint":"long-polling is not offered here: give the client the option transports: [\\"websocket\\"]"}"#',
    new: '}"#',
    red: ["sio-1.7 · polling", "sio-4.8 · polling", "py-sio · polling"],
  },
  {
    dialect: "EIO3, EIO4",
    what: "a line in the log for every attempt at long-polling",
    file: "src/net/reader/head.rs",
    old: "if answer.polling && seldom(&mut self.polling_logged, now) {",
    new: "if answer.polling {",
    red: ["sio-2.5 · polling", "sio-3.1 · polling"],
  },
];

const folder = mkdtempSync(join(tmpdir(), "roshambo-mutants-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const target = join(resolve(TREE, process.env.CARGO_TARGET_DIR ?? "target"), "mutants");

/** Builds what lies in the folder, again and again; how quickly it runs does not matter. */
function build(what) {
  const quickly = { CARGO_PROFILE_DEV_OPT_LEVEL: "0", CARGO_PROFILE_DEV_DEBUG: "0", CARGO_INCREMENTAL: "1" };
  const { status, stderr } = spawnSync("cargo", ["build", "--locked", "--quiet", "--bin", "roshambo"], {
    cwd: folder,
    env: { ...process.env, ...quickly, CARGO_TARGET_DIR: target },
    encoding: "utf8",
  });
  // A mistake may leave something unused; that is shown only where it does not build at all.
  if (status !== 0) throw new Error(`${what}: it does not build: ${stderr}`);
}

/** Runs these cells; returns those that are red, and what was printed. */
function run(cells) {
  const flags = cells.flatMap((cell) => ["--only", cell]);
  const env = {
    ...process.env,
    ROSHAMBO_BIN: join(target, "debug", "roshambo"),
    // A red cell often waits in vain, and a green one is never late by as much as this.
    ROSHAMBO_PATIENCE_MS: "10000",
  };
  const { stdout, stderr } = spawnSync(process.execPath, [MATRIX, ...flags], { env, encoding: "utf8" });
  if (!/^\d+ cells, \d+ failures$/m.test(stdout)) throw new Error(`the matrix broke off: ${stderr}`);
  const red = [...stdout.matchAll(/^FAILED (.+?): /gm)].map(([, cell]) => cell);
  return { red: cells.filter((cell) => red.includes(cell)), stdout };
}

/** Puts a mistake in place, or takes it out again. */
function plant({ file, old, new: planted }) {
  const path = join(folder, file);
  const source = readFileSync(path, "utf8");
  const count = source.split(old).length - 1;
  if (count !== 1) throw new Error(`${file} has this ${count} times instead of once:\n${old}`);
  writeFileSync(path, source.replace(old, () => planted));
  return () => writeFileSync(path, source);
}

const words = process.argv.slice(2).filter((word) => word !== "--quick");
const quick = process.argv.includes("--quick");
const mistakes = MISTAKES.filter(
  ({ what, quick: isQuick }) =>
    (!quick || isQuick) && (!words.length || words.some((word) => what.includes(word))),
);

const absent = new Set([".git", ".venv", "node_modules", "target", "screenshots"]);
cpSync(TREE, folder, { recursive: true, filter: (path) => !absent.has(basename(path)) });
// All of the table, so that the quick form tells as well when it has gone stale.
for (const mistake of MISTAKES) plant(mistake)();
if (!mistakes.length) throw new Error(`no mistake has ${words.join(" or ")} in its description`);

build("no mistake");
const all = [...new Set(mistakes.flatMap(({ red }) => red))];
const before = run(all);
if (before.red.length) {
  console.log(before.stdout);
  throw new Error(`red without any mistake: ${before.red.join(", ")}`);
}
console.log(`\nWithout a mistake all ${all.length} cells are green. Planted mistakes, and the red cells:\n`);
for (const mistake of mistakes) {
  const remove = plant(mistake);
  build(mistake.what);
  const { red } = run(mistake.red);
  remove();
  const green = mistake.red.filter((cell) => !red.includes(cell));
  const seen = green.length ? `NOT SEEN by ${green.join(", ")}; ` : "";
  if (green.length) process.exitCode = 1;
  console.log(`${mistake.dialect.padEnd(11)}  ${mistake.what.padEnd(60)}  ${seen}${red.join(", ")}`);
}
console.log(`\n${mistakes.length} mistakes${process.exitCode ? ": NOT all of them were seen" : ", all seen"}`);

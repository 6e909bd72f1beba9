// What is checked of each kind of client alone: one server each, started for the check.

import { CLOSINGS } from "./closings.mjs";
import { KINDS } from "./kinds.mjs";
import { Official } from "./official.mjs";
import { Mute, Plain } from "./raw.mjs";
import { Stage } from "./stage.mjs";
import { Wire } from "./wire.mjs";
import { check, same, sleep, within } from "./util.mjs";

const HINT = 'long-polling is not offered here: give the client the option transports: ["websocket"]';

/** Silent for longer than every limit, and still there; one that never answers is not. */
async function idle(stage) {
  // Time enough for a client on a busy machine to answer.
  const limits = ["--ping-interval", "1s", "--ping-timeout", "8s", "--ping-timeout-eio4", "8s"];
  await stage.open(...limits, "--ping-timeout-v2", "8s");
  await stage.greet();
  // The limits are real: a client of the same dialect that never answers is sent away by them.
  const mute = await stage.beside(new Mute(stage.kind.dialect));
  check((await within(mute.ended, "the mute one is sent away")) === 4002, "4002 for silence");
  await sleep(10_000);
  check(stage.wire.connections === 1, `${stage.wire.connections} connections; ${stage.client.notes}`);
  same(stage.client.notes, [], "nothing happened to it");
  await stage.greet();
  await stage.server.stop();
}

/** Acknowledgements, before what the event causes. */
async function acks(stage) {
  const { client } = stage;
  await stage.open();
  const answers = [client.ask("choice", { choice: 1 }), client.ask("hello", { user: client.user })];
  const refusal = { ok: false, code: "not-playing", message: "there is nobody to play with right now" };
  same(await answers[0], refusal, "a choice outside of a round");
  same(await answers[1], { ok: true }, "a hello");
  await meets(client, "hi");
  const bad = await client.ask("choice", { choice: 99 });
  same([bad.ok, bad.code], [false, "bad-payload"], "a choice that there is not");
  await meets(client, "problem");
  await stage.server.stop();
  // The order on the wire: a library may need a thread for each packet.
  const words = stage.wire.said(0).texts.filter((text) => /^4[23]/.test(text)).slice(0, 5);
  const kinds = words.map((text) => text.replace(/^43\d+/, "43").slice(0, 14));
  const order = ['43[{"ok":false', '43[{"ok":true}', '42["hi",{"mess', '43[{"ok":false', '42["problem",{'];
  same(kinds, order, "the order of acknowledgements and events");
}

/** Another namespace is refused, and the default one goes on. */
async function namespace(stage) {
  await stage.open();
  same(await stage.client.refusedNamespace("/chat"), "Invalid namespace", "the refusal");
  await stage.greet();
  check(stage.wire.connections === 1, `${stage.wire.connections} connections`);
  await stage.server.stop();
}

/**
 * 1.0, which says EIO=2, plays a round. It encodes every text as UTF-8 once more than those after it, and gives
 * its connection up over one that is not: with names in ASCII there is no difference.
 */
async function first(stage) {
  // Time enough for a client on a busy machine to choose.
  await stage.open("--robot-after", "60s", "--game-time", "5s");
  const { client } = stage;
  const old = new Official("sio-1.0", "1.0");
  const players = [client, old];
  for (const player of players) player.user.uname = player.name;
  await stage.greet();
  await stage.beside(old);
  old.hello();
  for (const player of players) player.join();
  for (const player of players) await meets(player, "start");
  client.choose(1);
  old.choose(2);
  for (const player of players) {
    let event = {};
    while (event.name !== "result") event = await player.inbox.next("result");
    const scores = event.payload.result.map(({ uid, roundScore }) => [uid, roundScore]);
    same(Object.fromEntries(scores)[old.user.uid], 1, `1.0 has won, as ${player.name} is told`);
    same([player.notes, player.connects], [[], 1], `nothing else happened to ${player.name}`);
  }
  await stage.server.stop();
}

/** Who asks for subprotocols gives up unless it gets one of them: it gets the first. */
async function subprotocols(stage) {
  const { client, kind } = stage;
  await stage.prepare();
  await client.connect(stage.wire, { protocols: ["b.example", "a.example"] });
  await stage.greet();
  const [head] = stage.wire.received[0].split("\r\n\r\n");
  const named = head.match(/^Sec-WebSocket-Protocol: .*$/gim);
  same(named, ["Sec-WebSocket-Protocol: b.example"], "what the server names");
  // Socket.IO's library keeps it to itself.
  if (!kind.packets) same(client.subprotocol, "b.example", "what the client got");
  same([stage.wire.connections, client.notes], [1, []], "nothing else happened to it");
  await stage.server.stop();
}

/** Leaves by its own word, and stays away. */
async function clean(stage) {
  await stage.open();
  await stage.greet();
  stage.client.disconnect();
  const line = await stage.server.line(new RegExp(` ${stage.kind.dialect} .*rounds: `));
  check(/: (left|closed 1000 .*)$/.test(line), line);
  await stage.counts(1);
  await stage.server.stop();
}

/** Its connection is torn; whoever comes back by itself does so once. */
async function cut(stage) {
  await stage.open();
  await stage.greet();
  stage.wire.cut();
  await stage.server.line(/rounds: lost$/);
  await stage.returned();
  check(stage.server.count(/rounds: lost$/) === 1, "one connection was lost");
  await stage.server.stop();
}

/** Long-polling first: 400 with a hint for the person who reads it, and a line in the log. */
async function polling(stage) {
  await stage.prepare();
  const { wire } = stage;
  const { body, attempts } = await stage.client.failure(wire);
  const want = JSON.stringify({ code: 0, message: "Transport unknown", hint: HINT });
  for (const answer of wire.received) {
    check(answer.startsWith("HTTP/1.1 400 "), `status 400: ${answer}`);
    check(answer.endsWith(`\r\n\r\n${want}`), `the hint: ${answer}`);
    check(answer.includes("\r\nAccess-Control-Allow-Origin: *\r\n"), "browsers may show it");
  }
  check(wire.connections === attempts, `${wire.connections} attempts instead of ${attempts}`);
  if (stage.client.major === 4) same(body, want, "what 4.x shows the programmer");
  // One line in ten seconds, however far apart the attempts of a busy machine's client are.
  const told = stage.server.lines.filter((line) => line.includes("long-polling"));
  const times = told.map((line) => Date.parse(line.split(" ")[0]));
  const apart = times.every((at, index) => !index || 9_000 <= at - times[index - 1]);
  check(told.length && apart, stage.server.lines.join("; "));
  await stage.server.stop();
}

/**
 * The original mini program: it idles, loses against somebody who goes away, and is brought back
 * by a `start` that comes by itself. `real` takes the limits that the server has by default.
 */
async function miniProgram(stage, real = false) {
  const { client } = stage;
  const short = ["--ping-interval", "1s", "--ping-timeout", "5s", "--ping-timeout-eio4", "5s"];
  await stage.open(...(real ? [] : [...short, "--hello-timeout", "5s", "--head-timeout", "5s"]));
  await stage.greet();
  // 85 s is the longest limit there is for such a client.
  await sleep(real ? 100_000 : 8_000);
  const winner = await stage.beside(new Plain("winner"));
  winner.hello();
  client.join();
  winner.join();
  await meets(winner, "start");
  winner.choose(2);
  await meets(client, "result");
  same(client.thrown, ["lost"], "its result handler throws");
  winner.disconnect();
  const said = client.said.length;
  client.join();
  same(client.said.length, said, "its button is dead");
  await meets(client, "start");
  same(client.said.slice(said), ['42["choice",{"choice":1}]'], "it did not ask for it");
  await meets(client, "result");
  same(stage.wire.connections, 1, "connections");
  same([client.notes, client.connects], [[], 1], "nothing else happened to it");
  await stage.server.stop();
}

async function meets(client, want) {
  for (let name = ""; name !== want; ) ({ name } = await client.inbox.next(want));
}

/** All checks, in the order of the table: for whom, and what. */
export const CHECKS = {
  idle: { of: () => true, run: idle, what: "idle beyond every limit, and a mute one is not" },
  acks: { of: (kind) => kind.packets, run: acks, what: "acknowledgements, and their order" },
  "other ns": { of: (kind) => kind.packets, run: namespace, what: "another namespace is refused" },
  subprotocols: {
    of: (kind) => kind.protocols,
    run: subprotocols,
    what: "it asks for two, and gets the first one",
  },
  "1.0": {
    of: (kind) => kind === KINDS["sio-1.7"],
    run: first,
    what: "socket.io-client 1.0.6 beats it",
  },
  leaves: { of: () => true, run: clean, what: "a clean end" },
  cut: { of: () => true, run: cut, what: "a torn connection: back once, or not at all" },
  ...CLOSINGS,
  polling: { of: (kind) => kind.polls, run: polling, what: "400 with a hint, one log line" },
  "frozen button": {
    of: (kind) => kind === KINDS.mini,
    run: (stage) => miniProgram(stage),
    what: "idle, lost, brought back by a start that comes by itself",
  },
};

/** Runs one check of one kind; returns what went wrong, if anything did. */
export const examine = (name, kind) => watch(kind, CHECKS[name].run);

/** The original mini program at the limits that the server has by default: two minutes. */
export const idleAtRealLimits = () => watch("mini", (stage) => miniProgram(stage, true));

async function watch(kind, run) {
  const stage = new Stage(kind);
  try {
    await run(stage);
    stage.checkBytes();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    stage.close();
  }
}

// What is checked of each kind of client alone: one server each, started for the check.

import { KINDS } from "./kinds.mjs";
import { Mute, Plain } from "./raw.mjs";
import { Server } from "./server.mjs";
import { Wire } from "./wire.mjs";
import { check, same, sleep, until, within } from "./util.mjs";

/** Libraries come back 100 ms after a loss here: who has not in this time does not. */
const WATCHED_MS = 1_500;

const HINT = 'long-polling is not offered here: give the client the option transports: ["websocket"]';

/** The frame with Socket.IO's `41`. */
const DISCONNECT = "\x81\x0241";

/** Everything a check needs; it is closed afterwards. */
class Stage {
  #closers = [];

  constructor(kind) {
    this.kind = KINDS[kind];
    this.client = this.keep(this.kind.make(kind));
  }

  keep(client) {
    this.#closers.push(() => client.destroy());
    return client;
  }

  async serve(...flags) {
    const server = await Server.start("--game-time", "1s", "--linger", "500ms", ...flags);
    this.#closers.push(() => server.kill());
    return server;
  }

  async open(...flags) {
    this.server = await this.serve(...flags);
    this.wire = await Wire.to(this.server.port);
    if (this.kind.threads) this.wire.pauseAfter = DISCONNECT;
    await this.client.connect(this.wire);
  }

  /** The client works: it is greeted. */
  async greet() {
    this.client.hello();
    for (;;) {
      const event = await this.client.inbox.next("hi");
      if (event.name === "hi") return event.payload;
    }
  }

  /** Exactly so many connections, and not one more while we watch. */
  async counts(connections) {
    await until(() => connections <= this.wire.connections, `${connections} connections are made`);
    await sleep(WATCHED_MS);
    check(
      this.wire.connections === connections,
      `${this.wire.connections} connections instead of ${connections}; ${this.client.notes}`,
    );
  }

  /** The client came back by itself, once, and is connected: or did not, as its kind does. */
  async returned() {
    if (!this.kind.returns) return this.counts(1);
    await until(() => 2 <= this.client.connects, "the client is back");
    await this.counts(2);
    check(this.client.connects === 2, `it connected ${this.client.connects} times`);
    await this.greet();
  }

  close() {
    for (const closer of this.#closers) closer();
  }
}

/** Silent for longer than every limit, and still there; one that never answers is not. */
async function idle(stage) {
  const limits = ["--ping-interval", "1s", "--ping-timeout", "2s", "--ping-timeout-eio4", "2s"];
  await stage.open(...limits, "--ping-timeout-v2", "2s");
  await stage.greet();
  // The limits are real: a client of the same dialect that never answers is sent away by them.
  const mute = stage.keep(new Mute(stage.kind.dialect));
  await mute.connect(stage.wire);
  check((await within(mute.ended, "the mute one is sent away")) === 4002, "4002 for silence");
  await sleep(5_000);
  check(stage.wire.connections === 2, `${stage.wire.connections} connections; ${stage.client.notes}`);
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
  const hi = { message: "welcome", nearby: 0 };
  for (const [name, payload] of [["(ack)", refusal], ["(ack)", { ok: true }], ["hi", hi]]) {
    same(await client.inbox.next(name), { name, payload }, "order");
  }
  const bad = await client.ask("choice", { choice: 99 });
  same([bad.ok, bad.code], [false, "bad-payload"], "a choice that there is not");
  const problem = await client.inbox.next("the acknowledgement");
  same([problem.name, (await client.inbox.next("problem")).name], ["(ack)", "problem"], "order");
  await stage.server.stop();
}

/** Another namespace is refused, and the default one goes on. */
async function namespace(stage) {
  await stage.open();
  same(await stage.client.refusedNamespace("/chat"), "Invalid namespace", "the refusal");
  await stage.greet();
  check(stage.wire.connections === 1, `${stage.wire.connections} connections`);
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

/** The server is restarted: an answer for everybody, and who comes back finds the new one. */
async function drain(stage) {
  await stage.open("--drain-spread", "300ms");
  await stage.greet();
  const next = await stage.serve();
  stage.wire.target = next.port;
  await stage.server.stop();
  check(stage.server.count(/rounds: closed 1012 /) === 1, stage.server.lines.join("; "));
  await stage.returned();
  // Whoever is to come back is not told to stay away.
  check(!stage.wire.received[0].includes(DISCONNECT), "41 before 1012");
  if (stage.client.v2) {
    const bye = stage.client.texts.map((text) => JSON.parse(text)).find(([name]) => name === "bye")[1];
    same([bye.code, bye.reason], [1012, "restart"], "bye");
    check(Number.isInteger(bye.retry_ms) && bye.retry_ms <= 300, `retry_ms ${bye.retry_ms}`);
  }
  await next.stop();
}

/** Sent away for good, `41` before the close: nobody comes back, whatever its library likes. */
async function stay(stage) {
  const { client } = stage;
  await stage.open();
  await stage.greet();
  for (let sent = 0; sent < 150; sent++) client.send("face", { face: 1 });
  await stage.server.line(/rounds: closed 1008 /);
  await stage.counts(1);
  // A close frame with 1008 comes, and right before it `41`, except in the plain dialect.
  const [before, after] = stage.wire.received[0].split(/\x88[^]\x03\xf0/);
  check(after !== undefined, "a close frame with 1008");
  const plain = stage.kind.dialect === "plain";
  check(before.endsWith(DISCONNECT) === !plain, `before the close: ${before.slice(-40)}`);
  if (client.v2) {
    same(JSON.parse(client.texts.at(-1)), ["bye", { code: 1008, reason: "too-fast" }], "bye");
  }
  await stage.server.stop();
}

/** Long-polling first: 400 with a hint for the person who reads it, and one line in the log. */
async function polling(stage) {
  stage.server = await stage.serve();
  const wire = await Wire.to(stage.server.port);
  const { body, attempts } = await stage.client.failure(wire);
  const want = JSON.stringify({ code: 0, message: "Transport unknown", hint: HINT });
  for (const answer of wire.received) {
    check(answer.startsWith("HTTP/1.1 400 "), `status 400: ${answer}`);
    check(answer.endsWith(`\r\n\r\n${want}`), `the hint: ${answer}`);
    check(answer.includes("\r\nAccess-Control-Allow-Origin: *\r\n"), "browsers may show it");
  }
  check(wire.connections === attempts, `${wire.connections} attempts instead of ${attempts}`);
  if (stage.client.major === 4) same(body, want, "what 4.x shows the programmer");
  check(stage.server.count(/long-polling/) === 1, stage.server.lines.join("; "));
  await stage.server.stop();
}

/**
 * The original mini program: it idles, loses against somebody who goes away, and is brought back
 * by a `start` that comes by itself. `real` takes the limits that the server has by default.
 */
export async function miniProgram(real = false) {
  const stage = new Stage("mini");
  const { client } = stage;
  const short = ["--ping-interval", "1s", "--ping-timeout", "2s", "--ping-timeout-eio4", "1s"];
  try {
    await stage.open(...(real ? [] : [...short, "--hello-timeout", "2s", "--head-timeout", "1s"]));
    await stage.greet();
    // 85 s is the longest limit there is for such a client.
    await sleep(real ? 100_000 : 6_000);
    const winner = stage.keep(new Plain("winner"));
    await winner.connect(stage.wire);
    winner.hello();
    client.join();
    winner.join();
    for (let name = ""; name !== "start"; ) ({ name } = await winner.inbox.next("start"));
    winner.choose(2);
    for (let name = ""; name !== "result"; ) ({ name } = await client.inbox.next("result"));
    check(client.frozen, "it lost");
    winner.disconnect();
    const said = client.said.length;
    client.join();
    check(client.said.length === said, "its button is dead");
    for (let name = ""; name !== "start"; ) ({ name } = await client.inbox.next("the next start"));
    check(!client.frozen, "it plays again");
    same(client.said.slice(said), ['42["choice",{"choice":1}]'], "it did not ask for it");
    for (let name = ""; name !== "result"; ) ({ name } = await client.inbox.next("result"));
    check(stage.wire.connections === 2, `${stage.wire.connections} connections`);
    oldBytesOnly(client.texts);
    await stage.server.stop();
  } finally {
    stage.close();
  }
}

/** An old client gets the original's events, with the original's keys in the original's order. */
function oldBytesOnly(texts) {
  const user = '\\{"uid":"[^"]*","uname":"[^"]*","uavatar":"[^"]*","choice":null,"roundScore":0,"totalScore":\\d+,"winStreak":\\d+\\}';
  const row = '\\{"uid":"[^"]*","roundScore":\\d+,"totalScore":\\d+,"winStreak":\\d+,"choice":(null|[123])\\}';
  const known = [
    '0\\{"sid":"[\\w-]{20}","upgrades":\\[\\],"pingInterval":\\d+,"pingTimeout":\\d+\\}',
    "40",
    '42\\["hi",\\{"message":"welcome","nearby":\\d+\\}\\]',
    `42\\["start",\\{"gameTime":\\d+,"roomUsers":\\[${user},${user}\\]\\}\\]`,
    '42\\["movement",\\{"uid":"[^"]*","movement":"choice"\\}\\]',
    '42\\["leave",\\{"uid":"[^"]*"\\}\\]',
    `42\\["result",\\{"result":\\[${row},${row}\\]\\}\\]`,
  ].map((pattern) => new RegExp(`^${pattern}$`));
  for (const text of texts) {
    check(known.some((pattern) => pattern.test(text)), `no old bytes: ${text}`);
  }
}

/** All checks, in the order of the table: for whom, and what. */
export const CHECKS = {
  idle: { of: () => true, run: idle, what: "idle beyond every limit, and a mute one is not" },
  acks: { of: (kind) => kind.packets, run: acks, what: "acknowledgements, and their order" },
  "other ns": { of: (kind) => kind.packets, run: namespace, what: "another namespace is refused" },
  leaves: { of: () => true, run: clean, what: "a clean end" },
  cut: { of: () => true, run: cut, what: "a torn connection: back once, or not at all" },
  drain: { of: () => true, run: drain, what: "SIGTERM, 1012: back once, or not at all" },
  "sent away": { of: () => true, run: stay, what: "41 before the close: never back" },
  polling: { of: (kind) => kind.polls, run: polling, what: "400 with a hint, one log line" },
  "frozen button": {
    of: (kind) => kind === KINDS.mini,
    run: () => miniProgram(),
    what: "idle, lost, brought back by a start that comes by itself; old bytes only",
  },
};

/** Runs one check of one kind; returns what went wrong, if anything did. */
export async function examine(name, kind) {
  const stage = new Stage(kind);
  try {
    await CHECKS[name].run(stage);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    stage.close();
  }
}

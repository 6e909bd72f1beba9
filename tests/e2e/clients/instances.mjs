// Two instances that share a Redis, behind nginx with the site that is shipped: `node instances.mjs`.
//
// Players of the page's own session module go on playing while instances are killed, restarted, and
// their players sent on, and while their Redis is away and forgets; at the end everybody has the points that it
// was told. It needs what run.mjs needs, a server with the feature `redis`, nginx, haproxy, openssl and
// redis-server. LONG=1: more of everything, and three instances, with a server that is built for release;
// PLAYERS=N, KILLS=N: so many of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { Cluster, Player, Several } from "./lib/cluster.mjs";
import { run } from "./lib/scene.mjs";
import { check, pool, same, until, within } from "./lib/util.mjs";

const LONG = Boolean(process.env.LONG);
const PLAYERS = Number(process.env.PLAYERS ?? (LONG ? 1_000 : 24));
const KILLS = Number(process.env.KILLS ?? (LONG ? 20 : 3));

/** How long a frozen Redis answers nothing: longer than an instance is taken for alive by the others. */
const FROZEN_MS = LONG ? 120_000 : 6_000;

/** How long a slow one is so. */
const SLOW_MS = LONG ? 60_000 : 4_000;

/** The page comes back at once when its line was good for so long; else it takes its time. */
const STEADY_MS = 5_000;

const crowd = (cluster, count, token = () => "") =>
  Array.from({ length: count }, (_, n) => new Player(cluster, `p${n}`, { token: token(n) }));

async function everybody(players, what, done) {
  await until(() => players.every(done), `everybody ${what}`).catch((error) => {
    const others = players.filter((player) => !done(player));
    throw new Error(`${error.message}; not ${others.length}, such as ${others[0]}`);
  });
}

/** All play on, each in a round of its own since now. */
async function playOn(players) {
  await everybody(players, "is online", (player) => player.is("online"));
  const before = new Map(players.map((player) => [player, player.rounds]));
  players.forEach((player) => player.hear());
  await everybody(players, "plays on", (player) => before.get(player) < player.rounds);
}

/** Everybody has what it was told, whoever is asked, and nobody was told otherwise meanwhile. */
async function settle(cluster, players, ask = (token) => cluster.total(token)) {
  // Those who came a moment ago may not have played yet, or to a draw.
  const won = () => players.some((player) => 0 < player.told.total);
  while (!won()) await playOn(players.filter((player) => player.plays));
  for (const player of players) await player.rest();
  await cluster.settled();
  let sum = 0;
  await pool(8, players.map((player) => async () => {
    const total = await ask(player.token);
    same(total, player.told.total, `the points of ${player.name}`);
    // Who has not won a point yet is a new player elsewhere.
    const usual = ["restarted", "draining", "forgotten"];
    same(player.notes.filter((note) => !usual.includes(note)), [], player.name);
    sum += total;
  }));
  check(0 < sum, "somebody won something");
}

/** Who comes fills the first one; those who are online anywhere are nearby. */
async function matching(scene) {
  const cluster = await Cluster.start(scene, ["--max-connections", "20"]);
  const players = crowd(cluster, 24);
  await everybody(players, "is online", (player) => player.is("online"));
  same([(await cluster.status("a")).open, (await cluster.status("b")).open], [20, 4], "who is where");
  let others = {};
  while (others.a !== 20) ({ others } = await cluster.status("b"));
  // The last one to come was told of all the others.
  const last = new Player(cluster, "last");
  await until(() => last.is("online"), "one more is online");
  check(24 <= last.state.nearby, `nearby: ${last.state.nearby}`);
  await settle(cluster, players);
}

/** A friend's link, and a code that is typed elsewhere, lead to the room. */
const friends = (options) => async (scene) => {
  const cluster = await Cluster.start(scene, [], options);
  const ann = new Player(cluster, "ann", { token: `b.${"x".repeat(22)}`, room: "new" });
  await until(() => ann.state.code, "ann has a room");
  const { code } = ann.state;
  same([code.length, code[0], ann.token.slice(0, 2)], [7, "B", "b."], "her instance");
  // By a link: straight there.
  const bob = new Player(cluster, "bob", { room: code });
  const both = [ann, bob];
  await playOn(both);
  same(bob.queries, ["?i=b"], "bob's way");
  if (!options) {
    const probed = await cluster.probe();
    check(probed.includes("instances: 2, each where its letter leads"), probed);
  }
  bob.game.leave();
  bob.plays = false;
  // By a code that is typed while one plays elsewhere.
  const cem = new Player(cluster, "cem");
  await playOn([cem]);
  await cem.rest();
  same(cem.queries, [""], "cem's way");
  cem.game.play({ room: code.toLowerCase(), ready: false });
  cem.plays = true;
  await playOn([ann, cem]);
  same([cem.queries, cem.state.code], [["", "?i=b"], code], "cem's way");
  // Their server dies: they meet in the same room at the other one.
  await cluster.settled();
  const before = new Map([ann, cem].map((player) => [player, player.queries.length]));
  await cluster.kill("b");
  await everybody([ann, cem], "comes back", (player) => before.get(player) < player.queries.length);
  await everybody([ann, cem], "is in their room", ({ state }) => state.code === code && state.other?.present);
  await playOn([ann, cem]);
  same([(await cluster.status("a")).rooms], [1], "one room");
  await cluster.serve("b");
  await settle(cluster, [ann, bob, cem]);
};

/** One is killed in the middle of rounds, and comes back; a second one of a letter does not start. */
const kills = (letters) => async (scene) => {
  const cluster = await Cluster.start(scene, [], { letters, crowd: LONG });
  const players = crowd(cluster, PLAYERS);
  await playOn(players);
  const double = spawn(process.env.ROSHAMBO_BIN, [...cluster.command("a"), "--listen", "127.0.0.1:0"]);
  let said = "";
  double.stderr.on("data", (text) => {
    said += text;
  });
  const [code] = await within(once(double, "close"), "a second one with the letter gives up");
  same(code, 1, `the second one: ${said}`);
  check(said.includes("another server has --instance a on this store"), said);
  for (let kill = 0; kill < KILLS; kill++) {
    const open = await Promise.all(letters.map((letter) => cluster.status(letter).then((status) => status.open)));
    const letter = letters[open.indexOf(Math.max(...open))];
    const before = new Map(players.map((player) => [player, player.queries.length]));
    await cluster.kill(letter);
    const begun = Date.now();
    const back = new Map();
    const note = (player) => {
      const came = before.get(player) < player.queries.length && player.is("online");
      if (came && !back.has(player)) back.set(player, Date.now() - begun);
    };
    await until(() => {
      players.forEach(note);
      return Math.max(...open) <= back.size;
    }, "everybody is back");
    const times = [...back.values()].sort((one, other) => one - other);
    const at = (share) => times[Math.floor((times.length - 1) * share)];
    console.log(`of ${times.length} half are back after ${at(0.5)} ms, 99 of 100 after ${at(0.99)}, all after ${at(1)}`);
    await Promise.all([cluster.serve(letter), playOn(players)]);
    if (LONG) await pause(STEADY_MS);
  }
  await settle(cluster, players);
};

/** Each is restarted in turn, and then one sends its players on. */
async function rolling(scene) {
  const cluster = await Cluster.start(scene, [], { crowd: LONG });
  const players = crowd(cluster, PLAYERS);
  await playOn(players);
  for (const letter of ["a", "b", "a"]) {
    await cluster.servers[letter].stop();
    await Promise.all([cluster.serve(letter), playOn(players)]);
  }
  // All are at b now, and who is sent on goes where everybody goes.
  const line = await cluster.gather("b");
  check(/ players were sent on, nobody is left$/.test(line), line);
  await playOn(players);
  same([(await cluster.status("a")).open, (await cluster.status("b")).open], [PLAYERS, 0], "who is where");
  await settle(cluster, players);
}

/** Redis is gone in one way or another, comes back, and forgets all; nobody notices, and nothing is lost. */
async function redisFails(scene) {
  const cluster = await Cluster.start(scene, [], { crowd: LONG });
  const { redis, servers } = cluster;
  // Every other one asks for b, as who was there before.
  const players = crowd(cluster, PLAYERS, (n) => (n % 2 ? `b.${String(n).padStart(22, "x")}` : ""));
  const away = () => cluster.stores("the log tells of it", ({ trouble }) => trouble);
  const back = () => cluster.stores("it works again", ({ trouble }) => !trouble);
  const reload = async (letter) => {
    servers[letter].child.kill("SIGUSR2");
    await Promise.all([servers[letter].line(/ reloaded .*: [1-9]\d* connections, /), playOn(players)]);
  };
  const faults = {
    /** It answers, each time after some hundred milliseconds. */
    async slow() {
      const end = Date.now() + SLOW_MS;
      const slowed = (async () => {
        while (Date.now() < end) {
          redis.freeze();
          await pause(400);
          redis.thaw();
          await pause(5);
        }
      })();
      do await playOn(players); while (Date.now() < end);
      await slowed;
    },
    async frozen() {
      redis.freeze();
      const end = Date.now() + FROZEN_MS;
      await away();
      do await playOn(players); while (Date.now() < end);
      redis.thaw();
    },
    async killed() {
      await redis.kill();
      await away();
      await playOn(players);
      // What could not be written goes to the next program.
      await reload("b");
      await redis.start();
    },
    async emptied() {
      const lines = () => Object.values(servers).map((server) => server.count(/has lost some of what it had/));
      const before = lines();
      await redis.flush();
      // With its next result each finds out.
      await playOn(players);
      await until(() => lines().every((count, n) => before[n] < count), "both have found out");
    },
    reloaded: () => reload("a"),
  };
  await playOn(players);
  for (const [name, fault] of Object.entries(faults)) {
    await fault();
    await Promise.all([back(), playOn(players)]);
    await settle(cluster, players, (token) => cluster.kept(token)).catch((error) => {
      throw new Error(`${name}: ${error.message}`);
    });
    for (const player of players) player.plays = true;
  }
  const cut = players.filter((player) => player.queries.length !== 1);
  check(!cut.length, `${cut.length} lines were cut, such as that of ${cut[0]}`);
  await settle(cluster, players);
}

const checks = {
  matching,
  friends: friends(),
  "killed in mid-round, a letter twice": kills(["a", "b"]),
  "restarted in turn, sent on": rolling,
  "Redis: slow, frozen, killed, emptied": redisFails,
  "HAProxy: friends": friends({ Kind: Several }),
};
if (LONG) checks["three: killed in mid-round"] = kills(["a", "b", "c"]);
const wanted = new RegExp(process.argv[2] ?? "");
const chosen = Object.entries(checks).filter(([name]) => wanted.test(name));
check(chosen.length, `no check matches ${wanted}`);
await run("Instances behind nginx with systemd/nginx/roshambo-instances.conf", Object.fromEntries(chosen));

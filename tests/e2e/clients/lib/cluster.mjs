// Several servers that share a Redis, behind a real nginx with the site that is shipped, and players
// of the page's own session module.

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import WebSocket from "ws";

import { Nginx } from "./nginx.mjs";
import { HAProxy, shipped } from "./others.mjs";
import { BASE } from "./raw.mjs";
import { Server } from "./server.mjs";
import { check, same, sleep, until, within } from "./util.mjs";

const ours = (path) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const SITE = ours("systemd/nginx/roshambo-instances.conf");
// Through its text, because the folder of a web page has no package.json to say "module".
const { createSession } = await import(
  `data:text/javascript,${encodeURIComponent(readFileSync(ours("src/client/web/session.js"), "utf8"))}`
);

/** A told point may be lost that was not yet with Redis when its server was killed: some 50 ms, of which a
 * busy machine makes more. */
const UNWRITTEN_MS = 1_000;

/** Where instances listen once they are installed, and where they do here. */
const here = (text, folder) => text.replaceAll("/run/roshambo-", `${folder}/`).replaceAll("/roshambo.sock", ".sock");

/** What the site says is to be added for one more: an upstream, a line of the map, and a backup for all. */
function added(text, letter) {
  const server = `server unix:/run/roshambo-${letter}/roshambo.sock max_fails=0`;
  const others = [...text.matchAll(/^upstream roshambo_([a-z]) /gm)].map(([, other]) => other);
  const backups = others.map((other) => `server unix:/run/roshambo-${other}/roshambo.sock max_fails=0 backup;`);
  return text.replace("default roshambo_a;", `default roshambo_a; ${letter} roshambo_${letter};`)
    .replaceAll(/^(upstream roshambo_[a-z] \{[^}]*)\}/gm, `$1${server} backup; }`)
    .replace("limit_conn_zone", `upstream roshambo_${letter} { ${server}; ${backups.join(" ")} }\nlimit_conn_zone`);
}

/** The site for several instances, their sockets in one folder. */
class Site extends Nginx {
  configure({ folder, letters }) {
    const file = (name) => this.file(name);
    const shipped = letters.slice(2).reduce(added, readFileSync(SITE, "utf8"));
    const text = here(shipped, folder);
    writeFileSync(file("site.conf"), this.site(text, [
      // All players of a test come from one address.
      ["limit_conn roshambo_players 600;", ""],
      ["limit_req  zone=roshambo_requests burst=600 nodelay;", ""],
    ]));
    // The same without TLS, for who does not believe this certificate.
    return this.around(`
      include ${file("site.conf")};
      server {
        listen 127.0.0.2:${this.plainPort};
        location / {
          proxy_pass http://$roshambo_instance;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $roshambo_connection;
        }
      }`, 8192);
  }
}

/** HAProxy's, as it is shipped. */
export class Several extends HAProxy {
  configure({ folder }, readTimeout, edit) {
    const text = here(shipped("haproxy-instances.cfg"), folder);
    return this.around(text, readTimeout, edit, [
      ["    user haproxy\n    # The sockets below lie outside of a chroot.\n    group www-data\n", ""],
    ]);
  }
}

/** A Redis that writes to its disk, and what can happen to one. */
class Redis {
  constructor(folder) {
    this.folder = folder;
    this.socket = join(folder, "redis.sock");
  }

  async start() {
    this.child = spawn("redis-server", [
      "--port", "0", "--unixsocket", this.socket, "--dir", this.folder, "--save", "",
      "--appendonly", "yes", "--maxmemory-policy", "noeviction",
    ], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    this.child.stdout.on("data", (text) => {
      said += text;
    });
    await until(() => /[Rr]eady to accept/.test(said), "Redis is ready");
  }

  /** It lives, takes what it is sent, and answers nothing. */
  freeze() {
    this.child.kill("SIGSTOP");
  }

  thaw() {
    this.child.kill("SIGCONT");
  }

  async kill() {
    const ended = once(this.child, "close");
    this.child.kill("SIGKILL");
    await within(ended, "the end of Redis");
  }

  async ask(...command) {
    const { stdout } = await promisify(execFile)("redis-cli", ["-s", this.socket, ...command]);
    return stdout.trim();
  }

  async flush() {
    same(await this.ask("flushall"), "OK", "Redis is emptied");
  }
}

export class Cluster {
  /** By letter. */
  servers = {};
  /** Of whom, and when. */
  kills = [];

  /** Players of a `crowd` come without TLS: the handshakes of a thousand would be all that is seen. */
  static async start(scene, flags = [], { letters = ["a", "b"], Kind = Site, crowd = false } = {}) {
    const cluster = new Cluster();
    cluster.crowd = crowd;
    cluster.scene = scene;
    cluster.flags = flags;
    cluster.folder = scene.directory();
    cluster.redis = scene.keep(new Redis(cluster.folder), (redis) => redis.child.kill("SIGKILL"));
    await cluster.redis.start();
    for (const letter of letters) await cluster.serve(letter);
    cluster.front = await scene.front(Kind, { folder: cluster.folder, letters });
    return cluster;
  }

  command(letter) {
    return ["--instance", letter, "--store", `redis+unix://${this.redis.socket}`,
      "--game-time", "1s", "--robot-after", "200ms", "--drain-spread", "500ms", "--linger", "500ms",
      "--max-per-address", "0", ...this.flags];
  }

  async serve(letter) {
    const file = (name) => join(this.folder, name);
    const server = await Server.start(...this.command(letter), "--listen", `unix:${file(`${letter}.sock`)}`,
      "--admin", `unix:${file(`${letter}.admin`)}`);
    this.scene.keep(server, () => server.kill());
    this.servers[letter] = server;
    return server;
  }

  /** What an instance's status page says. */
  async status(letter) {
    const socketPath = join(this.folder, `${letter}.admin`);
    const [response] = await once(http.get({ socketPath, path: "/statusz", agent: false }), "response");
    let text = "";
    for await (const part of response) text += part;
    return JSON.parse(text);
  }

  /** Ends one at once, whatever it does. */
  async kill(letter) {
    this.kills.push({ letter, at: Date.now() });
    this.servers[letter].kill();
    await within(this.servers[letter].ended, "its end");
  }

  async gather(letter) {
    const pid = String(this.servers[letter].child.pid);
    const { stdout } = await promisify(execFile)(process.env.ROSHAMBO_BIN, ["gather", pid]);
    return stdout.trim();
  }

  /** What `roshambo probe` says of them, through nginx. */
  async probe() {
    const url = `ws://127.0.0.2:${this.front.plainPort}`;
    const args = ["probe", url, "--idle", "0", "--slow", "1m", "--instances", "a,b"];
    const asked = promisify(execFile)(process.env.ROSHAMBO_BIN, args);
    return (await asked.catch((failed) => failed)).stdout;
  }

  /** Waits until an instance's status is so. */
  reaches(letter, what, isSo) {
    const look = async () => {
      while (!isSo(await this.status(letter))) await sleep(20);
    };
    return within(look(), `${letter}: ${what}`);
  }

  /** Waits until the stores of all instances are so. */
  async stores(what, isSo) {
    for (const letter of Object.keys(this.servers)) await this.reaches(letter, what, ({ store }) => isSo(store));
  }

  /** Waits until all that was told is written. */
  settled() {
    return this.stores("all is written", ({ owed }) => !owed);
  }

  socket(query) {
    if (this.crowd) return new WebSocket(`ws://127.0.0.2:${this.front.plainPort}${BASE}${query}`);
    return new WebSocket(`wss://127.0.0.1:${this.front.port}${BASE}${query}`, { ca: this.front.tls.ca });
  }

  /** What Redis has of a token's session (systemd/redis.md). */
  async kept(token) {
    const hash = createHash("sha256").update(token).digest("hex");
    return Number(await this.redis.ask("hget", `roshambo:session:${hash}`, "points"));
  }

  /** What a token's session has, by whoever is asked. */
  async total(token) {
    const socket = this.socket("");
    await within(once(socket, "open"), "a socket");
    socket.send(JSON.stringify(["hello", { user: {}, v: 2, session: token }]));
    const [text] = await within(once(socket, "message"), "a hi");
    const [name, { totalScore, resumed, pending }] = JSON.parse(text);
    check(name === "hi" && !pending, `it is told ${text}`);
    const closed = once(socket, "close");
    socket.close();
    await closed;
    return resumed ? totalScore : 0;
  }
}

/** Somebody at the page, who plays as fast as it lets him. */
export class Player {
  /** Where its connections went, by what it asked for. */
  queries = [];
  notes = [];
  plays = true;
  /** How many results it has seen. */
  rounds = 0;
  told = { total: 0, at: [] };

  constructor(cluster, name, { token = "", room } = {}) {
    this.cluster = cluster;
    this.name = name;
    this.token = token;
    const env = {
      connect: (handlers, query) => this.#connect(handlers, query),
      now: () => performance.now(),
      setTimer: (run, ms) => setTimeout(run, ms),
      clearTimer: (id) => clearTimeout(id),
      random: Math.random,
      profile: () => ({ uname: name, uavatar: "" }),
      token,
      keepToken: (kept) => {
        [this.token] = kept.split(" ");
      },
      changed: (_, event) => this.#changed(event.name),
    };
    this.game = createSession(env);
    this.state = this.game.state;
    if (room) this.game.play({ room, ready: false });
    this.game.open();
  }

  /** What it was told that cannot be lost any more. What a killed server had sent may be read after its
   * death: it counts by whose connection it came on. */
  sure() {
    const spared = ({ at, by }) => this.cluster.kills.some((kill) =>
      kill.letter === by.letter && by.since < kill.at && kill.at - UNWRITTEN_MS < at);
    const lost = this.told.at.filter(spared).reduce((sum, { points }) => sum + points, 0);
    return this.told.total - lost;
  }

  #connect(handlers, query) {
    this.queries.push(query);
    const socket = this.cluster.socket(query);
    const connection = { since: Infinity, letter: "" };
    let over = false;
    const closed = () => {
      if (!over) handlers.closed();
      over = true;
    };
    socket.on("open", handlers.opened);
    socket.on("message", (data) => {
      const text = String(data);
      const letter = /^\["hi",.*"instance":"(.)"/.exec(text)?.[1];
      if (letter) Object.assign(connection, { letter, since: Math.min(connection.since, Date.now()) });
      this.by = connection;
      handlers.received(text);
    });
    socket.on("error", closed);
    socket.on("close", closed);
    return {
      send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
      close: () => socket.terminate(),
    };
  }

  #changed(name) {
    const { state, told } = this;
    const { totalScore, roundScore } = state.me;
    if (state.note && state.note !== this.notes.at(-1)) this.notes.push(state.note);
    if (name === "result") {
      this.rounds += 1;
      told.total = totalScore;
      if (0 < roundScore) told.at.push({ at: Date.now(), points: roundScore, by: this.by });
    } else if (name === "pong" && state.link === "online" && totalScore !== told.total) {
      // Less than it was told before is less by what nobody could keep.
      if (totalScore < this.sure()) this.notes.push(`${told.total} points became ${totalScore}`);
      told.total = totalScore;
      told.at = [];
    }
    if (name === "start") setTimeout(() => this.game.choose(1 + Math.floor(Math.random() * 3)), Math.random() * 500);
    if (!this.plays || state.link !== "online") return;
    const idle = state.phase === "free" || (state.phase === "between" && !state.again);
    if (idle && name !== "act") setTimeout(() => this.#again(), 200);
  }

  /** Asks for a round, if it has nothing to do. */
  hear() {
    this.#again();
  }

  #again() {
    const { link, phase, again } = this.state;
    const idle = phase === "free" || (phase === "between" && !again);
    if (this.plays && link === "online" && idle) this.game.play();
  }

  is(link, phase) {
    return this.state.link === link && (!phase || this.state.phase === phase);
  }

  /** How it stands, for whoever waited for it in vain. */
  toString() {
    const { link, reason, phase, again, code, note, other } = this.state;
    const { name, queries, rounds } = this;
    return JSON.stringify({ name, link, reason, phase, again, code, note, other, rounds, queries: queries.slice(-5) });
  }

  /** Plays no more, and ends the round that runs. */
  async rest() {
    this.plays = false;
    await until(() => this.is("online") && this.state.phase !== "playing", `${this.name} has finished`);
  }
}

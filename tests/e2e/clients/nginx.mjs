// Through nginx, with the site file that is shipped: `node nginx.mjs`.
//
// It needs what run.mjs needs, and nginx and openssl. It prints a line for every check, and ends
// with code 1 if one fails.

import https from "node:https";
import http from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { play } from "./lib/games.mjs";
import { Nginx } from "./lib/nginx.mjs";
import { MiniProgram, Plain, PlainV2 } from "./lib/raw.mjs";
import { Official } from "./lib/official.mjs";
import { Python } from "./lib/python.mjs";
import { Server } from "./lib/server.mjs";
import { check, pool, same, sleep, until } from "./lib/util.mjs";
import { Wire } from "./lib/wire.mjs";

/** Things to be closed after a check, the last one first. */
class Scene {
  #closers = [];

  keep(thing, close) {
    this.#closers.unshift(() => close(thing));
    return thing;
  }

  async serve(...flags) {
    const server = await Server.start("--game-time", "1s", "--linger", "500ms", ...flags);
    return this.keep(server, (server) => server.kill());
  }

  async front(upstream, options) {
    return this.keep(await Nginx.start(upstream, options), (nginx) => nginx.close());
  }

  /** A client that goes through nginx, and has said hello. */
  async greeted(client, nginx) {
    this.keep(client, (client) => client.destroy());
    client.wire = await Wire.to(nginx.port);
    client.wire.tls = nginx.tls;
    await client.connect(client.wire);
    await this.greet(client);
    return client;
  }

  async greet(client) {
    client.hello();
    for (;;) {
      const event = await client.inbox.next("hi");
      if (event.name === "hi") return event.payload;
    }
  }

  directory() {
    const path = mkdtempSync(join(tmpdir(), "roshambo-e2e-"));
    return this.keep(path, () => rmSync(path, { recursive: true, force: true }));
  }

  async close() {
    for (const closer of this.#closers) await closer();
  }
}

/** The answer to a plain request. */
function get(lib, options) {
  return new Promise((resolve, reject) => {
    const request = lib.get({ host: "127.0.0.1", agent: false, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode, body, fields: response.headers }));
    });
    request.once("error", reject);
  });
}

const tcp = (server) => `127.0.0.1:${server.port}`;

/** Where servers listen one after the other, and nginx asks: both ways there are. */
const OVER = {
  tcp: async () => ({ flags: (last) => (last ? ["--listen", tcp(last)] : []), upstream: tcp }),
  "unix socket": async (scene) => {
    const path = `unix:${join(scene.directory(), "roshambo.sock")}`;
    return { flags: () => ["--listen", path], upstream: () => path };
  },
};

/** Whole games over `wss://`, as they are played without nginx. */
const game = (first, second) => async () => {
  const openFront = (server) => Nginx.start(tcp(server));
  const { failure } = await play(first, second, { openFront });
  if (failure) throw failure;
};

/** The same over a unix socket. */
const gameOverUnix = (first, second) => async (scene) => {
  const { flags, upstream } = await OVER["unix socket"](scene);
  const options = { flags: flags(), openFront: (server) => Nginx.start(upstream(server)) };
  const { failure } = await play(first, second, options);
  if (failure) throw failure;
};

/** The page and the health checks; the plain port leads to the other one. */
async function pages(scene) {
  const server = await scene.serve();
  const nginx = await scene.front(tcp(server));
  const ask = (path) => get(https, { port: nginx.port, path, ...nginx.tls });
  const page = await ask("/");
  check(page.status === 200 && page.body.includes("<html"), `the page: ${page.status}`);
  same((await ask("/applet/websocket/readyz")).status, 200, "readyz");
  same((await ask("/nothing")).status, 404, "nothing");
  const polled = await ask("/applet/websocket/socket.io/?EIO=4&transport=polling");
  check(polled.status === 400 && polled.body.includes("hint"), "the hint comes through");
  const moved = await get(http, { port: nginx.plainPort, path: "/a?b", headers: { Host: "e.org" } });
  same([moved.status, moved.fields.location], [301, "https://e.org/a?b"], "to https");
  await server.stop();
}

/** The address that nginx tells is believed, and what the client claims is not. */
const addresses = (over) => async (scene) => {
  const { flags, upstream } = await OVER[over](scene);
  const limits = ["--trusted-proxy", "127.0.0.1", "--max-per-address", "2"];
  const server = await scene.serve(...limits, ...flags());
  const nginx = await scene.front(upstream(server));
  const open = async (localAddress, claim) => {
    const client = scene.keep(new Plain("ann"), (client) => client.destroy());
    client.options = { localAddress, headers: { "X-Forwarded-For": claim } };
    await client.connect({ port: nginx.port, tls: nginx.tls });
    return client;
  };
  const ann = await open("127.0.0.5", "203.0.113.7");
  await open("127.0.0.5", "203.0.113.8");
  const refused = await open("127.0.0.5", "203.0.113.9").then(() => "accepted", (error) => error);
  check(refused !== "accepted", "the third connection of one address");
  await open("127.0.0.6", "127.0.0.5");
  ann.disconnect();
  await server.line(/ #1 127\.0\.0\.5 plain /);
  await open("127.0.0.5", "203.0.113.9");
  same(server.count(/203\.0\.113/), 0, "claimed addresses in the log");
  same(server.count(/127\.0\.0\.5 has 2 connections/), 1, "an operator is told");
  await server.stop();
};

/** Idle for much longer than proxy_read_timeout: the server's pings keep all dialects open. */
const idle = (over) => async (scene) => {
  const [near, far] = [await OVER[over](scene), await OVER[over](scene)];
  const server = await scene.serve("--ping-interval", "1s", "--ping-timeout", "20s", ...near.flags());
  const nginx = await scene.front(near.upstream(server), { readTimeout: "3s" });
  const clients = [
    new MiniProgram("mini"), new Plain("ws"), new PlainV2("v2"), new Official("sio-2", 2),
    new Official("sio-4", 4), new Python("py-sio", "socketio"), new Python("py-ws", "websockets"),
  ];
  for (const client of clients) await scene.greeted(client, nginx);
  // The time-out is real: without pings nginx hangs up.
  const quiet = await scene.serve("--ping-interval", "60s", "--ping-timeout", "60s", ...far.flags());
  const hasty = await scene.front(far.upstream(quiet), { readTimeout: "3s" });
  await scene.greeted(new Plain("quiet"), hasty);
  await quiet.line(/rounds: lost$/);
  await sleep(7_000);
  for (const client of clients) {
    same([client.notes, client.wire.connections], [[], 1], client.name);
    await scene.greet(client);
  }
  await server.stop();
};

/** The server is stopped and started again behind nginx: clients come back, scores survive. */
const restart = (over) => async (scene) => {
  const { flags: listen, upstream } = await OVER[over](scene);
  const state = join(scene.directory(), "state.json");
  const flags = ["--state", state, "--drain-spread", "200ms"];
  const server = await scene.serve(...flags, ...listen());
  const nginx = await scene.front(upstream(server));
  const ready = () => get(https, { port: nginx.port, path: "/readyz", ...nginx.tls });
  const v2 = new PlainV2("v2");
  const others = [1, 2, 3, 4].map((major) => new Official(`sio-${major}`, major));
  others.push(new Python("py-sio", "socketio"));
  for (const client of [v2, ...others]) await scene.greeted(client, nginx);
  same((await ready()).status, 200, "before");
  await server.stop();
  same(server.count(/closed 1012/), 6, "everybody is told");
  same((await ready()).status, 502, "while there is no server");
  const next = await scene.serve(...flags, ...listen(server));
  for (const client of [v2, ...others]) {
    await until(() => 2 <= client.connects, `${client.name} is back`);
  }
  const hi = (await v2.inbox.next("bye"), await v2.inbox.next("hi")).payload;
  same(hi.resumed, true, "the session came through the restart");
  for (const client of others) await scene.greet(client);
  same((await ready()).status, 200, "after");
  await next.stop();
};

const CHECKS = {
  "game: sio-4.8 and mini, wss": game("sio-4.8", "mini"),
  "game: sio-1.7 and v2, wss": game("sio-1.7", "v2"),
  "game: sio-2.5 and ws, wss": game("sio-2.5", "ws"),
  "game: sio-3.1 and sio-4.8, wss": game("sio-3.1", "sio-4.8"),
  "game: py-sio and py-ws, wss": game("py-sio", "py-ws"),
  "game: sio-4.8 and mini, wss, unix socket": gameOverUnix("sio-4.8", "mini"),
  "game: sio-1.7 and py-sio, wss, unix socket": gameOverUnix("sio-1.7", "py-sio"),
  "page, health, hint, redirect": pages,
  "real addresses, forged ones, the limit, tcp": addresses("tcp"),
  "the same, unix socket": addresses("unix socket"),
  "idle beyond proxy_read_timeout, tcp": idle("tcp"),
  "idle beyond proxy_read_timeout, unix socket": idle("unix socket"),
  "restart behind nginx, tcp": restart("tcp"),
  "restart behind nginx, unix socket": restart("unix socket"),
};

if (!process.env.ROSHAMBO_BIN) throw new Error("ROSHAMBO_BIN has to name the server's binary");
const results = new Map();
await pool(4, Object.entries(CHECKS).map(([name, run]) => async () => {
  const scene = new Scene();
  try {
    await run(scene);
    results.set(name, "ok");
  } catch (error) {
    results.set(name, `FAILED: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await scene.close();
  }
}));
console.log("\nThrough nginx with systemd/nginx/roshambo.conf\n");
for (const name of Object.keys(CHECKS)) console.log(`${name.padEnd(44)}  ${results.get(name)}`);
Wire.closeAll();
process.exit();

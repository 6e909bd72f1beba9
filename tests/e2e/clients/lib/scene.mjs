// What a check through a proxy is made of: servers, proxies and clients that end with it.

import http from "node:http";
import https from "node:https";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Server } from "./server.mjs";
import { pool } from "./util.mjs";
import { Wire } from "./wire.mjs";

/** Things to be closed after a check, the last one first. */
export class Scene {
  #closers = [];

  keep(thing, close) {
    this.#closers.unshift(() => close(thing));
    return thing;
  }

  async serve(...flags) {
    // Hundreds of sockets that say nothing are a crowd here, however long a busy machine takes.
    const patient = ["--hello-timeout", "10m"];
    const server = await Server.start("--game-time", "1s", "--linger", "500ms", ...patient, ...flags);
    return this.keep(server, (server) => server.kill());
  }

  async front(Kind, upstream, options) {
    return this.keep(await Kind.start(upstream, options), (front) => front.close());
  }

  /** A client that goes through a proxy, and has said hello. */
  async greeted(client, front) {
    this.keep(client, (client) => client.destroy());
    client.wire = await Wire.to(front.port);
    client.wire.tls = front.tls;
    await client.connect(client.wire);
    await this.greet(client);
    return client;
  }

  async greet(client) {
    client.hello();
    for (;;) {
      const event = await client.inbox.next("hi").catch(({ message }) => {
        const { name, connects, notes, wire, inbox } = client;
        throw new Error(`${name} ${message}: ${JSON.stringify({ connects, lines: wire?.connections, notes, came: inbox.came })}`);
      });
      if (event.name === "hi") return event.payload;
    }
  }

  directory() {
    const path = mkdtempSync(join(tmpdir(), "roshambo-e2e-"));
    chmodSync(path, 0o755);
    return this.keep(path, () => rmSync(path, { recursive: true, force: true }));
  }

  async close() {
    for (const closer of this.#closers) await closer();
  }
}

/** The answer to a plain request; `upgraded` if it became a WebSocket, which is closed at once. */
function ask(lib, options) {
  return new Promise((resolve, reject) => {
    const request = lib.get({ host: "127.0.0.1", agent: false, ...options }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => {
        const bytes = Buffer.concat(parts);
        const { statusCode: status, headers: fields } = response;
        resolve({ status, bytes, body: bytes.toString(), fields });
      });
    });
    request.once("upgrade", ({ headers: fields }, socket) => {
      socket.destroy();
      resolve({ status: 101, upgraded: true, body: "", fields });
    });
    request.once("error", reject);
  });
}

/** What a proxy answers over TLS. */
export const get = (front, path, options) => ask(https, { port: front.port, path, ...front.tls, ...options });

/** What it answers on the port without TLS. */
export const getPlain = (front, path, headers) => ask(http, { port: front.plainPort, path, headers });

/** The fields of an opening handshake. */
export const UPGRADE = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

export const tcp = (server) => `127.0.0.1:${server.port}`;

/** Where servers listen one after the other, and a proxy asks: both ways there are. */
export const OVER = {
  tcp: async () => ({ flags: (last) => (last ? ["--listen", tcp(last)] : []), upstream: tcp }),
  "unix socket": async (scene) => {
    const path = `unix:${join(scene.directory(), "roshambo.sock")}`;
    return { flags: () => ["--listen", path], upstream: () => path };
  },
};

/** Runs checks by name, a few at a time, each with a scene of its own, and prints what came of them. */
export async function run(title, checks) {
  if (!process.env.ROSHAMBO_BIN) throw new Error("ROSHAMBO_BIN has to name the server's binary");
  const results = new Map();
  await pool(4, Object.entries(checks).map(([name, check]) => async () => {
    const scene = new Scene();
    try {
      await check(scene);
      results.set(name, "ok");
    } catch (error) {
      results.set(name, `FAILED: ${error.message}`);
      process.exitCode = 1;
    } finally {
      await scene.close();
    }
  }));
  console.log(`\n${title}\n`);
  for (const name of Object.keys(checks)) console.log(`${name.padEnd(52)}  ${results.get(name)}`);
  Wire.closeAll();
  process.exit();
}

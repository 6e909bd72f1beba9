// A TCP relay between one client and the server: it counts connections and can tear them.

import net from "node:net";
import { once } from "node:events";

import { sleep } from "./util.mjs";

/** How much of what came is kept: heads, answers, and all of a short conversation. */
const KEPT_BYTES = 8_192;

const open = new Set();

export class Wire {
  /** How many connections the client has made. */
  connections = 0;
  /** Of each connection: the bytes that came from the server, as Latin-1. */
  received = [];
  /** Bytes from the server after which the rest comes half a second later, as on a slow network. */
  pauseAfter = undefined;
  #pairs = new Set();

  /** Opens a relay to `target`: a port on the loopback, which may be changed later. */
  static async to(target) {
    const wire = new Wire();
    wire.target = target;
    wire.listener = net.createServer((client) => wire.#relay(client));
    wire.listener.listen(0, "127.0.0.1");
    await once(wire.listener, "listening");
    wire.port = wire.listener.address().port;
    open.add(wire);
    return wire;
  }

  #relay(client) {
    const number = this.connections++;
    const server = net.connect({ port: this.target, host: "127.0.0.1" });
    const pair = { client, server };
    this.#pairs.add(pair);
    this.received[number] = "";
    server.on("data", (bytes) => {
      if (this.received[number].length < KEPT_BYTES) {
        this.received[number] += bytes.toString("latin1");
      }
    });
    client.pipe(server);
    // Runs what is to be done for the client, after everything that was put off.
    let later = (what) => what();
    if (this.pauseAfter) later = this.#relaySlowly(server, client);
    else server.pipe(client);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      from.on("error", () => later(() => to.destroy()));
      from.on("close", () => {
        later(() => to.destroySoon());
        this.#pairs.delete(pair);
      });
    }
  }

  #relaySlowly(server, client) {
    let earlier = Promise.resolve();
    const later = (what) => (earlier = earlier.then(what));
    server.on("data", (bytes) => later(async () => {
      const start = bytes.indexOf(this.pauseAfter, "latin1");
      const end = start < 0 ? bytes.length : start + this.pauseAfter.length;
      client.write(bytes.subarray(0, end));
      if (start < 0) return;
      await sleep(500);
      client.write(bytes.subarray(end));
    }));
    server.on("end", () => later(() => client.end()));
    return later;
  }

  /** Tears all connections in both directions without a word, as a tunnel does to a train. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  close() {
    open.delete(this);
    this.listener.close();
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  static closeAll() {
    open.forEach((wire) => wire.close());
  }
}

// A TCP relay between one client and the server: it counts connections and can tear them.

import net from "node:net";
import { once } from "node:events";

/** How much of each direction is kept: a request head, an answer. */
const KEPT_BYTES = 8_192;

const open = new Set();

export class Wire {
  /** How many connections the client has made. */
  connections = 0;
  /** Of each connection: what went to the server, and what came back. */
  sent = [];
  received = [];
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
    this.sent[number] = "";
    this.received[number] = "";
    const keep = (kept, bytes) => {
      if (kept[number].length < KEPT_BYTES) kept[number] += bytes.toString("latin1");
    };
    client.on("data", (bytes) => keep(this.sent, bytes));
    server.on("data", (bytes) => keep(this.received, bytes));
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroySoon();
        this.#pairs.delete(pair);
      });
    }
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

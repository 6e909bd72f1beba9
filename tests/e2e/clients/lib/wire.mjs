// A TCP relay between one client and the server: it counts connections and can tear them.

import net from "node:net";
import { once } from "node:events";

import { check } from "./util.mjs";

/** How much of what came is kept: heads, answers, and all of a conversation. */
const KEPT_BYTES = 256 * 1024;

/**
 * Who has said its last is heard on: a relay that closed both sides then would reset a client that is still
 * sending, and the reset would overtake the goodbye that the server waits to see read.
 */
const HALF_OPEN = { allowHalfOpen: true };

const open = new Set();

export class Wire {
  /** How many connections the client has made. */
  connections = 0;
  /** Of each connection: the bytes that came from the server, as Latin-1. */
  received = [];
  /** Nothing but the request of a new connection reaches the server. */
  mute = false;
  #pairs = new Set();

  /** Opens a relay to `target`: a port on the loopback, which may be changed later. */
  static async to(target) {
    const wire = new Wire();
    wire.target = target;
    wire.listener = net.createServer(HALF_OPEN, (client) => wire.#relay(client));
    wire.listener.listen(0, "127.0.0.1");
    await once(wire.listener, "listening");
    wire.port = wire.listener.address().port;
    open.add(wire);
    return wire;
  }

  #relay(client) {
    const number = this.connections++;
    const server = net.connect({ ...HALF_OPEN, port: this.target, host: "127.0.0.1" });
    const pair = { client, server };
    this.#pairs.add(pair);
    this.received[number] = "";
    server.on("data", (bytes) => {
      if (this.received[number].length < KEPT_BYTES) {
        this.received[number] += bytes.toString("latin1");
      }
    });
    server.pipe(client);
    if (this.mute) this.#relayHead(client, server);
    else client.pipe(server);
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true);
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroySoon();
        this.#pairs.delete(pair);
      });
    }
  }

  #relayHead(client, server) {
    let head = "";
    client.on("data", (bytes) => {
      if (head.includes("\r\n\r\n")) return;
      head += bytes.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (0 <= end) server.write(head.slice(0, end + 4), "latin1");
    });
  }

  /** From now on the server hears nothing of those who are connected; they still hear it. */
  hush() {
    for (const { client, server } of this.#pairs) {
      client.unpipe(server);
      client.resume();
    }
  }

  /**
   * What the server said on a connection: its texts, and the code of its close frame if it came, 1005
   * for one without a code (RFC 6455, section 7.1.5).
   */
  said(number) {
    const bytes = Buffer.from(this.received[number], "latin1");
    check(bytes.length < KEPT_BYTES, "a conversation that is too long to be kept");
    const said = { texts: [], code: undefined };
    let at = bytes.indexOf("\r\n\r\n") + 4;
    if (!bytes.toString("latin1", 0, at).startsWith("HTTP/1.1 101 ")) return said;
    // A server's frames are not masked, and ours are never in fragments nor longer than 64 KiB.
    while (at + 2 <= bytes.length) {
      const first = bytes[at];
      const short = bytes[at + 1];
      check(short <= 126 && [0x81, 0x88, 0x89, 0x8a].includes(first), `a frame ${first} ${short}`);
      const start = at + (short === 126 ? 4 : 2);
      const end = start + (short === 126 && start <= bytes.length ? bytes.readUInt16BE(at + 2) : short);
      if (bytes.length < end) break;
      if (first === 0x81) said.texts.push(bytes.toString("utf8", start, end));
      if (first === 0x88) said.code = start < end ? bytes.readUInt16BE(start) : 1005;
      at = end;
    }
    return said;
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

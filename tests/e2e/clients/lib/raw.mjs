// Clients that speak the wire themselves, through the `ws` package.

import WebSocket from "ws";

import { Client } from "./client.mjs";
import { sleep, within } from "./util.mjs";

export const BASE = "/applet/websocket";

/** A WebSocket that hands on its texts. */
class RawClient extends Client {
  /** Those of `ws`. */
  options = {};
  /** Every text as it came. */
  texts = [];
  path = BASE;

  /** `protocols`: the subprotocols that it asks for. */
  async connect(wire, { protocols = [] } = {}) {
    this.wire = wire;
    this.socket = new WebSocket(this.url(wire), protocols, { ...wire.tls, ...this.options });
    this.socket.on("error", (error) => this.note(`error: ${error.message}`));
    this.socket.on("message", (data, isBinary) => {
      if (isBinary) return this.note("error: binary data");
      const text = data.toString();
      this.texts.push(text);
      try {
        this.read(text);
      } catch {
        // Whoever waits for an event gets this instead, and says so.
        this.receive("(unreadable)", text);
      }
    });
    this.socket.on("close", (code) => {
      this.note(`close: ${code}`);
      this.closed(code);
    });
    const opened = new Promise((resolve, reject) => {
      this.socket.once("open", resolve);
      this.socket.once("close", (code) => {
        reject(new Error(`closed at once with ${code}: ${this.notes.join("; ")}`));
      });
    });
    await within(opened, "the WebSocket opens");
    this.subprotocol = this.socket.protocol;
    this.connects++;
  }

  /** Opens it; nothing says that it will ever be connected. */
  tryToConnect(wire) {
    this.connect(wire).catch((error) => this.note(`error: ${error.message}`));
  }

  url(wire) {
    return `${wire.tls ? "wss" : "ws"}://127.0.0.1:${wire.port}${this.path}`;
  }

  closed() {}

  sendBinary() {
    this.socket.send(Buffer.of(1, 2, 3));
  }

  disconnect() {
    this.socket.close(1000);
  }

  destroy() {
    this.stopped = true;
    this.socket?.terminate();
  }
}

/** The plain dialect, first generation: what somebody types into a console. */
export class Plain extends RawClient {
  read(text) {
    const [name, payload] = JSON.parse(text);
    this.receive(name, payload);
  }

  send(name, payload) {
    this.socket.send(JSON.stringify(payload === undefined ? [name] : [name, payload]));
  }
}

/** The plain dialect, second generation: a session, and coming back as `bye` says. */
export class PlainV2 extends Plain {
  v2 = true;

  hello() {
    this.helloV2(this.session);
  }

  receive(name, payload) {
    if (name === "hi") this.session = payload.session;
    if (name === "bye") this.bye = payload;
    super.receive(name, payload);
  }

  /** A client decides by `bye`, never by the code. */
  async closed() {
    const bye = this.bye;
    this.bye = undefined;
    if (this.stopped || (bye && bye.retry_ms === undefined)) return;
    await sleep(bye?.retry_ms ?? 100);
    if (this.stopped) return;
    try {
      await this.connect(this.wire);
      this.hello();
    } catch (error) {
      this.note(`error: ${error.message}`);
    }
  }

  disconnect() {
    this.stopped = true;
    super.disconnect();
  }
}

/**
 * Behaves as the original mini program does: Socket.IO's packets written by hand, two slashes in
 * its address, never a ping, never a face, handlers for four events and no others, the current
 * choice sent at every start. Its result handler throws whenever it lost, before the line that gives
 * its button back: from then on it reacts to nothing until the next start. It does not come back by
 * itself.
 */
export class MiniProgram extends RawClient {
  path = `${BASE}/socket.io//?EIO=3&transport=websocket`;
  faces = false;
  /** What it sends at a start; its page's state. */
  choice = 1;
  playing = false;
  /** Everything it ever sent. */
  said = [];
  /** What its handlers threw. */
  thrown = [];

  #handlers = {
    hi: () => {},
    start: ({ roomUsers }) => {
      this.opponent = { ...roomUsers.find(({ uid }) => uid !== this.user.uid) };
      this.playing = true;
      this.send("choice", { choice: this.choice });
    },
    movement: ({ uid }) => {
      if (uid === this.opponent.uid) this.opponent.moved = true;
    },
    result: ({ result }) => {
      const mine = result.find(({ uid }) => uid === this.user.uid);
      const other = result.find(({ uid }) => uid !== this.user.uid);
      if (mine.roundScore < other.roundScore) throw new TypeError("lost");
      this.playing = false;
    },
  };

  /** It is connected when Socket.IO says so, not before. */
  async connect(wire) {
    const greeted = new Promise((resolve) => (this.onGreeted = resolve));
    await super.connect(wire);
    await within(greeted, "the packet 40");
  }

  read(text) {
    if (text === "40") return this.onGreeted();
    if (!text.startsWith("42")) return;
    const [name, payload] = JSON.parse(text.slice(2));
    try {
      this.#handlers[name]?.(payload);
    } catch (error) {
      this.thrown.push(error.message);
    }
    // For whoever watches it: the program itself knows nothing of what it has no handler for.
    this.receive(name, payload);
  }

  send(name, payload) {
    const text = `42${JSON.stringify(payload === undefined ? [name] : [name, payload])}`;
    this.said.push(text);
    this.socket.send(text);
  }

  /** A tap on its button, which does nothing during a round and after a loss. */
  join() {
    if (!this.playing) super.join();
  }

  /** It chose at the start, by itself. */
  choose() {}

  face() {}
}

/** Never answers a ping of any kind: what the limits are for. */
export class Mute extends RawClient {
  constructor(dialect) {
    super(`mute-${dialect}`);
    if (dialect !== "plain") {
      this.path = `${BASE}/socket.io/?EIO=${dialect.at(-1)}&transport=websocket`;
    }
    this.dialect = dialect;
    this.ended = new Promise((resolve) => (this.closed = resolve));
  }

  options = { autoPong: false };

  read() {}

  async connect(wire) {
    await super.connect(wire);
    // One packet, so that it is known for its silence and not for having said nothing.
    const word = { plain: '["leave"]', eio3: '42["leave"]', eio4: "40" }[this.dialect];
    this.socket.send(word);
  }
}

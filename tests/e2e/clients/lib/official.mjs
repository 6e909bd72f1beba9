// The official Socket.IO clients, untouched, with the options that the README tells people to use.

import { readFileSync } from "node:fs";
import vm from "node:vm";
import io1 from "socket.io-client-1";
import io2 from "socket.io-client-2";
import { io as io3 } from "socket.io-client-3";
import { io as io4 } from "socket.io-client-4";
import WebSocket from "ws";

import { Client } from "./client.mjs";
import { within } from "./util.mjs";

/**
 * 1.0 as its package has it for browsers, in a world like theirs: for Node it needs a `ws` that no Node of today
 * can build, and packages that npm would fetch from GitHub (package.json puts others in their place).
 */
function forBrowsers(name) {
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval };
  const world = vm.createContext({ WebSocket, ...timers, navigator: { userAgent: "" }, location: {} });
  world.window = world;
  const file = new URL(`../node_modules/${name}/socket.io.js`, import.meta.url);
  vm.runInContext(readFileSync(file, "utf8"), world);
  return world.io;
}

const LIBRARIES = { "1.0": forBrowsers("socket.io-client-1.0"), 1: io1, 2: io2, 3: io3, 4: io4 };

/** All events there are; 1.x and 2.x keep the name `pong` for themselves. */
const EVENTS = ["hi", "start", "movement", "leave", "result", "room", "problem", "bye"];

export class Official extends Client {
  constructor(name, major) {
    super(name);
    this.major = major;
  }

  /** Opens it; nothing says that it will ever be connected. */
  tryToConnect(wire) {
    this.begin(wire, { transports: ["websocket"] });
  }

  /** Opens it; resolves at its `connect`. `options` are added to those of the README. */
  async connect(wire, options) {
    this.begin(wire, { transports: ["websocket"], ...options });
    await within(new Promise((resolve) => this.socket.once("connect", resolve)), "connect");
  }

  begin(wire, options) {
    this.socket = LIBRARIES[this.major](`${wire.tls ? "https" : "http"}://127.0.0.1:${wire.port}`, {
      // Behind TLS: the certificate to trust. 1.x and 2.x take null for the system's.
      ca: wire.tls?.ca ?? null,
      path: "/applet/websocket/socket.io",
      forceNew: true,
      // It comes back quickly, so that a test sees soon whether it does.
      reconnectionDelay: 100,
      reconnectionDelayMax: 100,
      randomizationFactor: 0,
      ...options,
    });
    this.socket.on("connect", () => this.connects++);
    this.socket.on("disconnect", (reason) => this.note(`disconnect: ${reason}`));
    for (const name of EVENTS) this.socket.on(name, (payload) => this.receive(name, payload));
  }

  /** What it says about a connection that cannot be made, and how often it tried. */
  async failure(wire) {
    this.begin(wire, { reconnectionAttempts: 2 });
    // Read at once: the request is emptied when the next one is made.
    const failed = new Promise((resolve) => {
      this.socket.once("connect_error", (error) => resolve(error.context?.responseText));
    });
    // 1.x and 2.x say that they give up on the socket, 3.x and 4.x on its manager.
    const gaveUp = new Promise((resolve) => {
      this.socket.once("reconnect_failed", resolve);
      this.socket.io.once("reconnect_failed", resolve);
    });
    const body = await within(failed, "connect_error");
    await within(gaveUp, "reconnect_failed");
    return { body, attempts: 3 };
  }

  send(name, payload) {
    if (payload === undefined) this.socket.emit(name);
    else this.socket.emit(name, payload);
  }

  /** Its library makes Socket.IO's binary event of it. */
  sendBinary() {
    this.socket.emit("face", Buffer.of(1, 2, 3));
  }

  ask(name, payload) {
    const answer = new Promise((resolve) => {
      this.socket.emit(name, ...(payload === undefined ? [] : [payload]), resolve);
    });
    return within(answer, `an answer to ${name}`);
  }

  /** What is said to somebody who asks for another namespace on the same connection. */
  async refusedNamespace(namespace) {
    const other = this.socket.io.socket(namespace);
    const refused = new Promise((resolve) => {
      if (this.major < 3) other.once("error", resolve);
      else other.once("connect_error", (error) => resolve(error.message));
      if (!other.connected) other.open?.();
    });
    return within(refused, "the namespace is refused");
  }

  disconnect() {
    this.socket.disconnect();
  }

  destroy() {
    this.socket?.io.reconnection(false);
    this.socket?.disconnect();
  }
}

// Clients written in Python: a process each, told what to do line by line (driver.py).

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Client } from "./client.mjs";
import { BASE } from "./raw.mjs";
import { within } from "./util.mjs";

const DRIVER = fileURLToPath(new URL("../driver.py", import.meta.url));
const PYTHON = fileURLToPath(new URL("../.venv/bin/python", import.meta.url));

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

export class Python extends Client {
  #asked = 0;
  #answers = new Map();

  constructor(name, library) {
    super(name);
    this.library = library;
  }

  #start(wire) {
    // Behind TLS: the certificate to trust, told in OpenSSL's own way.
    const trust = wire.tls ? { SSL_CERT_FILE: wire.tls.file } : {};
    const env = { ...process.env, ...trust };
    this.child = spawn(PYTHON, [DRIVER, this.library], { stdio: ["pipe", "pipe", "inherit"], env });
    running.add(this.child);
    this.child.once("close", () => running.delete(this.child));
    // A driver that is gone already has nothing to be told.
    this.child.stdin.on("error", () => {});
    createInterface({ input: this.child.stdout }).on("line", (line) => this.#read(JSON.parse(line)));
  }

  #read(message) {
    if ("event" in message) return this.receive(message.event, message.payload ?? undefined);
    if ("ack" in message) return this.#answers.get(message.ack)(message.payload);
    if ("refused" in message) return this.onRefused?.(message.refused);
    if ("connected" in message) {
      this.connects++;
      this.subprotocol = message.subprotocol;
      return this.onConnected?.();
    }
    if ("failed" in message) return this.onFailed?.(message);
    this.note(message.note);
  }

  #tell(command) {
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  async connect(wire, options = {}) {
    this.#start(wire);
    const connected = new Promise((resolve, reject) => {
      this.onConnected = resolve;
      this.onFailed = (failure) => reject(new Error(failure.failed));
    });
    const scheme = (this.library === "websockets" ? "ws" : "http") + (wire.tls ? "s" : "");
    const path = this.library === "websockets" ? BASE : "";
    this.#tell({ do: "connect", url: `${scheme}://127.0.0.1:${wire.port}${path}`, ...options });
    await within(connected, "connect");
  }

  /** Opens it; nothing says that it will ever be connected. */
  tryToConnect(wire) {
    this.connect(wire).catch((error) => this.note(`error: ${error.message}`));
  }

  /** What it says about a connection that cannot be made, and how often it tried. */
  async failure(wire) {
    try {
      await this.connect(wire, { polling: true });
    } catch {
      return { body: undefined, attempts: 1 };
    }
    throw new Error("long-polling was accepted");
  }

  send(name, payload) {
    this.#tell({ do: "send", name, payload });
  }

  ask(name, payload) {
    const id = ++this.#asked;
    const answer = new Promise((resolve) => this.#answers.set(id, resolve));
    this.#tell({ do: "ask", id, name, payload });
    return within(answer, `an answer to ${name}`);
  }

  refusedNamespace(namespace) {
    const refused = new Promise((resolve) => (this.onRefused = resolve));
    this.#tell({ do: "namespace", namespace });
    return within(refused, "the namespace is refused");
  }

  sendBinary() {
    this.#tell({ do: "binary" });
  }

  disconnect() {
    this.#tell({ do: "disconnect" });
  }

  destroy() {
    this.child?.kill("SIGKILL");
  }
}

// A proxy of its own in front of a server, with the configuration that is shipped.
//
// Everything it needs lies in a directory of its own, its ports are free ones, and it runs in the
// foreground as a child, so that nothing of the system's own proxy is read, written or stopped.

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { check, until, within } from "./util.mjs";

const running = new Set();
process.on("exit", () => running.forEach((front) => front.kill()));

/** A port that was free a moment ago: proxies take no 0. */
export async function freePort() {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

/** Whether the one with this certificate listens there, and nobody else who took the port. */
async function answers(port, { ca }) {
  const socket = tls.connect({ port, host: "127.0.0.1", ca });
  const opened = await Promise.race([
    once(socket, "secureConnect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return opened;
}

/** The text with each replacement made; what is replaced has to stand there once. */
export function replaced(text, replacements) {
  for (const [shipped, here] of replacements) {
    check(text.split(shipped).length === 2, `the configuration says "${shipped}" once`);
    text = text.replace(shipped, () => here);
  }
  return text;
}

/**
 * What all of them have in common. A class of its own says, in `configure()`, what is written and
 * run: it returns `{ command, args, env }`.
 */
export class Front {
  /** Whether it ends a WebSocket that is silent for too long. */
  static cutsIdle = true;
  /** Whether it asks `readyz` by itself. */
  static asksReady = true;

  /**
   * Starts one in front of `upstream`: `127.0.0.1:PORT` or `unix:/PATH`. `readTimeout` replaces the
   * time-out of idle sockets; `edit(text)` changes the configuration further.
   */
  static async start(upstream, { readTimeout = "90s", edit = (text) => text } = {}) {
    // Between the choice of a port and its use somebody else may take it.
    for (let attempt = 1; ; attempt++) {
      const front = new this();
      try {
        await front.#start(upstream, readTimeout, edit);
        return front;
      } catch (error) {
        await front.close();
        if (attempt === 3) throw error;
      }
    }
  }

  async #start(upstream, readTimeout, edit) {
    this.directory = mkdtempSync(join(tmpdir(), "roshambo-front-"));
    // A worker that is not root looks for its files there.
    chmodSync(this.directory, 0o755);
    this.#makeCertificate();
    [this.port, this.plainPort] = [await freePort(), await freePort()];
    const { command, args, env = {} } = this.configure(upstream, readTimeout, edit);
    const log = openSync(this.file("log"), "w");
    // Debian keeps them where only root's path leads.
    const PATH = `${process.env.PATH}:/usr/sbin`;
    this.child = spawn(command, args, {
      stdio: ["ignore", log, log],
      env: { PATH, HOME: this.directory, ...env },
    });
    closeSync(log);
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
      this.child.once("close", (code, signal) => resolve(code ?? signal));
    });
    this.ended.then(() => running.delete(this));
    let listens = false;
    const look = async () => {
      while (!listens && running.has(this)) listens = await answers(this.port, this.tls);
    };
    look();
    await until(() => listens || !running.has(this), `${command} listens`);
    check(listens, `${command} ended: ${this.log()}`);
  }

  file(name) {
    return join(this.directory, name);
  }

  /** What it said. */
  log() {
    return readFileSync(this.file("log"), "utf8");
  }

  /** A certificate for this address, which the clients of the test trust and verify. */
  #makeCertificate() {
    execFileSync("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-days", "2", "-subj", "/CN=roshambo test", "-addext", "subjectAltName=IP:127.0.0.1",
      "-keyout", this.file("key.pem"), "-out", this.file("cert.pem"),
    ], { stdio: ["ignore", "ignore", "pipe"] });
    this.tls = { ca: readFileSync(this.file("cert.pem"), "utf8"), file: this.file("cert.pem") };
  }

  async close() {
    if (running.has(this)) {
      this.child.kill("SIGTERM");
      await within(this.ended, "the proxy's end");
    }
    if (this.directory) rmSync(this.directory, { recursive: true, force: true });
  }

  kill() {
    // Its workers end with the master only if it is asked to.
    this.child.kill("SIGTERM");
    if (this.directory) rmSync(this.directory, { recursive: true, force: true });
  }
}

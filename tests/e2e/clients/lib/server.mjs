// The server under test: its process, its log, its end.

import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { check, until, within } from "./util.mjs";

/** Every server that runs, so that none outlives the runner, however it ends. */
const running = new Set();
process.on("exit", () => running.forEach((server) => server.child.kill("SIGKILL")));
// A signal ends a process without that word, and the hooks of the other modules wait for it, too.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

export class Server {
  /** What it said, line by line. */
  lines = [];

  /** Starts the binary that ROSHAMBO_BIN names, on a free port unless `flags` say otherwise. */
  static async start(...flags) {
    const server = new Server();
    const listen = flags.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    server.child = spawn(process.env.ROSHAMBO_BIN, [...listen, ...flags], {
      stdio: ["ignore", "inherit", "pipe"],
      // Only flags count here, whatever the surroundings have set.
      env: { PATH: process.env.PATH, ROSHAMBO_STORE: "memory" },
    });
    running.add(server);
    server.ended = new Promise((resolve, reject) => {
      server.child.once("error", reject);
      server.child.once("close", (code, signal) => {
        running.delete(server);
        resolve(code ?? signal);
      });
    });
    createInterface({ input: server.child.stderr }).on("line", (line) => server.lines.push(line));
    const listening = () => server.lines.find((line) => line.includes("listening on "));
    await Promise.race([
      until(() => listening(), "the server listens"),
      server.ended.then((code) => {
        throw new Error(`the server ended with ${code}: ${server.lines.join("; ")}`);
      }),
    ]);
    server.port = Number(/listening on [^ ]*:(\d+)/.exec(listening())?.[1]);
    return server;
  }

  /** How many lines match. */
  count(pattern) {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  async line(pattern) {
    await until(() => this.count(pattern), `the log says ${pattern}`);
    return this.lines.find((line) => pattern.test(line));
  }

  /** Asks it to stop and waits until it has: it must end well and cut nobody off. */
  async stop() {
    this.child.kill("SIGTERM");
    const code = await within(this.ended, "the server's end");
    check(code === 0, `the server ended with ${code}: ${this.lines.slice(-3).join("; ")}`);
    check(!this.count(/connections were cut|panicked/), `a bad end: ${this.lines.join("; ")}`);
  }

  /** Puts another program in its place, as `roshambo reload` does; what that says. */
  async reload() {
    const pid = String(this.child.pid);
    const { stdout } = await promisify(execFile)(process.env.ROSHAMBO_BIN, ["reload", pid]);
    return stdout;
  }

  /** For the end of a failed check: no questions. */
  kill() {
    this.child.kill("SIGKILL");
  }
}

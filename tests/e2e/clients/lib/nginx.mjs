// An nginx of its own in front of a server, with the site file that is shipped.
//
// Everything it needs lies in a directory of its own, its ports are free ones, and it runs in the
// foreground as a child, so that nothing of the system's nginx is read, written or stopped.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { once } from "node:events";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { check, until, within } from "./util.mjs";

const SITE = fileURLToPath(new URL("../../../../systemd/nginx/roshambo.conf", import.meta.url));

const running = new Set();
process.on("exit", () => running.forEach((nginx) => nginx.kill()));

/** A port that was free a moment ago: nginx takes no 0. */
async function freePort() {
  const listener = net.createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address();
  listener.close();
  await once(listener, "close");
  return port;
}

async function answers(port) {
  const socket = net.connect({ port, host: "127.0.0.1" });
  const opened = await Promise.race([
    once(socket, "connect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return opened;
}

export class Nginx {
  /** Starts one in front of `upstream`: `127.0.0.1:PORT` or `unix:/PATH`. */
  static async start(upstream, { readTimeout = "90s" } = {}) {
    // Between the choice of a port and its use somebody else may take it.
    for (let attempt = 1; ; attempt++) {
      const nginx = new Nginx();
      try {
        await nginx.#start(upstream, readTimeout);
        return nginx;
      } catch (error) {
        await nginx.close();
        if (attempt === 3) throw error;
      }
    }
  }

  async #start(upstream, readTimeout) {
    this.directory = mkdtempSync(join(tmpdir(), "roshambo-nginx-"));
    const file = (name) => join(this.directory, name);
    this.#makeCertificate(file);
    [this.port, this.plainPort] = [await freePort(), await freePort()];

    let site = readFileSync(SITE, "utf8");
    // Only what differs on every machine is replaced; each of these has to stand there.
    const replacements = [
      ["listen 80;", `listen 127.0.0.1:${this.plainPort};`],
      ["listen [::]:80;", ""],
      ["listen 443 ssl;", `listen 127.0.0.1:${this.port} ssl;`],
      ["listen [::]:443 ssl;", ""],
      ["/etc/letsencrypt/live/example.org/fullchain.pem", file("cert.pem")],
      ["/etc/letsencrypt/live/example.org/privkey.pem", file("key.pem")],
      ["server unix:/run/roshambo/roshambo.sock;", `server ${upstream};`],
      ["proxy_read_timeout 90s;", `proxy_read_timeout ${readTimeout};`],
    ];
    for (const [shipped, here] of replacements) {
      check(site.split(shipped).length === 2, `the site file says "${shipped}" once`);
      site = site.replace(shipped, here);
    }
    writeFileSync(file("site.conf"), site);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    writeFileSync(file("nginx.conf"), `
      ${userInfo().uid === 0 ? `user ${userInfo().username};` : ""}
      daemon off;
      worker_processes 1;
      pid ${file("pid")};
      error_log ${file("error.log")};
      events { worker_connections 256; }
      http {
        access_log ${file("access.log")};
        ${temporary.map((name) => `${name}_temp_path ${file(name)};`).join(" ")}
        include ${file("site.conf")};
      }`);
    const arguments_ = ["-p", this.directory, "-c", file("nginx.conf"), "-e", file("error.log")];
    // Debian keeps it where only root's path leads.
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    this.child = spawn("nginx", arguments_, { stdio: ["ignore", "inherit", "inherit"], env });
    running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
      this.child.once("close", (code, signal) => resolve(code ?? signal));
    });
    this.ended.then(() => running.delete(this));
    let listens = false;
    const look = async () => {
      while (!listens && running.has(this)) listens = await answers(this.port);
    };
    look();
    await until(() => listens || !running.has(this), "nginx listens");
    check(listens, `nginx ended: ${readFileSync(file("error.log"), "utf8")}`);
  }

  /** A certificate for this address, which the clients of the test trust and verify. */
  #makeCertificate(file) {
    execFileSync("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
      "-days", "2", "-subj", "/CN=roshambo test", "-addext", "subjectAltName=IP:127.0.0.1",
      "-keyout", file("key.pem"), "-out", file("cert.pem"),
    ], { stdio: ["ignore", "ignore", "pipe"] });
    this.tls = { ca: readFileSync(file("cert.pem"), "utf8"), file: file("cert.pem") };
  }

  async close() {
    if (running.has(this)) {
      this.child.kill("SIGTERM");
      await within(this.ended, "nginx's end");
    }
    if (this.directory) rmSync(this.directory, { recursive: true, force: true });
  }

  kill() {
    // Its workers end with the master only if it is asked to.
    this.child.kill("SIGTERM");
    if (this.directory) rmSync(this.directory, { recursive: true, force: true });
  }
}

// HAProxy, Caddy and Apache, each with the configuration that is shipped.

import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";

import { Front, replaced } from "./front.mjs";

export const shipped = (name) => readFileSync(
  fileURLToPath(new URL(`../../../../systemd/examples/${name}`, import.meta.url)), "utf8",
);

/** Where the server listens once it is installed, in those files. */
const SOCKET = "/run/roshambo/roshambo.sock";
const PORT = "127.0.0.1:9595";

/**
 * The file's own lines for TCP or for a unix socket: what it has as a comment is taken for what
 * stands there. `forms` are those of the two, each as `[tcp, unix]`, as often as they stand there.
 */
function reach(text, upstream, forms) {
  const path = /^unix:(.*)/.exec(upstream)?.[1];
  for (const [tcp, unix] of forms) {
    text = replaced(text, path
      ? [[tcp, `# ${tcp}`], [`# ${unix}`, unix.replace(SOCKET, path)]]
      : [[tcp, tcp.replace(PORT, upstream)]]);
  }
  return text;
}

export class HAProxy extends Front {
  configure(upstream, readTimeout, edit) {
    const text = reach(shipped("haproxy.cfg"), upstream, [
      [`server one ${PORT} `, `server one unix@${SOCKET} `],
      [`server one-refuses ${PORT} `, `server one-refuses unix@${SOCKET} `],
    ]);
    return this.around(text, readTimeout, edit, [
      ["    user haproxy\n    group haproxy\n", ""],
      ["chroot /var/lib/haproxy", ""],
    ]);
  }

  /** HAProxy with a file that is shipped, in which only what differs on every machine is replaced. */
  around(text, readTimeout, edit, more) {
    const both = readFileSync(this.file("cert.pem"), "utf8") + readFileSync(this.file("key.pem"), "utf8");
    writeFileSync(this.file("both.pem"), both);
    writeFileSync(this.file("haproxy.cfg"), edit(replaced(text, [
      ...more,
      ["log /dev/log local0", "log stdout format raw local0"],
      [text.match(/\bmaxconn \d+000\b/)[0], "maxconn 1000"],
      ["bind :::80 v4v6", `bind 127.0.0.1:${this.plainPort}`],
      ["bind :::443 v4v6 ssl crt /etc/haproxy/roshambo.pem", `bind 127.0.0.1:${this.port} ssl crt ${this.file("both.pem")}`],
      ["timeout tunnel 90s", `timeout tunnel ${readTimeout}`],
    ])));
    return { command: "haproxy", args: ["-db", "-f", this.file("haproxy.cfg")] };
  }
}

export class Caddy extends Front {
  static cutsIdle = false;

  configure(upstream, _readTimeout, edit) {
    const text = reach(shipped("Caddyfile"), upstream, [[`to ${PORT}\n`, `to unix/${SOCKET}\n`]]);
    const site = replaced(text, [
      ["\nexample.org {\n", `
https://127.0.0.1:${this.port} {
	bind 127.0.0.1
	tls ${this.file("cert.pem")} ${this.file("key.pem")}
`],
    ]);
    // No listener of its own, and no other port: those of a machine's own Caddy may be taken.
    const here = `{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {\n\t\tprotocols h1 h2\n\t}\n}\n`;
    writeFileSync(this.file("Caddyfile"), edit(here + site));
    return {
      command: "caddy",
      args: ["run", "--config", this.file("Caddyfile"), "--adapter", "caddyfile"],
    };
  }
}

/** Modules of Debian's Apache, as a2enmod knows them, with all that they need. */
function modules(names, known = new Set()) {
  for (const name of names) {
    if (known.has(name)) continue;
    const load = readFileSync(`/etc/apache2/mods-available/${name}.load`, "utf8");
    modules(/^# Depends: (.*)$/m.exec(load)?.[1].split(" ") ?? [], known);
    known.add(name);
  }
  return [...known];
}

export class Apache extends Front {
  configure(upstream, readTimeout, edit) {
    const site = shipped("apache.conf");
    // What Debian switches on by itself, and what the file says is to be.
    const enabled = ["mpm_event", "authz_core", "filter", "deflate", "mime", "reqtimeout", "remoteip"];
    const named = /a2enmod (.*)/.exec(site)[1].split(" ");
    const path = /^unix:(.*)/.exec(upstream)?.[1];
    const direct = `ProxyPass / unix:${SOCKET}|http://roshambo/ upgrade=websocket timeout=90`;
    let text = path
      ? replaced(site, [
        ["    ProxyPass / balancer://roshambo/\n", ""],
        [`# ${direct}`, direct.replace(SOCKET, path)],
      ])
      : replaced(site, [
        [`BalancerMember http://${PORT} `, `BalancerMember http://${upstream} `],
        ["BalancerMember http://localhost:9595 ", `BalancerMember http://${upstream.replace("127.0.0.1", "localhost")} `],
      ]);
    text = text.replaceAll("timeout=90", `timeout=${readTimeout.replace("s", "")}`);
    text = replaced(text, [
      ["<VirtualHost *:80>", `<VirtualHost *:${this.plainPort}>`],
      ["<VirtualHost *:443>", `<VirtualHost *:${this.port}>`],
      ["/etc/letsencrypt/live/example.org/fullchain.pem", this.file("cert.pem")],
      ["/etc/letsencrypt/live/example.org/privkey.pem", this.file("key.pem")],
    ]);
    const load = modules([...enabled, ...named]);
    const root = userInfo().uid === 0;
    writeFileSync(this.file("apache.conf"), `
      ServerRoot ${this.directory}
      DefaultRuntimeDir ${this.directory}
      Timeout ${readTimeout.replace("s", "")}
      Mutex file:${this.directory} default
      PidFile ${this.file("pid")}
      ErrorLog ${this.file("log")}
      ${root ? "User www-data\nGroup www-data" : ""}
      ${load.map((name) => `Include /etc/apache2/mods-available/${name}.load`).join("\n")}
      TypesConfig /etc/mime.types
      Include /etc/apache2/mods-available/deflate.conf
      Include /etc/apache2/mods-available/mpm_event.conf
      Include /etc/apache2/mods-available/reqtimeout.conf
      Listen 127.0.0.1:${this.plainPort}
      Listen 127.0.0.1:${this.port}
      ServerName 127.0.0.1
      ${edit(text)}
    `);
    return { command: "apache2", args: ["-D", "FOREGROUND", "-f", this.file("apache.conf")] };
  }
}

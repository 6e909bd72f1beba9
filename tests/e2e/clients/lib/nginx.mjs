// nginx, with the site file that is shipped.

import { readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";

import { Front, replaced } from "./front.mjs";

const SITE = fileURLToPath(new URL("../../../../systemd/nginx/roshambo.conf", import.meta.url));

export class Nginx extends Front {
  static asksReady = false;

  configure(upstream, readTimeout, edit) {
    const site = this.site(readFileSync(SITE, "utf8"), [
      ["server unix:/run/roshambo/roshambo.sock;", `server ${upstream};`],
      ["proxy_read_timeout 90s;", `proxy_read_timeout ${readTimeout};`],
    ]);
    writeFileSync(this.file("site.conf"), edit(site));
    return this.around(`include ${this.file("site.conf")};`);
  }

  /** A site that is shipped, in which only what differs on every machine is replaced. */
  site(text, more) {
    return replaced(text, [
      ["listen 80;", `listen 127.0.0.1:${this.plainPort};`],
      ["listen [::]:80;", ""],
      ["listen 443 ssl;", `listen 127.0.0.1:${this.port} ssl;`],
      ["listen [::]:443 ssl;", ""],
      ["/etc/letsencrypt/live/example.org/fullchain.pem", this.file("cert.pem")],
      ["/etc/letsencrypt/live/example.org/privkey.pem", this.file("key.pem")],
      ...more,
    ]);
  }

  /** nginx itself around the text of its `http` block. */
  around(http, connections = 2048) {
    const file = (name) => this.file(name);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    // As Debian's own file has it: gzip on, for HTML alone.
    writeFileSync(file("nginx.conf"), `
      ${userInfo().uid === 0 ? `user ${userInfo().username};` : ""}
      daemon off;
      worker_processes 1;
      pid ${file("pid")};
      error_log ${file("error.log")};
      worker_rlimit_nofile ${2 * connections};
      events { worker_connections ${connections}; }
      http {
        gzip on;
        types { text/html html; }
        access_log ${file("access.log")};
        ${temporary.map((name) => `${name}_temp_path ${file(name)};`).join(" ")}
        ${http}
      }`);
    const args = ["-p", this.directory, "-c", file("nginx.conf"), "-e", file("error.log")];
    return { command: "nginx", args };
  }

  log() {
    return readFileSync(this.file("error.log"), "utf8");
  }
}

/**
 * A stand-in for a CDN: another nginx in front of a site that speaks TLS, at an edge address of its
 * own, appending to X-Forwarded-For as they all do. The upstream is the site's `127.0.0.1:PORT`.
 */
export class Cdn extends Nginx {
  static EDGE = "127.0.0.77";

  configure(upstream) {
    return this.around(`
      server {
        listen 127.0.0.1:${this.port} ssl;
        ssl_certificate ${this.file("cert.pem")};
        ssl_certificate_key ${this.file("key.pem")};
        location / {
          proxy_pass https://${upstream};
          proxy_bind ${Cdn.EDGE};
          proxy_http_version 1.1;
          proxy_set_header Host $host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }
      }`);
  }
}

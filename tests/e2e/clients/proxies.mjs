// Through HAProxy, Caddy, Apache and a CDN, with the configurations that are shipped: `node
// proxies.mjs`, or `node proxies.mjs PATTERN` for some of it.
//
// It needs what nginx.mjs needs, and haproxy, caddy and apache2. It prints a line for every check,
// and ends with code 1 if one fails.

import { addresses, capacity, game, idle, restart } from "./lib/behind.mjs";
import { replaced } from "./lib/front.mjs";
import { Cdn, Nginx } from "./lib/nginx.mjs";
import { Apache, Caddy, HAProxy } from "./lib/others.mjs";
import { compressed, folder, http2Works } from "./lib/places.mjs";
import { BASE, Plain } from "./lib/raw.mjs";
import { get, getPlain, run, tcp, UPGRADE } from "./lib/scene.mjs";
import { check, pool, same } from "./lib/util.mjs";

/** Takes the marks of a comment away from these lines of a configuration. */
const uncommented = (...lines) => (text) => replaced(text, lines.map((line) => [`# ${line}`, line]));

/** The other port leads to the one with TLS. */
const redirected = (Kind) => async (scene) => {
  const server = await scene.serve();
  const front = await scene.front(Kind, tcp(server));
  const moved = await getPlain(front, "/a?b", { Host: "example.org" });
  same([moved.status, moved.fields.location], [301, "https://example.org/a?b"], "to https");
  await server.stop();
};

/** More players than one address may have come through a CDN. */
const PLAYERS = 320;

/** Opens that many sockets, each from an address of its own; says how many got in. */
async function crowd(scene, cdn) {
  const opened = [];
  await pool(16, Array.from({ length: PLAYERS }, (_, n) => async () => {
    const client = scene.keep(new Plain(`p${n}`), (client) => client.destroy());
    client.options = { localAddress: `127.1.${n >> 7}.${1 + (n & 127)}` };
    await client.connect({ port: cdn.port, tls: cdn.tls }).then(() => opened.push(client), () => {});
  }));
  return opened.length;
}

const REAL_IP = ["set_real_ip_from  192.0.2.0/24;", "real_ip_header    X-Forwarded-For;", "real_ip_recursive on;"];

/** With the CDN named in the site file everybody gets in, and is counted by its own address. */
async function named(scene) {
  const server = await scene.serve("--max-per-address", "2", "--trusted-proxy", "127.0.0.1");
  const edit = (text) => uncommented(...REAL_IP)(text).replace("192.0.2.0/24", Cdn.EDGE);
  const site = await scene.front(Nginx, tcp(server), { edit });
  const cdn = await scene.front(Cdn, tcp(site));
  same(await crowd(scene, cdn), PLAYERS, "players who got in");
  const ask = (headers) => get(cdn, BASE, { localAddress: "127.1.0.1", headers: { ...UPGRADE, ...headers } });
  const held = new Plain("ann");
  scene.keep(held, (client) => client.destroy());
  held.options = { localAddress: "127.1.0.1" };
  await held.connect({ port: cdn.port, tls: cdn.tls });
  same((await ask()).body, "too many connections from your address\n", "a third of one address");
  same((await ask({ "X-Forwarded-For": "203.0.113.7" })).status, 503, "whatever it claims");
  await server.line(/127\.1\.0\.1 has 2 connections/);
  await server.stop();
}

/** Without, they share what one address may have, and the log says what to do. */
async function unnamed(scene) {
  const server = await scene.serve("--trusted-proxy", "127.0.0.1");
  const site = await scene.front(Nginx, tcp(server));
  const cdn = await scene.front(Cdn, tcp(site));
  same(await crowd(scene, cdn), 256, "players who got in");
  await server.line(/127\.0\.0\.77 has 256 connections .* set_real_ip_from/);
  await server.stop();
}

/** Behind a CDN each player is counted by its own address, whatever it claims. */
const told = (Kind, edit, ...flags) => async (scene) => {
  const server = await scene.serve("--max-per-address", "2", "--trusted-proxy", "127.0.0.1", ...flags);
  const front = await scene.front(Kind, tcp(server), { edit });
  const cdn = await scene.front(Cdn, tcp(front));
  const ask = (localAddress) => get(cdn, `${BASE}/readyz`, {
    localAddress, headers: { "X-Forwarded-For": "203.0.113.7" },
  });
  const players = [];
  for (const claim of ["203.0.113.7", "203.0.113.8"]) {
    const client = scene.keep(new Plain("ann"), (client) => client.destroy());
    client.options = { localAddress: "127.1.0.1", headers: { "X-Forwarded-For": claim } };
    await client.connect({ port: cdn.port, tls: cdn.tls });
    players.push(client);
  }
  same((await ask("127.1.0.1")).body, "too many connections from your address\n", "a third");
  same((await ask("127.1.0.2")).status, 200, "another address");
  players[0].disconnect();
  await server.line(/ #1 127\.1\.0\.1 plain /);
  await server.stop();
};

const nginxAt = (location, upstream) => (text) => replaced(text, [
  ["    location / {\n        # Without", `    location ${location} {\n        # Without`],
  ["proxy_pass http://roshambo;", `proxy_pass http://roshambo${upstream};`],
]);

const checks = {
  "CDN, named in the site file": named,
  "CDN, not named": unnamed,
  "CDN before HAProxy": told(HAProxy, (text) => uncommented(
    "http-request set-src req.hdr_ip(X-Forwarded-For,-1) if { src 192.0.2.0/24 }",
  )(text).replace("192.0.2.0/24", Cdn.EDGE)),
  "CDN before Caddy": told(Caddy, (text) => uncommented("trusted_proxies 192.0.2.0/24")(text)
    .replace("192.0.2.0/24", Cdn.EDGE), "--trusted-proxy", `127.0.0.1,${Cdn.EDGE}`),
  // The players here have addresses of this machine.
  "CDN before Apache": told(Apache, (text) => uncommented(
    "RemoteIPHeader X-Forwarded-For", "RemoteIPTrustedProxy 192.0.2.0/24",
  )(text).replace("RemoteIPTrustedProxy 192.0.2.0/24", `RemoteIPInternalProxy ${Cdn.EDGE}`)),
  "nginx: location /game/ to /": folder(Nginx, "/game/", nginxAt("/game/", "/")),
  "nginx: location /game/ to the base path": folder(Nginx, "/game/", nginxAt("/game/", `${BASE}/`)),
  "nginx: location /game to /": folder(Nginx, "/game/", nginxAt("/game", "/")),
  "nginx: the base path alone": folder(Nginx, `${BASE}/`, nginxAt(BASE, "")),
  "nginx: compressed": compressed(Nginx),
  "nginx: HTTP/2": http2Works(Nginx, false, (text) => text.replace(" ssl;", " ssl http2;")),
  "HAProxy: a folder": folder(HAProxy, "/game/", uncommented(
    "http-request redirect code 301 location /game/ if { path /game }",
    "http-request replace-path /game(/.*) \\1",
  )),
  "Caddy: a folder": folder(Caddy, "/game/", uncommented("redir /game /game/", "handle_path /game/* {", "}\n")),
  "Apache: a folder": folder(Apache, "/game/", (text) => replaced(
    uncommented("RedirectMatch permanent ^/game$ /game/", "ProxyPass /game/ balancer://roshambo/")(text),
    [["ProxyPass / balancer://roshambo/\n", ""]],
  )),
  "HAProxy: HTTP/2": http2Works(HAProxy, true),
  "Caddy: HTTP/2": http2Works(Caddy, false),
  "Apache: HTTP/2": http2Works(Apache, false),
  "HAProxy: to https": redirected(HAProxy),
  "Apache: to https": redirected(Apache),
};
for (const Kind of [HAProxy, Caddy, Apache]) {
  const { name } = Kind;
  checks[`${name}: game`] = game(Kind, "tcp", "sio-4.8", "ws");
  checks[`${name}: game, unix socket`] = game(Kind, "unix socket", "mini", "v2");
  checks[`${name}: real addresses, forged ones, the limit`] = addresses(Kind, "tcp");
  checks[`${name}: idle`] = idle(Kind, "tcp");
  checks[`${name}: restart`] = restart(Kind, "tcp");
  checks[`${name}: restart, unix socket`] = restart(Kind, "unix socket");
  checks[`${name}: full`] = capacity(Kind);
  checks[`${name}: compressed`] = compressed(Kind);
}
const wanted = new RegExp(process.argv[2] ?? "");
const chosen = Object.entries(checks).filter(([name]) => wanted.test(name));
check(chosen.length, `no check matches ${wanted}`);
await run("Through other proxies with systemd/examples", Object.fromEntries(chosen));

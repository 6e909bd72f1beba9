// What holds behind every proxy: a game, the player's address, patience, a restart, a full house.
//
// Each takes the class of the proxy, and is a check for a Scene.

import { join } from "node:path";

import { play } from "./games.mjs";
import { Plain, PlainV2, BASE, MiniProgram } from "./raw.mjs";
import { Official } from "./official.mjs";
import { Python } from "./python.mjs";
import { get, OVER, tcp, UPGRADE } from "./scene.mjs";
import { check, same, sleep, until } from "./util.mjs";

/** Whole games over `wss://`, as they are played without a proxy. */
export const game = (Kind, over, first, second) => async (scene) => {
  const { flags, upstream } = await OVER[over](scene);
  const options = { flags: flags(), openFront: (server) => Kind.start(upstream(server)) };
  const { failure } = await play(first, second, options);
  if (failure) throw failure;
};

/** The address that the proxy tells is believed, and what the client claims is not. */
export const addresses = (Kind, over) => async (scene) => {
  const { flags, upstream } = await OVER[over](scene);
  const limits = ["--trusted-proxy", "127.0.0.1", "--max-per-address", "2"];
  const server = await scene.serve(...limits, ...flags());
  const front = await scene.front(Kind, upstream(server));
  const open = async (localAddress, claim) => {
    const client = scene.keep(new Plain("ann"), (client) => client.destroy());
    client.options = { localAddress, headers: { "X-Forwarded-For": claim } };
    await client.connect({ port: front.port, tls: front.tls });
    return client;
  };
  const ann = await open("127.0.0.5", "203.0.113.7");
  await open("127.0.0.5", "203.0.113.8");
  const refused = await get(front, BASE, { localAddress: "127.0.0.5", headers: UPGRADE });
  same([refused.status, refused.body], [503, "too many connections from your address\n"], "the third");
  await open("127.0.0.6", "127.0.0.5");
  ann.disconnect();
  await server.line(/ #1 127\.0\.0\.5 plain /);
  await open("127.0.0.5", "203.0.113.9");
  same(server.count(/203\.0\.113/), 0, "claimed addresses in the log");
  same(server.count(/127\.0\.0\.5 has 2 connections/), 1, "an operator is told");
  await server.stop();
};

/** Idle for much longer than the proxy's time-out: the server's pings keep all dialects open. */
export const idle = (Kind, over) => async (scene) => {
  const [near, far] = [await OVER[over](scene), await OVER[over](scene)];
  const server = await scene.serve("--ping-interval", "1s", "--ping-timeout", "20s", ...near.flags());
  const front = await scene.front(Kind, near.upstream(server), { readTimeout: "3s" });
  const clients = [
    new MiniProgram("mini"), new Plain("ws"), new PlainV2("v2"), new Official("sio-2", 2),
    new Official("sio-4", 4), new Python("py-sio", "socketio"), new Python("py-ws", "websockets"),
  ];
  for (const client of clients) await scene.greeted(client, front);
  if (Kind.cutsIdle) {
    // The time-out is real: without pings the proxy hangs up.
    const quiet = await scene.serve("--ping-interval", "60s", "--ping-timeout", "60s", ...far.flags());
    const hasty = await scene.front(Kind, far.upstream(quiet), { readTimeout: "3s" });
    await scene.greeted(new Plain("quiet"), hasty);
    await quiet.line(/rounds: lost$/);
  }
  await sleep(7_000);
  for (const client of clients) {
    same([client.notes, client.wire.connections], [[], 1], client.name);
    await scene.greet(client);
  }
  await server.stop();
};

/** The server is stopped and started again behind the proxy: clients come back. */
export const restart = (Kind, over) => async (scene) => {
  const { flags: listen, upstream } = await OVER[over](scene);
  const store = join(scene.directory(), "roshambo.db");
  const flags = ["--store", store, "--drain-spread", "200ms"];
  const server = await scene.serve(...flags, ...listen());
  const front = await scene.front(Kind, upstream(server));
  const ready = async () => (await get(front, "/readyz")).status;
  const v2 = new PlainV2("v2");
  const others = [1, 2, 3, 4].map((major) => new Official(`sio-${major}`, major));
  others.push(new Python("py-sio", "socketio"));
  for (const client of [v2, ...others]) await scene.greeted(client, front);
  same(await ready(), 200, "before");
  await server.stop();
  same(server.count(/closed 1012/), 6, "everybody is told");
  const down = await ready();
  check([502, 503].includes(down), `while there is no server: ${down}`);
  const next = await scene.serve(...flags, ...listen(server));
  for (const client of [v2, ...others]) {
    await until(() => 2 <= client.connects, `${client.name} is back`);
  }
  const hi = (await v2.inbox.next("bye"), await v2.inbox.next("hi")).payload;
  // It had won nothing that could be kept.
  same([hi.resumed, hi.pending], [false, undefined], "the store was asked");
  for (const client of others) await scene.greet(client);
  same(await ready(), 200, "after");
  await next.stop();
};

/** Another program takes the server's place in the middle of rounds: nobody notices. */
export const reload = (Kind, over) => async (scene) => {
  const { flags, upstream } = await OVER[over](scene);
  const server = await scene.serve("--robot-after", "0", ...flags());
  const front = await scene.front(Kind, upstream(server));
  const clients = [
    new PlainV2("v2"), new Plain("ws"), new MiniProgram("mini"), new Official("sio-2", 2),
    new Official("sio-4", 4), new Python("py-sio", "socketio"),
  ];
  for (const client of clients) await scene.greeted(client, front);
  const hear = (name) => Promise.all(clients.map((client) =>
    client.inbox.pick((event) => event.name === name, `${client.name} hears ${name}`)));
  for (const client of clients) client.join();
  await hear("start");
  const line = await server.reload();
  check(/^reloaded .*: 6 connections, /.test(line), line);
  await hear("result");
  for (const client of clients) {
    const again = client.inbox.items.filter(({ name }) => name === "result");
    same([client.notes, client.wire.connections, again], [[], 1, []], client.name);
    await scene.greet(client);
  }
  await server.stop();
};

/** A full server's own words come through, also once the proxy's checks have been told of it. */
export const capacity = (Kind) => async (scene) => {
  const server = await scene.serve("--max-connections", "2", "--log-level", "debug");
  const front = await scene.front(Kind, tcp(server));
  const players = [new Plain("ann"), new Official("bob", 4)];
  for (const player of players) await scene.greeted(player, front);
  if (Kind.asksReady) {
    await until(() => 3 <= server.count(/answered 503/), "the proxy's checks are told");
  }
  const refused = await get(front, BASE, { headers: UPGRADE });
  same([refused.status, refused.body, refused.fields["retry-after"]],
    [503, "full, come back in a moment\n", "5"], "a third one");
  same((await get(front, `${BASE}/readyz`)).body, refused.body, "why");
  same((await get(front, "/")).status, 200, "the page");
  for (const player of players) {
    await scene.greet(player);
    same(player.wire.connections, 1, "whoever plays goes on");
  }
  players[0].disconnect();
  await server.line(/rounds: left$/);
  same((await get(front, BASE, { headers: UPGRADE })).status, 101, "a place is free");
  await server.stop();
};

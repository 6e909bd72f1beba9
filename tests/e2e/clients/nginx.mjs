// Through nginx, with the site file that is shipped: `node nginx.mjs`.
//
// It needs what run.mjs needs, and nginx and openssl. It prints a line for every check, and ends
// with code 1 if one fails.

import { addresses, capacity, game, idle, reload, restart } from "./lib/behind.mjs";
import { Nginx } from "./lib/nginx.mjs";
import { get, getPlain, run, tcp } from "./lib/scene.mjs";
import { check, same } from "./lib/util.mjs";

/** The page and the health checks; the plain port leads to the other one. */
async function pages(scene) {
  const server = await scene.serve();
  const nginx = await scene.front(Nginx, tcp(server));
  const page = await get(nginx, "/");
  check(page.status === 200 && page.body.includes("<html"), `the page: ${page.status}`);
  same((await get(nginx, "/applet/websocket/readyz")).status, 200, "readyz");
  same((await get(nginx, "/nothing")).status, 404, "nothing");
  const polled = await get(nginx, "/applet/websocket/socket.io/?EIO=4&transport=polling");
  check(polled.status === 400 && polled.body.includes("hint"), "the hint comes through");
  const moved = await getPlain(nginx, "/a?b", { Host: "e.org" });
  same([moved.status, moved.fields.location], [301, "https://e.org/a?b"], "to https");
  await server.stop();
}

await run("Through nginx with systemd/nginx/roshambo.conf", {
  "game: sio-4.8 and mini, wss": game(Nginx, "tcp", "sio-4.8", "mini"),
  "game: sio-1.7 and v2, wss": game(Nginx, "tcp", "sio-1.7", "v2"),
  "game: sio-2.5 and ws, wss": game(Nginx, "tcp", "sio-2.5", "ws"),
  "game: sio-3.1 and sio-4.8, wss": game(Nginx, "tcp", "sio-3.1", "sio-4.8"),
  "game: py-sio and py-ws, wss": game(Nginx, "tcp", "py-sio", "py-ws"),
  "game: sio-4.8 and mini, wss, unix socket": game(Nginx, "unix socket", "sio-4.8", "mini"),
  "game: sio-1.7 and py-sio, wss, unix socket": game(Nginx, "unix socket", "sio-1.7", "py-sio"),
  "page, health, hint, redirect": pages,
  "real addresses, forged ones, the limit, tcp": addresses(Nginx, "tcp"),
  "the same, unix socket": addresses(Nginx, "unix socket"),
  "idle beyond proxy_read_timeout, tcp": idle(Nginx, "tcp"),
  "idle beyond proxy_read_timeout, unix socket": idle(Nginx, "unix socket"),
  "restart behind nginx, tcp": restart(Nginx, "tcp"),
  "restart behind nginx, unix socket": restart(Nginx, "unix socket"),
  "reload behind nginx, tcp": reload(Nginx, "tcp"),
  "reload behind nginx, unix socket": reload(Nginx, "unix socket"),
  "full": capacity(Nginx),
});

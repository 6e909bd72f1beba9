// What a browser does with the page's addresses, wherever a proxy has put it; what comes compressed;
// and WebSockets inside HTTP/2.

import { once } from "node:events";
import http2 from "node:http2";
import { gunzipSync } from "node:zlib";

import { BASE, Plain } from "./raw.mjs";
import { get, tcp } from "./scene.mjs";
import { check, same, within } from "./util.mjs";

/** The page at `path`: its files, its socket and `readyz` are found as a browser finds them. */
export async function pageWorks(scene, front, path) {
  const ask = async (address, status = 200) => {
    const answer = await get(front, address);
    same(answer.status, status, address);
    return answer;
  };
  const here = new URL(path, `https://127.0.0.1:${front.port}`);
  const page = (await ask(path)).body;
  const socket = /name="roshambo-socket" content="([^"]+)"/.exec(page)?.[1];
  check(socket, `the page names its socket: ${page.slice(0, 300)}`);
  const files = [...page.matchAll(/ (?:href|src)="([^"#{]+)"/g)].map((match) => match[1]);
  check(files.includes("app.js"), `the page names its script: ${files}`);
  for (const file of files) await ask(new URL(file, here).pathname);
  await ask(new URL(`${socket}/readyz`, here).pathname);
  const client = new Plain("ann");
  client.path = new URL(socket, here).pathname;
  await scene.greeted(client, front);
}

/** The same with the configuration changed by `edit`. */
export const folder = (Kind, path, edit) => async (scene) => {
  const server = await scene.serve();
  const front = await scene.front(Kind, tcp(server), { edit });
  await pageWorks(scene, front, path);
  await server.stop();
};

/** The page's files come compressed to whoever takes that, as they are to others, and only once. */
export const compressed = (Kind) => async (scene) => {
  const server = await scene.serve();
  const front = await scene.front(Kind, tcp(server));
  for (const path of ["/", "/app.js", "/style.css", "/avatars/0.svg"]) {
    const plain = await get(front, path);
    same([plain.status, plain.fields["content-encoding"]], [200, undefined], path);
    const packed = await get(front, path, { headers: { "Accept-Encoding": "gzip" } });
    same([packed.status, packed.fields["content-encoding"]], [200, "gzip"], `${path} for who takes it`);
    check(gunzipSync(packed.bytes).equals(plain.bytes), `${path} is the same`);
    const headers = { "Accept-Encoding": "gzip", "If-None-Match": packed.fields.etag };
    same((await get(front, path, { headers })).status, 304, `${path} a second time`);
  }
  await server.stop();
};

/** A client's text frame; masked by nothing, which is a mask as well. */
const frame = (text) => Buffer.concat([
  Buffer.of(0x81, 0x80 | Buffer.byteLength(text), 0, 0, 0, 0), Buffer.from(text),
]);

/**
 * The page comes over HTTP/2. WebSockets inside it (RFC 8441) work where the proxy says that they do,
 * which is what a browser goes by; where it does not, they go beside it.
 */
export const http2Works = (Kind, offers, edit) => async (scene) => {
  const server = await scene.serve();
  const front = await scene.front(Kind, tcp(server), { edit });
  const address = `https://127.0.0.1:${front.port}`;
  const session = scene.keep(http2.connect(address, { ca: front.tls.ca }), (it) => it.destroy());
  const [settings] = await within(once(session, "remoteSettings"), "HTTP/2 settings");
  const ask = async (fields) => {
    const stream = session.request(fields, { endStream: fields[":method"] !== "CONNECT" });
    const [answer] = await within(once(stream, "response"), "an answer over HTTP/2");
    return { stream, status: answer[":status"] };
  };
  same((await ask({ ":method": "GET", ":path": "/" })).status, 200, "the page");
  same(Boolean(settings.enableConnectProtocol), offers, "WebSockets inside HTTP/2 are offered");
  if (offers) {
    const { stream, status } = await ask({
      ":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": BASE,
      ":authority": "127.0.0.1", "sec-websocket-version": "13",
    });
    same(status, 200, "a WebSocket inside HTTP/2");
    stream.write(frame('["hello",{"user":{"uid":"ann","uname":"Ann"}}]'));
    let said = "";
    stream.on("data", (bytes) => (said += bytes.toString("latin1")));
    while (!said.includes('["hi",')) await within(once(stream, "data"), "hi over HTTP/2");
  }
  await scene.greeted(new Plain("bob"), front);
  await server.stop();
};

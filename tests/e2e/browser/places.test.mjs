// The page behind proxies that change its address: it finds its files, its socket and `readyz`.
//
// The proxy is a stand-in with one rule, to put one thing in a path's front in place of another;
// tests/e2e/clients/proxies.mjs has the real ones.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import { LOST, device, invite, launch, online, phase, says, text, together } from './lib.mjs';

let browser;
let server;
before(async () => {
  browser = await launch();
  server = await serve(['--robot-after', '0', '--game-time', '6s']);
});
/** What a failed test leaves open would keep this process alive. */
const fronts = new Set();
after(async () => {
  fronts.forEach((front) => front.close());
  stopAll();
  await browser.close();
});

/** A proxy that hands a path that begins with `from` on with `to` in its place, and nothing else. */
async function proxy({ port }, from, to) {
  const asked = [];
  const inside = (url) => {
    asked.push(url);
    return url.startsWith(from) ? (to + url.slice(from.length)).replace(/^(?!\/)/, '/') : null;
  };
  const upstream = ({ method, headers }, path) => http.request({
    host: '127.0.0.1', port, method, headers, path,
  });
  const front = http.createServer((request, response) => {
    const path = inside(request.url);
    if (!path) return response.writeHead(404).end();
    const onward = upstream(request, path);
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    return request.pipe(onward);
  });
  const pipes = new Set();
  front.on('upgrade', ({ method, url, rawHeaders }, socket) => {
    const path = inside(url);
    if (!path) return socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    const onward = net.connect(port, '127.0.0.1', () => {
      const fields = rawHeaders.map((part, n) => part + (n % 2 ? '\r\n' : ': ')).join('');
      onward.write(`${method} ${path} HTTP/1.1\r\n${fields}\r\n`);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) {
      pipes.add(end);
      end.on('error', () => [onward, socket].forEach((each) => each.destroy()));
    }
    return undefined;
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const own = {
    url: `http://127.0.0.1:${front.address().port}`,
    asked,
    close() {
      pipes.forEach((end) => end.destroy());
      front.closeAllConnections();
      front.close();
      fronts.delete(own);
    },
  };
  fronts.add(own);
  return own;
}

const BASE = '/applet/websocket';
/** A browser that reads ahead looks for the files before the page has put its slash behind, and says
 * that there are none, or that it has no use for them. */
const AHEAD = /status of 404|was preloaded using link preload/;
/** What the proxy replaces, by what, and where a player opens the page. */
const PLACES = [
  // location /game/ { proxy_pass http://…/; }, handle_path /game/*
  ['/game/', '/', '/game/'],
  ['/game/', '/', '/game/index.html'],
  ['/a/b/', '/', '/a/b/'],
  // location /game { proxy_pass http://…/; }: one slash too many or too few
  ['/game', '/', '/game'],
  ['/game', '/', '/game/'],
  // StripPrefix, handle_path /game*
  ['/game', '', '/game/'],
  // location /game/ { proxy_pass http://…/applet/websocket/; }
  ['/game/', `${BASE}/`, '/game/'],
  ['/', `${BASE}/`, '/'],
  // Something before everything.
  ['/game/', '/', `/game${BASE}/`],
  // Nothing is changed, or only the base path is handed on.
  ['/', '/', '/'],
  [BASE, BASE, `${BASE}/`],
];

for (const [from, to, page] of PLACES) {
  test(`${from} becomes ${to || 'nothing'}, the page is ${page}`, async () => {
    const front = await proxy(server, from, to);
    const ada = await device(browser, front, { name: 'Ada' });
    const a = await ada.open(`${page}?room=`);
    await online(a);
    await a.click('#hands button');
    await phase(a, 'playing');
    assert.match(await a.getAttribute('#other img', 'src'), /^avatars\//);
    await a.waitForFunction(() => [...document.querySelectorAll('.side img')]
      .every((image) => image.naturalWidth));
    // Whoever comes back by the address that stands there now finds the same.
    await a.reload();
    await online(a);
    await ada.close(page === '/game' && AHEAD);
    front.close();
  });
}

for (const [token, query] of [[`b.${'x'.repeat(22)}`, '?i=b'], ['x'.repeat(24), '']]) {
  test(`whose token is ${token} asks for ${query || 'no server of several'}`, async () => {
    const front = await proxy(server, '/', '/');
    const ada = await device(browser, front, { name: 'Ada' });
    await ada.context.addInitScript((kept) => {
      if (location.protocol === 'http:') localStorage.setItem('roshambo.sessions', JSON.stringify(kept));
    }, [{ token, used: 1, points: 0 }]);
    const a = await ada.open('/');
    await online(a);
    assert.deepEqual(front.asked.filter((url) => /\/websocket(\?|$)/.test(url)), [BASE + query]);
    await ada.close();
    front.close();
  });
}

test('a link into a private room keeps the folder, also when the slash was forgotten', async () => {
  const front = await proxy(server, '/game', '/');
  const devices = [];
  for (const name of ['Ada', 'Bob']) devices.push(await device(browser, front, { name }));
  const [ada, bob] = devices;
  const a = await ada.open('/game');
  await invite(a);
  await a.waitForURL(/\/game\/\?room=[A-Z0-9]{6}$/);
  const asked = new URL(a.url());
  const b = await bob.open(`/game${asked.search}`);
  await together(a, b);
  assert.equal(await text(b, '#other .name bdi'), 'Ada');
  for (const each of devices) await each.close(AHEAD);
  front.close();
});

test('why it is refused is asked for beside the socket', async () => {
  const small = await serve(['--max-connections', '1']);
  for (const [to, readyz] of [['/', `/game${BASE}/readyz`], [`${BASE}/`, '/game/readyz']]) {
    const front = await proxy(small, '/game/', to);
    const [ada, bob] = [await device(browser, front), await device(browser, front)];
    await online(await ada.open('/game/'));
    const b = await bob.open('/game/');
    await says(b, '#status', /The server is full/);
    assert.ok(front.asked.includes(readyz), front.asked.join(' '));
    await ada.close();
    await bob.close(LOST);
    front.close();
  }
  await small.stop();
});

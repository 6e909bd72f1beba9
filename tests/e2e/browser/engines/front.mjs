// What stands between a page and its server: it can put a script before the page's own, and fall silent
// as a network does that is gone. So no engine's driver has to be able to.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

/** Hands everything on to the server at `port`. */
export async function front(port) {
  let first = '';
  let silent = false;
  const sockets = new Set();
  const own = http.createServer(async (request, response) => {
    // Whole answers, packed by nobody, which no page has seen before.
    const { 'if-none-match': _, ...asked } = request.headers;
    const onward = http.request({
      host: '127.0.0.1', port, method: request.method, path: request.url,
      headers: { ...asked, 'accept-encoding': 'identity' },
    });
    onward.on('error', () => response.destroy());
    onward.end();
    const [answer] = await once(onward, 'response').catch(() => []);
    if (!answer) return undefined;
    const html = first && /html/.test(answer.headers['content-type']);
    if (!html) {
      response.writeHead(answer.statusCode, answer.headers);
      return answer.pipe(response);
    }
    const parts = [];
    for await (const part of answer) parts.push(part);
    // The page's own policy forbids such a script.
    const { 'content-security-policy': policy, 'content-length': length, ...headers } = answer.headers;
    response.writeHead(answer.statusCode, headers);
    return response.end(String(Buffer.concat(parts)).replace('<head>', `<head><script>(${first})()</script>`));
  });
  own.on('upgrade', ({ url, rawHeaders }, socket) => {
    if (silent) return socket.destroy();
    const onward = net.connect(port, '127.0.0.1', () => {
      const fields = rawHeaders.map((part, n) => part + (n % 2 ? '\r\n' : ': ')).join('');
      onward.write(`GET ${url} HTTP/1.1\r\n${fields}\r\n`);
    });
    for (const [from, to] of [[onward, socket], [socket, onward]]) {
      sockets.add(from);
      from.on('data', (data) => silent || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    return undefined;
  });
  own.listen(0, '127.0.0.1');
  await once(own, 'listening');
  return {
    url: `http://127.0.0.1:${own.address().port}/`,
    /** A function that runs in every page before all others. */
    before(script) {
      first = script;
    },
    /** Nothing travels any more, and nobody is told. */
    silence(now) {
      silent = now;
      if (!now) sockets.forEach((socket) => socket.destroy());
      sockets.clear();
    },
    close() {
      sockets.forEach((socket) => socket.destroy());
      own.closeAllConnections();
      own.close();
    },
  };
}

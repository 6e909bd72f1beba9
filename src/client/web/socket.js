// The page's way to the server.

import { attempt } from './asks.js';
import { told } from './player.js';

/** The socket's address, or one below it; told relative to the page's, which a proxy may change. */
const place = (below = '') => new URL(told('socket') + below, location.href);

let watcher = () => {};
let current = null;

/** Calls `seen(way, text)` for whatever travels from now on: '→' mine, '←' the server's, '·' others. */
export function watch(seen) {
  watcher = seen;
  return () => {
    watcher = () => {};
  };
}

/** Sends a text as it is. */
export function say(text) {
  if (!current || current.readyState !== WebSocket.OPEN) return;
  watcher('→', text);
  current.send(text);
}

export function connect(handlers, query = '') {
  const address = place(query).href.replace(/^http/, 'ws');
  // An older browser throws where its policy, or a blocker, forbids the address.
  const socket = attempt(() => new WebSocket(address), null);
  if (!socket) {
    setTimeout(handlers.closed);
    return { send: () => {}, close: () => {} };
  }
  current = socket;
  socket.onopen = () => {
    watcher('·', 'opened');
    handlers.opened();
  };
  socket.onmessage = (message) => {
    watcher('←', message.data);
    handlers.received(message.data);
  };
  socket.onclose = () => {
    watcher('·', 'closed');
    handlers.closed();
  };
  return {
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return;
      watcher('→', text);
      socket.send(text);
    },
    close: () => socket.close(),
  };
}

/** Asks `readyz` why a connection was refused. */
export function probe(said, query = '') {
  fetch(place(`/readyz${query}`), { cache: 'no-store' })
    .then((answer) => (answer.status === 503 ? answer.text() : '')).then(said, () => said(''));
}

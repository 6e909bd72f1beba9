// The page's way to the server.

import { attempt } from './asks.js';
import { told } from './player.js';

/** The socket's address, or one below it; told relative to the page's, which a proxy may change. */
const place = (below = '') => new URL(told('socket') + below, location.href);

export function connect(handlers) {
  const address = place().href.replace(/^http/, 'ws');
  // An older browser throws where its policy, or a blocker, forbids the address.
  const socket = attempt(() => new WebSocket(address), null);
  if (!socket) {
    setTimeout(handlers.closed);
    return { send: () => {}, close: () => {} };
  }
  socket.onopen = handlers.opened;
  socket.onmessage = (message) => handlers.received(message.data);
  socket.onclose = handlers.closed;
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => socket.close(),
  };
}

/** Asks `readyz` why a connection was refused. */
export function probe(said) {
  fetch(place('/readyz'), { cache: 'no-store' })
    .then((answer) => (answer.status === 503 ? answer.text() : '')).then(said, () => said(''));
}

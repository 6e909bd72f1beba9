// One SocketTask at a time, as the session wants its connection.
//
// Absent: everything that is said on it, and close codes: phones report them unreliably.

import { basePath, domain, insecure } from '../config.js';

/** How long a handshake may take. */
const HANDSHAKE_MS = 10000;
/** A task that never says it is closed is given up after this. */
const CLOSING_MS = 2000;

const scheme = insecure ? '' : 's';

/** The task that is open or closing; the next one waits until it is gone. */
let busy = null;

/**
 * Opens a socket for a session's `handlers`, and closes the one before it first: a mini program
 * has five at most, and a forgotten one would keep its place.
 */
export function connect(handlers) {
  let task = null;
  let ended = false;
  let opened = false;

  const gone = () => {
    if (busy === self) busy = null;
    if (self.next) self.next();
  };
  const self = {
    next: null,
    end() {
      if (ended) return;
      ended = true;
      if (!task) return gone();
      // Not every system reports the close of a task that never opened.
      const timer = setTimeout(gone, CLOSING_MS);
      task.onClose(() => {
        clearTimeout(timer);
        gone();
      });
      task.close({ fail: () => {} });
    },
  };

  function begin() {
    if (ended) return gone();
    const closed = () => {
      if (ended) return;
      ended = true;
      gone();
      handlers.closed();
    };
    busy = self;
    task = wx.connectSocket({
      url: `ws${scheme}://${domain}${basePath}`,
      tcpNoDelay: true,
      timeout: HANDSHAKE_MS,
      fail: closed,
    });
    task.onOpen(() => {
      opened = true;
      if (!ended) handlers.opened();
    });
    task.onMessage(({ data }) => {
      // The server speaks in text only.
      if (!ended && typeof data === 'string') handlers.received(data);
    });
    task.onError(closed);
    task.onClose(closed);
  }

  if (busy) {
    const before = busy;
    before.next = begin;
    before.end();
  } else {
    begin();
  }
  return {
    // What cannot be sent is lost with its connection, and the session hears of that.
    send: (data) => opened && !ended && task.send({ data, fail: () => {} }),
    close: () => self.end(),
  };
}

/** Asks the server why it refuses. */
export function probe(told) {
  wx.request({
    url: `http${scheme}://${domain}${basePath}/readyz`,
    timeout: HANDSHAKE_MS,
    dataType: 'text',
    success: ({ statusCode, data }) => told(statusCode === 503 ? String(data) : ''),
    fail: () => told(''),
  });
}

// One SocketTask at a time, as the session wants its connection.
//
// Absent: everything that is said on it, and close codes: phones report them unreliably. Nor is any
// report of the platform awaited that it may never make, or believed twice.

import { basePath, domain, insecure } from '../config.js';

/** How long a handshake may take. */
const HANDSHAKE_MS = 10000;
/** A task that does not say that it is closed is given up after this: on a dead line it takes a minute. */
const CLOSING_MS = 2000;

const scheme = insecure ? '' : 's';

/** The newest connection; the next one begins when this one's place is free. */
let newest = null;

function connection(handlers, query) {
  let task = null;
  let opened = false;
  let ended = false; // nobody listens to it any more
  let free = false; // its place is: it said so, or was given up
  let next = null;
  let closing = null;

  /** At most once, whoever comes first: the report of the close, or the end of patience. */
  function leave() {
    if (free) return;
    free = true;
    clearTimeout(closing);
    if (next) next();
  }

  function tell() {
    if (ended) return;
    ended = true;
    handlers.closed();
  }

  function shut() {
    if (closing === null) closing = setTimeout(leave, CLOSING_MS);
    try {
      task.close({ fail: () => {} });
    } catch (_) {
      // Then it is not open, or not any more.
    }
  }

  /** The platform says that it is over. */
  function closed() {
    leave();
    tell();
  }

  /** Something went wrong on it; that it is closed now is not said by that. */
  function failed() {
    if (!free) shut();
    tell();
  }

  // A session is told of nothing within its own calls.
  const soon = (run) => () => setTimeout(run, 0);

  return {
    begin() {
      if (ended) return leave();
      try {
        task = wx.connectSocket({
          url: `ws${scheme}://${domain}${basePath}${query}`,
          tcpNoDelay: true,
          timeout: HANDSHAKE_MS,
          fail: soon(closed),
        });
      } catch (_) {
        task = null;
      }
      // With all places taken some systems give none.
      if (!task) return soon(closed)();
      task.onOpen(() => {
        // A close that came too early for it is forgotten by some systems.
        if (ended) return shut();
        opened = true;
        return handlers.opened();
      });
      task.onMessage(({ data }) => {
        // The server speaks in text only.
        if (!ended && typeof data === 'string') handlers.received(data);
      });
      task.onError(failed);
      task.onClose(closed);
      return undefined;
    },
    end() {
      ended = true;
      if (task && !free) shut();
    },
    /** Runs `begin` once this one's place is free. */
    before(begin) {
      if (free) begin();
      else next = begin;
    },
    send(data) {
      if (!opened || ended) return;
      // A line that takes nothing is not waited for until a ping is missed on it.
      try {
        task.send({ data, fail: soon(failed) });
      } catch (_) {
        soon(failed)();
      }
    },
  };
}

/**
 * Opens a socket for a session's `handlers`, and closes the one before it first: a mini program
 * has five at most, and a forgotten one would keep its place.
 */
export function connect(handlers, query = '') {
  const before = newest;
  const self = connection(handlers, query);
  newest = self;
  if (before) {
    before.end();
    before.before(self.begin);
  } else {
    self.begin();
  }
  return { send: self.send, close: self.end };
}

/** Asks the server why it refuses. */
export function probe(told, query = '') {
  wx.request({
    url: `http${scheme}://${domain}${basePath}/readyz${query}`,
    timeout: HANDSHAKE_MS,
    dataType: 'text',
    success: ({ statusCode, data }) => told(statusCode === 503 ? String(data) : ''),
    fail: () => told(''),
  });
}

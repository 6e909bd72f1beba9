// The game of this mini program: the shared session on this platform, and the pages that watch it.

import { createSession } from './session.js';
import { connect, probe } from './socket.js';
import { keepToken, own, profile } from './player.js';

const watchers = [];

const session = createSession({
  connect,
  probe,
  now: () => Date.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (id) => clearTimeout(id),
  random: Math.random,
  profile,
  token: own().token,
  keepToken,
  changed(state, event) {
    watchers.slice().forEach((watcher) => watcher(state, event));
  },
});

let begun = false;

/** The session, opened when the first page shows up. */
export const game = Object.assign({}, session, {
  begin() {
    if (begun) return;
    begun = true;
    session.open();
  },
});

/** Calls `watcher` now and after every change; returns how to stop that. */
export function watch(watcher) {
  watchers.push(watcher);
  watcher(session.state, { name: 'watch' });
  return () => {
    const index = watchers.indexOf(watcher);
    if (index >= 0) watchers.splice(index, 1);
  };
}

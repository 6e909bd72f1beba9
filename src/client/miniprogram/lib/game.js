// The game of this mini program: the shared session on this platform, and the pages that watch it.

import { now } from './clock.js';
import { t } from './language.js';
import { createSession } from './session.js';
import { connect, probe } from './socket.js';
import { keepToken, own, profile } from './player.js';

const watchers = [];

const session = createSession({
  connect,
  probe,
  now,
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
let shown = false;

/** The session, opened when the first page shows up. */
export const game = Object.assign({}, session, {
  begin() {
    if (begun) return;
    begun = true;
    session.open();
    // A dead line says nothing: without this it is noticed when the next ping goes unanswered.
    wx.onNetworkStatusChange(() => shown && session.wake());
  },
  wake() {
    shown = true;
    session.wake();
  },
  away() {
    shown = false;
    session.away();
  },
});

/** Sitting in a private room without a partner: a friend may come, today or in five minutes. */
export const alone = ({ code, phase, other }) => Boolean(code) && (phase === 'waiting'
  || (phase === 'between' && !(other && other.present)));

/** The card that is sent to a friend; it leads into the private room, if there is one. */
export function card() {
  const { code } = session.state;
  return { title: t('invitation'), path: `/pages/index/index${code ? `?room=${code}` : ''}` };
}

/** Calls `watcher` now and after every change; returns how to stop that. */
export function watch(watcher) {
  watchers.push(watcher);
  watcher(session.state, { name: 'watch' });
  return () => {
    const index = watchers.indexOf(watcher);
    if (index >= 0) watchers.splice(index, 1);
  };
}

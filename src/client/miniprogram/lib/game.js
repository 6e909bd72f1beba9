// The game of this mini program: the shared session on this platform, and the pages that watch it.

import { now } from './clock.js';
import { duel } from './duel.js';
import { recorder } from './inside.js';
import { t } from './language.js';
import {
  keepToken, own, picture, played, profile,
} from './player.js';
import { createSession } from './session.js';
import { ask, signed } from './signed.js';
import { connect, probe } from './socket.js';

/** The rounds against the present opponent. */
export const rounds = duel();

const watchers = [];
let running = false;

/** Every message, for whoever looks inside. */
export const inside = recorder(now, () => tell(session.state, { name: 'inside' }));

function tell(state, event) {
  watchers.slice().forEach((watcher) => watcher(state, event));
}

const session = createSession({
  connect: inside.wrap(connect),
  probe,
  now,
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (id) => clearTimeout(id),
  random: Math.random,
  profile,
  token: own().token,
  keepToken,
  signed,
  changed(state, event) {
    if (event.name === 'start') running = true;
    // A session that is resumed is told its last result once more.
    if (event.name === 'result' && running && state.phase === 'between' && state.outcome) {
      running = false;
      event.fresh = true;
      rounds.count(state);
      played(state.me);
    }
    tell(state, event);
  },
});

let begun = false;
let shown = false;

/** The session, opened when the first page shows up. */
export const game = Object.assign({}, session, {
  begin() {
    if (begun) return;
    begun = true;
    ask(session.open);
    // A dead line says nothing: without this it is noticed when the next ping goes unanswered.
    wx.onNetworkStatusChange(({ isConnected }) => {
      if (!shown) return;
      if (isConnected) session.wake();
      else session.doubt();
    });
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

/** Name and picture as others see them: what a signed token says goes before what is worn here. */
export function shownAs() {
  const { named } = session.state;
  const { uname, uavatar, photo } = Object.assign({}, own(), named);
  return { uname, uavatar, portrait: ('uavatar' in named ? '' : photo) || picture(uavatar) };
}

/** Sitting in a private room without a partner: a friend may come, today or in five minutes. */
export const alone = ({ code, phase, other }) => Boolean(code) && (phase === 'waiting'
  || (phase === 'between' && !(other && other.present)));

/**
 * Goes from the table. What somebody would miss, a friend, a room, a round, can be undone for five
 * seconds: until then the seat waits.
 */
export function goAway() {
  const { phase, code, other } = session.state;
  const missed = code || phase === 'playing' || (other && other.present && !other.robot);
  if (missed) session.leaveSoon();
  else session.leave();
}

/** The card that is sent to a friend; it leads into the private room, if there is one. */
export function card() {
  const { code } = session.state;
  return {
    title: t('invitation'),
    path: `/pages/index/index${code ? `?room=${code}` : ''}`,
    imageUrl: '/share.png',
  };
}

/** Calls `watcher` now and after every change (`fresh`: a round has just ended); returns how to stop that. */
export function watch(watcher) {
  watchers.push(watcher);
  watcher(session.state, { name: 'watch' });
  return () => {
    const index = watchers.indexOf(watcher);
    if (index >= 0) watchers.splice(index, 1);
  };
}

// A world for one session: a clock that only moves when told, sockets that a test holds both ends of.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const SOURCE = new URL('../../../src/client/web/session.js', import.meta.url);
// Through its text, because the folder of a web page has no package.json to say "module".
const { createSession } = await import(
  `data:text/javascript,${encodeURIComponent(readFileSync(SOURCE, 'utf8'))}`
);

export const ME = 'p-me';
export const HI = {
  message: 'welcome', nearby: 1, uid: ME, session: 'token-1', resumed: false,
  totalScore: 0, winStreak: 0,
};

/** A row of `room`'s users. */
export const user = (uid, more = {}) => ({
  uid, uname: uid, uavatar: 'builtin:1', ready: true, robot: false, online: true, ...more,
});
/** The payload of `room`; `code` makes it a private one. */
export const room = (users, code) => ({
  roomId: 'room1', users, full: users.length === 2, ...(code ? { code } : {}),
});
const row = (uid, more) => ({
  uid, uname: uid, uavatar: '', choice: null, roundScore: 0, totalScore: 0, winStreak: 0, ...more,
});
export const start = (uid = 'bob', mine = {}, gameTime = 3) => ({
  gameTime, roomUsers: [row(ME, mine), row(uid)],
});
export const result = (mine, theirs, uid = 'bob') => ({
  result: [{ uid: ME, totalScore: 0, winStreak: 0, choice: null, roundScore: 0, ...mine },
    { uid, totalScore: 0, winStreak: 0, choice: null, roundScore: 0, ...theirs }],
});

export class Bench {
  constructor({ random = () => 0.5, token, probe, signed } = {}) {
    this.now = 0;
    this.timers = new Map();
    this.lastId = 0;
    this.sockets = [];
    this.events = [];
    this.tokens = [];
    this.game = createSession({
      connect: (handlers, query) => {
        const socket = { handlers, query, sent: [], read: 0, open: true, at: this.now };
        this.sockets.push(socket);
        return {
          send: (text) => {
            assert.ok(socket.open, `sent after closing: ${text}`);
            socket.sent.push({ at: this.now, event: JSON.parse(text) });
          },
          close: () => {
            socket.open = false;
          },
        };
      },
      probe,
      now: () => this.now,
      setTimer: (run, ms) => {
        assert.ok(ms >= 0, `a timer in the past: ${ms}`);
        this.lastId += 1;
        this.timers.set(this.lastId, { at: this.now + ms, run });
        return this.lastId;
      },
      clearTimer: (id) => this.timers.delete(id),
      random,
      profile: () => ({ uname: 'Ada', uavatar: 'builtin:2' }),
      token,
      signed,
      keepToken: (kept, stays) => this.tokens.push(stays ? `${kept} beside` : kept),
      changed: (_, event) => this.events.push(event),
    });
    this.state = this.game.state;
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** Lets time pass, and every timer that is due by then run at its own moment. */
  advance(ms) {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end)
        .sort(([one, a], [other, b]) => a.at - b.at || one - other)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
    }
    this.now = end;
  }

  says(name, payload) {
    this.socket.handlers.received(JSON.stringify(payload === undefined ? [name] : [name, payload]));
  }

  /** The names (and payloads) sent on the newest socket since the last look. */
  sent() {
    const { sent, read } = this.socket;
    this.socket.read = sent.length;
    return sent.slice(read).map(({ event }) => event);
  }

  /** From nothing to online: the socket opens, the server knows us, `more` are its events. */
  online(hi = {}, ...more) {
    if (!this.sockets.length) this.game.open();
    this.socket.handlers.opened();
    this.says('hi', { ...HI, ...hi });
    more.forEach(([name, payload]) => this.says(name, payload));
    this.says('pong');
    this.socket.read = Math.min(this.socket.sent.length, 2); // hello and its ping
    return this;
  }

  /** The connection breaks without a word. */
  breaks() {
    this.socket.open = false;
    this.socket.handlers.closed();
  }

  /** Waits for the next attempt, and not longer. */
  retry() {
    const { length } = this.sockets;
    for (let ms = 0; ms < 60000 && this.sockets.length === length; ms += 1) this.advance(1);
    assert.equal(this.sockets.length, length + 1, 'one new socket');
  }

  /** Breaks, and comes back as soon as the back-off lets it. */
  returns(hi = {}, ...more) {
    if (this.state.link === 'online') this.breaks();
    this.retry();
    return this.online({ resumed: true, ...hi }, ...more);
  }
}

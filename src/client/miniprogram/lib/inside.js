// Looking inside: every message as it travels, the time between them, and one sentence on each.
//
// Absent: DOM, wx and a clock, as in session.js; and anything at all until somebody asks for it. A
// session's token is shortened, and a signed one: whoever has it plays in its place.

import { meaningOf } from './meanings.js';

/** So many lines are kept; a round has about ten. */
const LINES_MAX = 100;
const TEXT_MAX = 600;
const TOKEN = /("(?:session|token)":"[^"]{0,4})[^"]*"/g;

const states = {
  connecting: ['Opening a WebSocket: one JSON array a message, the plain dialect.',
    '正在打开 WebSocket：纯文本方言，一条消息一个 JSON 数组。'],
  open: ['Open: from here on both sides may speak at any time.', '已打开：从此双方随时可以说话。'],
  closed: ['Closed. The session comes back by itself, later and later.', '已关闭。会话会自动重连，间隔越来越长。'],
  unknown: ['No event of this contract.', '协议里没有这个事件。'],
};
/** The parts of src/wire/reference.md that define them. */
const WHERE = { '→': 'Events of the client', '←': 'Events of the server', '·': 'Addresses' };

/** One sentence about a message, as [English, Chinese]. */
export function meaning(way, text) {
  return (way === '·' ? states[text] : meaningOf(way, text)) || states.unknown;
}

/**
 * A recorder. `wrap(connect)` is a session's `connect` that tells of everything; `changed` is called
 * after every line.
 */
export function recorder(now, changed) {
  let on = false;
  let lines = [];
  let number = 0;
  let before = null;
  let current = null; // the connection that a typed message goes out on

  function note(way, text) {
    if (!on) return;
    const at = now();
    number += 1;
    const whole = text.replace(TOKEN, '$1…"');
    lines = [{
      number,
      way,
      text: whole.length > TEXT_MAX ? `${whole.slice(0, TEXT_MAX)}…` : whole,
      ms: before === null ? 0 : Math.round(at - before),
      meaning: meaning(way, text),
      where: WHERE[way],
    }].concat(lines).slice(0, LINES_MAX);
    before = at;
    changed();
  }

  return {
    /** The newest first. */
    lines: () => lines,
    on: () => on,
    turn(wanted) {
      on = wanted;
      lines = [];
      before = null;
      changed();
    },
    /** Sends what somebody typed, as it is; says whether there was a connection to send it on. */
    send(text) {
      if (!on || !current) return false;
      current.send(text);
      return true;
    },
    wrap: (connect) => (handlers, query) => {
      note('·', 'connecting');
      let socket = null;
      const self = {
        send(text) {
          note('→', text);
          socket.send(text);
        },
        close() {
          if (current === self) current = null;
          socket.close();
        },
      };
      socket = connect({
        opened() {
          current = self;
          note('·', 'open');
          handlers.opened();
        },
        received(text) {
          note('←', text);
          handlers.received(text);
        },
        closed() {
          if (current === self) current = null;
          note('·', 'closed');
          handlers.closed();
        },
      }, query);
      return self;
    },
  };
}

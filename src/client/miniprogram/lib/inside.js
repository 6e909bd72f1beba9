// Looking inside: every message as it travels, the time between them, and one sentence on each.
//
// Absent: DOM, wx and a clock, as in session.js; and anything at all until somebody asks for it. A
// session's token is shortened: whoever has it plays on in its place.

/** So many lines are kept; a round has about ten. */
const LINES_MAX = 100;
const TEXT_MAX = 600;
const TOKEN = /("session":"[^"]{0,4})[^"]*"/g;

/** What an event of the client and one of the server mean: English, Chinese. */
const sent = {
  hello: ['Who I am; with a session, which one I come back to.', '我是谁；带上会话就是恢复它。'],
  join: ['I ask for a round.', '请求开一局。'],
  choice: ['My hand: 1 scissors, 2 rock, 3 paper. The last one before the end counts.',
    '我的手势：1 剪刀，2 石头，3 布。结束前最后一个算数。'],
  face: ['A face for the other one.', '给对方看的表情。'],
  leave: ['I give my place up.', '我离开座位。'],
  away: ['Nobody looks here: I count as offline until my next event.', '切到后台：下一个事件之前算离线。'],
  ping: ['Are you there? It keeps the line open, and shows whether it is.', '还在吗？既保持连接，也检查连接。'],
};
const received = {
  hi: ['Who you are here, and your session. Always the first event.', '你在这里的身份和会话，总是第一个事件。'],
  room: ['Who sits in the room; at every change.', '房间里有谁，每次变化都会收到。'],
  start: ['A round begins: gameTime is its length in seconds.', '一局开始，gameTime 是秒数。'],
  movement: ['The other one did something; never which hand.', '对方有动作，但不说出了什么。'],
  result: ['Both hands and the points, to both at the same moment.', '双方的手势和得分，同时发给两人。'],
  leave: ['The other one has gone.', '对方离开了。'],
  problem: ['An event of mine was refused; code says why.', '我的一个事件被拒绝，code 说明原因。'],
  pong: ['Yes: the answer to ping.', '在：对 ping 的回答。'],
  bye: ['The server closes now; retry_ms says when to come back.', '服务器要关闭连接，retry_ms 后再来。'],
};
const states = {
  connecting: ['Opening a WebSocket: one JSON array a message, the plain dialect.',
    '正在打开 WebSocket：纯文本方言，一条消息一个 JSON 数组。'],
  open: ['Open: from here on both sides may speak at any time.', '已打开：从此双方随时可以说话。'],
  closed: ['Closed. The session comes back by itself, later and later.', '已关闭。会话会自动重连，间隔越来越长。'],
  unknown: ['No event of this contract.', '协议里没有这个事件。'],
};
/** The parts of src/wire/reference.md that define them. */
const WHERE = { '→': 'Events of the client', '←': 'Events of the server', '·': 'Addresses' };

function eventOf(text) {
  try {
    const event = JSON.parse(text);
    return Array.isArray(event) && typeof event[0] === 'string' ? event[0] : '';
  } catch (_) {
    return '';
  }
}

/** One sentence about a message, as [English, Chinese]. */
export function meaning(way, text) {
  const known = { '→': sent, '←': received, '·': states }[way];
  const name = way === '·' ? text : eventOf(text);
  return Object.prototype.hasOwnProperty.call(known, name) ? known[name] : states.unknown;
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
    wrap: (connect) => (handlers) => {
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
      });
      return self;
    },
  };
}

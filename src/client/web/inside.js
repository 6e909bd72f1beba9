// A look inside: every message as it travels, the time between them, and what each one means.
// Messages can be copied, and one can be typed and sent. Loaded when somebody asks for it.
//
// Absent: any effect on the game, but for what is typed here and sent.

import { copy } from './asks.js';
import { say, watch } from './socket.js';

/** Older lines go. */
const LINES_MAX = 200;
const DIALECT = ['Plain dialect: one JSON array in one text frame.', '普通方言：一个文本帧里一个 JSON 数组。'];

/** What each event means, in a sentence; all of it is defined in src/wire/reference.md. */
const MEANINGS = {
  '→ hello': ['Says who I am, that I speak version 2, and which session I had.', '告诉服务器我是谁、说第 2 版、之前的会话是哪个。'],
  '→ join': ['Asks for a round: the first, the next, or one in a private room.', '想玩一局：第一局、下一局，或进私人房间。'],
  '→ choice': ['My hand: 1 scissors, 2 rock, 3 paper. The last one before the end counts.', '我出的手势：1 剪刀、2 石头、3 布，结束前最后一个算数。'],
  '→ face': ['A face for the other one.', '给对方发个表情。'],
  '→ leave': ['Gives the place up.', '离开座位。'],
  '→ away': ['Nobody looks: the seat waits, but for no round.', '暂时离开：座位保留，但不开局。'],
  '→ ping': ['A sign of life that a page can see answered; frames of the protocol stay out of its sight.', '网页看得见回应的心跳；协议层的 ping 帧网页看不到。'],
  '← hi': ['Always the first: my uid, my session’s token, my scores, how many others are online.', '总是第一条：我的 uid、会话令牌、得分、在线人数。'],
  '← room': ['Who sits in my room, who is ready, who is online; at every change.', '房间里有谁、谁准备好了、谁在线；每次变化都发。'],
  '← start': ['A round begins; it lasts gameTime seconds on the server’s clock.', '一局开始，按服务器的时钟持续 gameTime 秒。'],
  '← movement': ['The other one chose, never which hand, or shows a face.', '对方出手了（不说出什么），或发了表情。'],
  '← result': ['The end of a round: exactly one for each seat, whatever happened.', '一局的结果：每个座位恰好一条，无论发生什么。'],
  '← leave': ['The other one gave its place up.', '对方离开了座位。'],
  '← pong': ['The answer to ping.', '对 ping 的回应。'],
  '← problem': ['An event was refused, and why; the connection goes on.', '某个事件被拒绝及其原因；连接继续。'],
  '← bye': ['The server closes; with retry_ms it asks to come back after that time.', '服务器要关闭连接；带 retry_ms 表示请稍后再来。'],
};
const TEXTS = {
  title: ['Look inside', '看看里面'], close: ['Close', '关闭'], copy: ['Copy', '复制'],
  send: ['Send', '发送'], type: ['A message to send', '要发送的消息'],
  defined: [' Defined in src/wire/reference.md.', ' 定义见 src/wire/reference.md。'],
  opened: ['connected', '已连接'], closed: ['connection closed', '连接已关闭'],
};

function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** The name of the event in a text, or ''. */
function nameOf(text) {
  try {
    return String(JSON.parse(text)[0]);
  } catch (_) {
    return '';
  }
}

/** Its looks, once. */
function dress() {
  if (document.querySelector('link[href="inside.css"]')) return;
  const link = make('link', '');
  Object.assign(link, { rel: 'stylesheet', href: 'inside.css' });
  document.head.append(link);
}

export function openInside(language) {
  dress();
  const t = (texts) => texts[language === 'en' ? 0 : 1];
  const root = make('aside', 'inside');
  root.setAttribute('aria-label', t(TEXTS.title));
  const head = make('p', 'inside-head', `</> ${t(DIALECT)}`);
  const close = make('button', 'inside-close', '×');
  close.setAttribute('aria-label', t(TEXTS.close));
  const list = make('ol', 'inside-lines');
  list.tabIndex = 0;
  const form = make('form', 'inside-form');
  const input = make('input', '');
  input.setAttribute('aria-label', t(TEXTS.type));
  input.value = '["ping"]';
  form.append(input, make('button', '', t(TEXTS.send)));
  head.append(close);
  root.append(head, list, form);
  let last = 0;

  function line(way, text) {
    const at = performance.now();
    const item = make('li', '');
    const gap = last ? `+${((at - last) / 1000).toFixed(2)} s` : '';
    last = at;
    const shown = make('details', '');
    const summary = make('summary', '', `${way} ${text}`);
    summary.prepend(make('small', '', gap));
    const meaning = MEANINGS[`${way} ${nameOf(text)}`];
    shown.append(summary, make('p', '', meaning ? t(meaning) + t(TEXTS.defined) : text));
    const taken = make('input', 'inside-copy');
    Object.assign(taken, { value: text, readOnly: true });
    const copier = make('button', '', t(TEXTS.copy));
    copier.onclick = () => copy(taken);
    shown.append(taken, copier);
    item.append(shown);
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(item);
    if (list.children.length > LINES_MAX) list.firstChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  const unwatch = watch((way, text) => line(way, way === '·' ? t(TEXTS[text]) : text));
  form.onsubmit = (event) => {
    event.preventDefault();
    say(input.value);
  };
  close.onclick = () => {
    unwatch();
    root.remove();
    delete document.documentElement.dataset.inside;
  };
  document.body.append(root);
  document.documentElement.dataset.inside = '';
}

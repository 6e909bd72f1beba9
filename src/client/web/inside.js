// A look inside: every message as it travels, the time between them, and what each one means.
// Messages can be copied, and one can be typed and sent. Loaded when somebody asks for it.
//
// Absent: any effect on the game, but for what is typed here and sent. A session's token is shortened, and
// a signed one: whoever reads it in a copied message would play in its place.

import { copy } from './asks.js';
import { meaningOf } from './meanings.js';
import { say, watch } from './socket.js';

/** Older lines go. */
const LINES_MAX = 200;
const TOKEN = /("(?:session|token)":"[^"]{0,4})[^"]*"/g;
const DIALECT = ['Plain dialect: one JSON array in one text frame.', '普通方言：一个文本帧里一个 JSON 数组。'];

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

  function line(way, travels) {
    const text = travels.replace(TOKEN, '$1…"');
    const at = performance.now();
    const item = make('li', '');
    const gap = last ? `+${((at - last) / 1000).toFixed(2)} s` : '';
    last = at;
    const shown = make('details', '');
    const summary = make('summary', '', `${way} ${text}`);
    summary.prepend(make('small', '', gap));
    const meaning = meaningOf(way, text);
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

// The board: who is best, this week and for ever, and where one stands oneself. Loaded when somebody
// asks for it.
//
// Absent: what is asked of the server (see session.js), and the names of boards in any language but
// the player's.

import { picture } from './player.js';
import { createSheet } from './sheets.js';
import { say } from './stage.js';
import { boardView, nameOf } from './words.js';

/** Its boards, in the order of their buttons. */
const BOARDS = ['week', 'ever'];

function make(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  if (parent) parent.append(element);
  return element;
}

/** Its looks, once. */
function dress() {
  const link = make('link', '');
  Object.assign(link, { rel: 'stylesheet', href: 'board.css' });
  document.head.append(link);
}

/** Makes the sheet; returns { open(), close(), show() }, the last for every change of the session. */
export function createBoard(t, game) {
  dress();
  const { state } = game;
  let board = BOARDS[0];
  let asked = false; // over this connection
  const content = make('div', 'board');
  const choice = make('div', 'board-choice', content);
  choice.setAttribute('role', 'group');
  const buttons = BOARDS.map((each) => {
    const button = make('button', '', choice);
    say(button, t(`board:${each}`));
    button.onclick = () => {
      board = each;
      ask();
    };
    return button;
  });
  const list = make('ol', 'board-rows', content);
  const more = make('ol', 'board-rows board-around', content);
  const told = make('p', 'board-told', content);
  told.setAttribute('role', 'status');
  const rule = make('p', 'board-rule', content);
  say(rule, t('boardRule'));
  const sheet = createSheet('board-sheet', t('board'), t('close'), content);

  /** `place` may be missing: somebody so far below has none. */
  function row(parent, player) {
    const item = make('li', player.place <= 3 ? `medal medal-${player.place}` : '', parent);
    if (player.uid === state.me.uid) item.setAttribute('aria-current', 'true');
    say(make('b', 'board-place', item), player.place ? String(player.place) : '');
    const address = picture(player.uavatar);
    const portrait = make('span', 'board-portrait', item);
    portrait.innerHTML = '<svg aria-hidden="true"><use href="#nobody"/></svg>';
    if (address) {
      const image = make('img', '', portrait);
      image.alt = '';
      image.src = address;
    }
    const name = make('bdi', '', make('span', 'board-name', item));
    say(name, nameOf(t, player));
    say(make('b', 'board-points', item), String(player.points));
  }

  function show() {
    if (sheet.element.hidden) return;
    // Whoever was not online had not asked, or was not told.
    if (state.link !== 'online') asked = false;
    else if (!asked) ask();
    const { players, around, told: sentence } = boardView(t, state, board);
    buttons.forEach((button, index) => button.setAttribute('aria-pressed', BOARDS[index] === board));
    // What is the same as before is not drawn again: somebody may be reading it out.
    const key = JSON.stringify([board, players, around, state.me.uid]);
    if (content.dataset.shown !== key) {
      content.dataset.shown = key;
      [list, more].forEach((each) => { each.textContent = ''; });
      players.forEach((player) => row(list, player));
      around.forEach((player) => row(more, player));
    }
    more.hidden = !around.length;
    say(told, sentence);
  }

  function ask() {
    asked = state.link === 'online';
    game.askBoard(board);
    show();
  }

  return {
    show,
    close: sheet.close,
    open() {
      sheet.open();
      ask();
    },
  };
}

// The menu: what is not needed within a round. What ends something names it, and can be undone.

import { createSheet } from './sheets.js';

/**
 * Makes the menu. An item is { id, word(), shown(), run(), stays }: `word` and `shown` are asked at
 * every change; one that `stays` does not close the menu.
 */
export function createMenu(t, items) {
  const list = document.createElement('div');
  list.className = 'items';
  const buttons = items.map(({ id }) => {
    const button = document.createElement('button');
    button.id = id;
    list.append(button);
    return button;
  });
  const note = document.createElement('p');
  note.className = 'note';
  list.append(note);
  const sheet = createSheet('menu-sheet', t('menu'), t('close'), list);

  function show() {
    items.forEach(({ word, shown }, index) => {
      buttons[index].hidden = !shown();
      if (shown()) buttons[index].textContent = word();
    });
  }
  items.forEach(({ run, stays }, index) => {
    buttons[index].onclick = () => {
      if ('fresh' in document.documentElement.dataset) return;
      if (!stays) sheet.close();
      run();
      show();
    };
  });
  return {
    show,
    close: sheet.close,
    open(text) {
      note.textContent = text;
      show();
      sheet.open();
    },
  };
}

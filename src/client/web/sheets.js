// Sheets over the page: one at a time, closed by a button, by Escape and by a tap beside it; the
// keyboard stays inside, and goes back to where it was.
//
// Absent: <dialog>, which browsers of 2019 do not have.

const FOCUSABLE = 'button:not([hidden]), input, textarea, summary';

const shown = (element) => element.offsetWidth > 0;

/**
 * Makes a sheet of `content`, an element, under a heading; returns { open(), close(), element }.
 * `closed()` is called after it went away.
 */
export function createSheet(id, title, closeWord, content, closed = () => {}) {
  const element = document.createElement('div');
  Object.assign(element, { id, className: 'sheet', hidden: true });
  element.innerHTML = '<div class="panel" role="dialog" aria-modal="true"><div class="head"><h2></h2>'
    + '<button class="close"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg></button></div></div>';
  const [panel, heading, closer] = ['.panel', 'h2', '.close'].map((each) => element.querySelector(each));
  heading.textContent = title;
  heading.id = `${id}-title`;
  panel.setAttribute('aria-labelledby', heading.id);
  panel.tabIndex = -1;
  closer.setAttribute('aria-label', closeWord);
  panel.append(content);
  const main = document.querySelector('main');
  let before = null;

  function close() {
    if (element.hidden) return;
    element.hidden = true;
    main.removeAttribute('inert');
    main.removeAttribute('aria-hidden');
    if (before && before.focus) before.focus();
    closed();
  }

  element.onclick = (event) => {
    if (event.target === element) close();
  };
  closer.onclick = close;
  element.onkeydown = (event) => {
    if (event.key === 'Escape') close();
    if (event.key !== 'Tab') return;
    const stops = [...panel.querySelectorAll(FOCUSABLE)].filter(shown);
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const at = document.activeElement;
    if (event.shiftKey ? at === first || at === panel : at === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  };
  document.getElementById('sheets').append(element);

  return {
    element,
    close,
    open() {
      before = document.activeElement;
      element.hidden = false;
      main.setAttribute('inert', '');
      main.setAttribute('aria-hidden', 'true');
      // Not the first field: on a phone that would raise the keyboard over the rest.
      panel.focus();
    },
  };
}

// Playing with a friend: the sheet that opens or enters a room, and the invitation on the stage.

import { address, canShare, copy, share } from './asks.js';
import { tab } from './player.js';
import { createSheet } from './sheets.js';
import { say } from './stage.js';

const $ = (selector, root = document) => root.querySelector(selector);

/** Nobody to play with, but a friend may come. */
export const alone = ({ code, phase, other }) => code && (phase === 'waiting'
  || (phase === 'between' && !other.present));

function createEntry(t, game) {
  const entry = document.createElement('div');
  entry.innerHTML = '<p><button id="invite" class="primary"></button></p><p><button id="last"></button></p>'
    + '<form id="enter"><label for="code"></label><div><input id="code" maxlength="7" autocomplete="off" autocapitalize="characters" spellcheck="false"><button></button></div></form>';
  const [invite, last, form, label, input, enter] = ['#invite', '#last', '#enter', 'label', 'input', '#enter button']
    .map((selector) => $(selector, entry));
  const sheet = createSheet('friend-sheet', t('invite'), t('close'), entry);
  say(invite, t('openRoom'));
  say(label, t('orCode'));
  say(enter, t('join'));
  const go = (room) => {
    sheet.close();
    // The first round waits until both have tapped a hand.
    game.play({ room, ready: false });
  };
  invite.onclick = () => go('new');
  last.onclick = () => go(tab.get('room'));
  form.onsubmit = (event) => {
    event.preventDefault();
    const code = input.value.trim();
    input.value = '';
    if (code) go(code);
  };
  return {
    close: sheet.close,
    open() {
      const code = tab.get('room');
      last.hidden = !code;
      say(last, t('lastRoom', { code }));
      sheet.open();
    },
  };
}

/** The link for a camera, drawn once somebody has a room. */
function drawCode(link) {
  const code = $('#qr');
  import('./qr.js').then(({ draw }) => {
    const drawn = draw(link);
    code.toggleAttribute('hidden', !drawn);
    if (!drawn) return;
    code.setAttribute('viewBox', `0 0 ${drawn.size} ${drawn.size}`);
    $('path', code).setAttribute('d', drawn.path);
  }, () => code.setAttribute('hidden', ''));
}

export function createFriend(t, game) {
  const entry = createEntry(t, game);
  const [room, code, link, send, copying] = ['#room', '#room strong', '#link', '#share', '#copy']
    .map((selector) => $(selector));
  link.setAttribute('aria-label', t('link'));
  send.hidden = !canShare();
  copying.className = send.hidden ? 'primary' : '';
  send.onclick = () => share({ title: t('invitation'), text: t('invitation'), url: link.value });
  copying.onclick = async () => say(copying, t(await copy(link) ? 'copied' : 'copyByHand'));
  link.onfocus = () => link.select();

  return {
    entry,
    /** The invitation if it is `wanted`, and the room in the address. */
    show(state, name, wanted) {
      room.hidden = !wanted;
      if (state.code) {
        if (code.textContent !== state.code) {
          say(code, state.code);
          say(copying, t('copy'));
          tab.set('room', state.code);
          link.value = `${location.origin}${location.pathname}?room=${state.code}`;
          drawCode(link.value);
        }
        address(state.code);
      } else if (name && !state.friend) {
        address('');
      }
    },
  };
}

// The sheet with one's own name and picture.

import { AVATARS, keepProfile, picture } from './player.js';
import { createSheet } from './sheets.js';

/**
 * Makes the sheet; `worn()` is called when something else is worn. `lasts()` says whether the
 * browser will know the points of this tab when it is closed. What a signed token says is not to be
 * changed here.
 */
export function createCard(t, profile, state, worn, lasts) {
  const form = document.createElement('form');
  form.innerHTML = '<label><span></span><input id="uname" maxlength="20" autocomplete="nickname" required></label>'
    + '<div id="avatars" role="radiogroup"></div><button class="primary"></button><p class="note"></p>';
  const [label, uname, avatars, save, points] = ['span', '#uname', '#avatars', 'button', 'p']
    .map((selector) => form.querySelector(selector));
  label.textContent = t('name');
  save.textContent = t('save');
  avatars.setAttribute('aria-label', t('picture'));
  for (let n = 0; n < AVATARS; n += 1) {
    const option = document.createElement('label');
    option.innerHTML = '<input type="radio" name="uavatar"><img width="56" height="56">';
    option.firstChild.value = `builtin:${n}`;
    option.lastChild.alt = t('animals')[n];
    avatars.append(option);
  }
  const sheet = createSheet('card', t('card'), t('close'), form);

  form.onsubmit = (event) => {
    event.preventDefault();
    const chosen = form.querySelector(':checked');
    if (!uname.readOnly) profile.uname = uname.value.trim() || profile.uname;
    if (chosen) profile.uavatar = chosen.value;
    keepProfile(profile);
    sheet.close();
    worn();
  };

  return {
    open() {
      const { named } = state;
      uname.readOnly = 'uname' in named;
      uname.value = Object.assign({}, profile, named).uname;
      avatars.hidden = 'uavatar' in named;
      save.hidden = uname.readOnly && avatars.hidden;
      save.style.marginTop = avatars.hidden ? '.9rem' : '';
      points.textContent = t(state.signed && state.board ? 'signed' : lasts() ? 'lasting' : 'passing');
      avatars.querySelectorAll('label').forEach(({ firstChild, lastChild }) => {
        firstChild.checked = firstChild.value === profile.uavatar;
        // Not before somebody looks.
        if (!lastChild.getAttribute('src')) lastChild.src = picture(firstChild.value);
      });
      sheet.open();
    },
  };
}

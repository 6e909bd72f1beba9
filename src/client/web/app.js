// The page: shows a session's state, turns clicks and keys into what the player does.
//
// Absent: the protocol (see session.js), and any address that came from another player.

import { createSession } from './session.js';
import { outcomeText, speaker, spoken, statusText } from './words.js';

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selectors, root) => selectors.map((selector) => $(selector, root));
const aria = (element, name, value) => element.setAttribute(`aria-${name}`, value);
const copied = (template) => $(template).content.firstElementChild.cloneNode(true);
const AVATARS = 16;
const lang = spoken(navigator.language);
const t = speaker(lang);

// ---- What this device and this tab remember ----

/** A storage that may be forbidden. */
function memory(which) {
  const attempt = (run) => {
    try {
      return run(window[which]);
    } catch (_) {
      return null;
    }
  };
  return {
    get: (key) => attempt((storage) => storage.getItem(`roshambo.${key}`)),
    set: (key, value) => attempt((storage) => storage.setItem(`roshambo.${key}`, value)),
  };
}
const device = memory('localStorage');
const tab = memory('sessionStorage');

const profile = {
  uname: device.get('name') || `${t('guest')} ${10 + Math.floor(Math.random() * 90)}`,
  uavatar: device.get('avatar') || `builtin:${Math.floor(Math.random() * AVATARS)}`,
};

/** What the server told the page. */
const told = (name) => $(`meta[name=roshambo-${name}]`).content;

/** An avatar's address, or '': other people's addresses would tell them who looks at them. */
function picture(uavatar) {
  const known = /^builtin:(\d|1[0-5]|robot)$/.exec(uavatar);
  if (known) return `avatars/${known[1]}.svg`;
  return told('remote') === 'yes' && /^(https?|data):/.test(uavatar) ? uavatar : '';
}

// ---- The way to the server ----

/** The socket's address, or one below it; told relative to the page's, which a proxy may change. */
const address = (below = '') => new URL(told('socket') + below, location.href);

function connect(handlers) {
  const socket = new WebSocket(address().href.replace(/^http/, 'ws'));
  socket.onopen = handlers.opened;
  socket.onmessage = (message) => handlers.received(message.data);
  socket.onclose = handlers.closed;
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => socket.close(),
  };
}

const game = createSession({
  connect,
  probe: (said) => fetch(address('/readyz'), { cache: 'no-store' })
    .then((answer) => (answer.status === 503 ? answer.text() : '')).then(said, () => said('')),
  now: () => performance.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (id) => clearTimeout(id),
  random: Math.random,
  profile: () => ({ ...profile }),
  token: tab.get('session'),
  keepToken: (token) => tab.set('session', token),
  changed: show,
});
const { state } = game;

// ---- Two sides ----

function side(id) {
  const root = $(id);
  root.append($('#side').content.cloneNode(true));
  const [score, streak, hand, pop] = all(['.score', '.streak', '.hand', '.pop'], root);
  const image = $('img', root);
  return {
    root,
    show(player, { choice, hidden, verdict }) {
      const address = player ? picture(player.uavatar) : '';
      image.hidden = !address;
      if (address && image.getAttribute('src') !== address) image.src = address;
      $('.name bdi', root).textContent = player ? player.uname || t('nameless') : t('nobody');
      $('.tag', root).hidden = !(player && player.robot);
      score.hidden = streak.hidden = !player || Boolean(player.robot);
      if (player) {
        $('b', score).textContent = player.totalScore;
        $('b', streak).textContent = player.winStreak;
      }
      $('use', hand).setAttribute('href', `#hand${choice || 0}`);
      $('span', hand).textContent = choice ? t(`hand${choice}`) : hidden ? '?' : '';
      hand.dataset.look = hidden ? 'hidden' : choice ? verdict || 'shown' : 'empty';
    },
    pop(face) {
      if (!(face >= 1 && face <= 4)) return;
      $('use', pop).setAttribute('href', `#face${face}`);
      // Hidden and shown again, so that the same face pops up anew.
      pop.setAttribute('hidden', '');
      pop.getBoundingClientRect();
      pop.removeAttribute('hidden');
      clearTimeout(pop.timer);
      pop.timer = setTimeout(() => pop.setAttribute('hidden', ''), 2500);
    },
  };
}
const my = side('#me');
const their = side('#other');

// ---- Showing ----

/** Changes a text only when it differs, so that it is read aloud only then. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const main = $('main');
const [play, fresh, leave] = all(['#play', '#new', '#leave']);
const [invitation, codeText, copy] = all(['#room', '#room strong', '#copy']);
const [invite, enter, codeInput] = all(['#invite', '#enter', '#enter input']);
const [outcome, status, count] = all(['#outcome', '#status', '#count']);
const verdicts = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };

function show(_, event = {}) {
  const { link, phase, me, other } = state;
  const [playing, between] = [phase === 'playing', phase === 'between'];
  const online = link === 'online';
  const [mine, theirs] = verdicts[between ? state.outcome : ''] || [];
  Object.assign(main.dataset, { phase, link, outcome: theirs ? state.outcome : '' });
  const choice = playing || between ? me.choice : null;
  my.show({ ...me, ...profile, robot: false }, { choice, verdict: mine });
  their.show(other, {
    choice: between && other ? other.choice : null, hidden: playing, verdict: theirs,
  });
  main.toggleAttribute('data-choosing', playing && online && other.online && !other.left);

  const [big, how] = outcomeText(t, state);
  say(outcome.firstChild, big);
  say(outcome.lastChild, how);
  say(status, statusText(t, state));

  room(event);
  const stopped = link === 'stopped';
  say(play, t(stopped ? (state.reason === 'taken-over' ? 'here' : 'comeBack')
    : between ? 'again' : 'play'));
  play.hidden = !stopped && (playing || phase === 'waiting' || alone());
  aria(play, 'disabled', !stopped && state.again);
  fresh.hidden = stopped || !between || !other || !other.present || other.robot;
  leave.hidden = stopped || phase === 'free';
  say(leave, t(playing ? 'giveUp' : phase === 'waiting' ? 'cancel' : 'leave'));
  for (const button of hands) {
    aria(button, 'disabled', !playing || !online);
    aria(button, 'pressed', playing && me.choice === Number(button.value));
  }
  const together = online && other && (playing || between) && other.present;
  for (const button of faces) aria(button, 'disabled', !together);

  if (event.movement === 'face') their.pop(event.face);
  if (event.movement === 'choice') bump();
  tick();
}

/** Nobody to play with, but a friend may come. */
const alone = () => state.code && (state.phase === 'waiting' || (state.phase === 'between'
  && !state.other.present));

/** The private room: its code on the page and in the address, and who came while nobody looked. */
function room({ name }) {
  const { link, phase, other, code, friend } = state;
  invitation.hidden = link !== 'online' || !alone();
  if (code && codeText.textContent !== code) {
    codeText.textContent = code;
    say(copy, t('copy'));
  }
  enter.hidden = invite.hidden = link !== 'online' || phase !== 'free';
  if (code) history.replaceState(null, '', `?room=${code}`);
  else if (name && !friend && location.search) history.replaceState(null, '', location.pathname);
  const here = code && document.hidden && phase === 'between' && other && other.present;
  document.title = here ? `● ${t('arrived', { name: other.uname || t('nameless') })}` : 'roshambo';
}

/** A nudge on top of the spin: the other one has just taken a hand. */
function bump() {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  $('.avatar', their.root).animate(
    [{ scale: 1 }, { scale: 1.12 }, { scale: 1 }], { duration: 260, easing: 'ease-out' },
  );
}

/** Counts down in whole seconds. What comes after them is told by an event. */
function tick() {
  clearTimeout(count.timer);
  const counts = state.phase === 'playing' && state.link !== 'stopped';
  const left = counts ? Math.max(0, state.endsAt - performance.now()) : 0;
  say(count, counts ? String(Math.ceil(left / 1000)) : '');
  count.classList.toggle('last', left <= 1000);
  if (left) count.timer = setTimeout(tick, (left % 1000) + 5);
}

// ---- Buttons and keys ----

function press(run) {
  return (event) => {
    const button = event.target.closest('button');
    if (button && button.getAttribute('aria-disabled') !== 'true') run(Number(button.value));
  };
}

/** The buttons of a group, each with its drawing. */
function drawn(kind, numbers, run) {
  const group = $(`#${kind}s`);
  group.onclick = press(run);
  aria(group, 'label', t(`${kind}s`));
  return numbers.map((n) => {
    const button = copied('#drawn');
    button.value = n;
    $('use', button).setAttribute('href', `#${kind}${n}`);
    if (kind === 'face') aria(button, 'label', t(kind + n));
    else $('span', button).append(t(kind + n));
    $('kbd', button).append(n);
    group.append(button);
    return button;
  });
}
const hands = drawn('hand', [1, 2, 3], game.choose);
const faces = drawn('face', [1, 2, 3, 4], (face) => game.face(face) && my.pop(face));
play.onclick = press(() => (state.link === 'stopped' ? game.comeBack() : game.play()));
fresh.onclick = () => game.play({ new: true });
leave.onclick = () => game.leave();

document.addEventListener('keydown', (event) => {
  const { key, target, repeat } = event;
  if (repeat || event.ctrlKey || event.metaKey || event.altKey || target.closest('dialog, input')) return;
  const hand = hands[key - 1];
  if (hand) {
    hand.click();
  } else if (key === ' ' && !play.hidden) {
    // A focused button keeps its space bar, unless it is a hand after the round.
    if (target.closest('button:not([aria-disabled=true])')) return;
    event.preventDefault();
    play.click();
  }
});

invite.onclick = () => game.play({ room: 'new' });
enter.onsubmit = (event) => {
  event.preventDefault();
  const code = codeInput.value.trim();
  if (code) game.play({ room: code });
  codeInput.value = '';
};
copy.onclick = async () => {
  const done = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  if (done) return say(copy, t('copied'));
  // Without leave to write there is still the hand: the code is selected.
  getSelection().selectAllChildren(codeText);
};

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) game.wake();
  // The friend's first round shall not begin before somebody looks.
  else if (state.phase === 'waiting' && state.code) game.away();
});
document.addEventListener('freeze', () => game.away());
addEventListener('online', () => game.wake());
addEventListener('pageshow', (event) => event.persisted && game.wake());

// ---- Name and picture ----

const card = $('#card');
const uname = $('#uname');

/** Keeps my name and picture, and shows them. */
function wear() {
  device.set('name', profile.uname);
  device.set('avatar', profile.uavatar);
  $('#profile img').src = picture(profile.uavatar) || 'avatars/0.svg';
  $('#profile bdi').textContent = profile.uname;
}

t('animals').forEach((alt, n) => {
  const label = copied('#pick');
  const [radio, image] = label.children;
  radio.value = `builtin:${n}`;
  Object.assign(image, { alt, src: picture(radio.value) });
  $('#avatars').append(label);
});

$('#profile').onclick = () => {
  uname.value = profile.uname;
  for (const radio of card.querySelectorAll('[type=radio]')) {
    radio.checked = radio.value === profile.uavatar;
  }
  card.returnValue = '';
  card.showModal();
};
card.onclick = (event) => {
  if (event.target === card) card.close();
};
card.onclose = () => {
  if (card.returnValue !== 'ok') return;
  const chosen = $('[name=uavatar]:checked', card);
  profile.uname = uname.value.trim() || profile.uname;
  if (chosen) profile.uavatar = chosen.value;
  wear();
  game.rename();
  show();
};

// ---- Begin ----

document.documentElement.lang = lang;
for (const element of document.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
aria($('#avatars'), 'label', t('picture'));
$('#profile').title = t('card');
aria(my.root, 'label', t('you'));
aria(their.root, 'label', t('opponent'));
codeInput.placeholder = t('code');
aria(codeInput, 'label', t('code'));
wear();
show();
const asked = new URLSearchParams(location.search).get('room');
if (asked) game.play({ room: asked });
game.open();

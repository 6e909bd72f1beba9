// The page: shows a session's state, turns clicks and keys into what the player does.
//
// Absent: the protocol (see session.js), and any address that came from another player.

import { createSession } from './session.js';
import { lang, t } from './words.js';

const $ = (selector, root = document) => root.querySelector(selector);
const AVATARS = 16;

// ---- What this device and this tab remember -------------------------------------------------

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
    get: (key) => attempt((storage) => storage.getItem(key)),
    set: (key, value) => attempt((storage) => storage.setItem(key, value)),
  };
}
const device = memory('localStorage');
const tab = memory('sessionStorage');

const profile = {
  uname: device.get('roshambo.name') || `${t('guest')} ${10 + Math.floor(Math.random() * 90)}`,
  uavatar: device.get('roshambo.avatar') || `builtin:${Math.floor(Math.random() * AVATARS)}`,
};
function keepProfile() {
  device.set('roshambo.name', profile.uname);
  device.set('roshambo.avatar', profile.uavatar);
}
keepProfile();

/** The picture of an avatar, or '' for what we do not draw: foreign addresses are never loaded. */
function picture(uavatar) {
  const known = /^builtin:(\d|1[0-5]|robot)$/.exec(uavatar);
  return known ? `avatars/${known[1]}.svg` : '';
}

// ---- The way to the server ------------------------------------------------------------------

/** The page lies at `/` or at `BASE/`, also behind a proxy that puts something before it. */
function base() {
  const folder = location.pathname.slice(0, location.pathname.lastIndexOf('/'));
  const told = $('meta[name=roshambo-base]').content;
  return folder || (told.startsWith('/') ? told : '/applet/websocket');
}

function connect(handlers) {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${base()}`);
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
  probe: (told) => fetch(`${base()}/readyz`, { cache: 'no-store' })
    .then((answer) => told(answer.status === 503), () => told(false)),
  now: () => performance.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (id) => clearTimeout(id),
  random: Math.random,
  profile: () => ({ ...profile }),
  token: tab.get('roshambo.session'),
  keepToken: (token) => tab.set('roshambo.session', token),
  changed: show,
});
const { state } = game;

// ---- Two sides ------------------------------------------------------------------------------

function side(id) {
  const root = $(id);
  root.append($('#side').content.cloneNode(true));
  const [score, streak] = ['.score', '.streak'].map((part) => $(part, root));
  const hand = $('.hand', root);
  const pop = $('.pop', root);
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

// ---- Words ----------------------------------------------------------------------------------

function statusText() {
  const { link, reason, phase, other, note } = state;
  if (link === 'stopped') return t(`stopped:${reason}`, { reason }) || t('stopped', { reason });
  if (link !== 'online') return t(`link:${reason}`) || t('link:lost');
  const name = other ? other.uname || t('nameless') : '';
  if (phase === 'playing') {
    if (other.left) return t('leftPlaying', { name });
    if (!other.online) return t('offline', { name });
    if (other.moves) return t('chosen', { name });
    return t(other.robot ? 'robot' : 'human', { name });
  }
  const noted = note && note !== 'left' ? `${t(`note:${note}`) || t('note', { note })} ` : '';
  if (phase === 'waiting') return note === 'left' ? t('leftWaiting') : noted + t('waiting');
  if (phase === 'free') return noted + (state.nearby ? t('nearby', { n: state.nearby }) : t('free'));
  if (!other || other.robot) return noted + t('over');
  if (other.left || !other.present) return t('left', { name });
  if (!other.online) return t('offline', { name });
  if (state.again) return t('againWaiting', { name });
  return noted + (other.ready ? t('ready', { name }) : t('over'));
}

function outcomeText() {
  const { me, other, outcome, phase } = state;
  if (phase !== 'between' || !outcome) return ['', ''];
  const [mine, theirs] = [me.choice, other.choice].map((choice) => t(`hand${choice || 0}`));
  const how = outcome === 'draw'
    ? t(me.choice ? 'bothSame' : 'bothNone', { mine })
    : t(me.choice && other.choice ? outcome : `${outcome}None`, { mine, theirs });
  return [t(`big:${outcome}`), how];
}

/** Changes a text only when it differs, so that it is read aloud only then. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ---- Showing --------------------------------------------------------------------------------

const main = $('main');
const [play, fresh, leave] = ['#play', '#new', '#leave'].map((id) => $(id));
const [outcome, status, count] = ['#outcome', '#status', '#count'].map((id) => $(id));
const verdicts = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };

function show(_, event = {}) {
  const { link, phase, me, other } = state;
  const playing = phase === 'playing';
  const [mine, theirs] = verdicts[phase === 'between' ? state.outcome : ''] || [];
  Object.assign(main.dataset, { phase, link, outcome: theirs ? state.outcome : '' });
  const choice = phase === 'free' || phase === 'waiting' ? null : me.choice;
  my.show({ ...profile, ...me, robot: false }, { choice, verdict: mine });
  their.show(other, {
    choice: phase === 'between' && other ? other.choice : null, hidden: playing, verdict: theirs,
  });
  main.toggleAttribute('data-choosing', playing && link === 'online' && !other.left);

  const [big, how] = outcomeText();
  if (outcome.dataset.text !== big + how) {
    outcome.dataset.text = big + how;
    const strong = document.createElement('strong');
    strong.textContent = big;
    outcome.replaceChildren(strong, ' ', how);
  }
  say(status, statusText());

  const stopped = link === 'stopped';
  say(play, t(stopped ? (state.reason === 'taken-over' ? 'here' : 'comeBack')
    : phase === 'between' ? 'again' : 'play'));
  play.hidden = !stopped && (playing || phase === 'waiting');
  play.disabled = !stopped && state.again;
  fresh.hidden = stopped || phase !== 'between' || !other || !other.present || other.robot;
  leave.hidden = stopped || phase === 'free';
  say(leave, t(playing ? 'giveUp' : phase === 'waiting' ? 'cancel' : 'leave'));
  for (const button of hands) {
    button.setAttribute('aria-disabled', !playing || link !== 'online');
    button.setAttribute('aria-pressed', playing && me.choice === Number(button.value));
  }
  const together = link === 'online' && other && (playing || phase === 'between') && other.present;
  for (const button of faces) button.setAttribute('aria-disabled', !together);

  if (event.name === 'movement' && event.movement === 'face') their.pop(event.face);
  if (event.name === 'movement' && event.movement === 'choice') bump();
  if (event.name === 'start') tick();
}

/** A nudge on top of the spin: the other one has just taken a hand. */
function bump() {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  $('.avatar', their.root).animate(
    [{ scale: 1 }, { scale: 1.12 }, { scale: 1 }], { duration: 260, easing: 'ease-out' },
  );
}

function tick() {
  const left = Math.max(0, state.endsAt - performance.now());
  const playing = state.phase === 'playing';
  say(count, playing ? String(Math.ceil(left / 1000)) : '');
  count.classList.toggle('last', left <= 1000);
  if (playing) setTimeout(tick, (left % 1000) + 5 || 100);
}

// ---- Buttons and keys -----------------------------------------------------------------------

function press(run) {
  return (event) => {
    const button = event.target.closest('button');
    if (button && button.getAttribute('aria-disabled') !== 'true') run(Number(button.value));
  };
}
const hands = [...$('#hands').children];
const faces = [...$('#faces').children];
$('#hands').onclick = press((choice) => game.choose(choice));
$('#faces').onclick = press((face) => game.face(face) && my.pop(face));
play.onclick = () => (state.link === 'stopped' ? game.comeBack() : game.play());
fresh.onclick = () => game.play({ new: true });
leave.onclick = () => game.leave();

document.addEventListener('keydown', (event) => {
  const { key, target, repeat } = event;
  if (repeat || event.ctrlKey || event.metaKey || event.altKey || target.closest('dialog')) return;
  if (['1', '2', '3'].includes(key)) {
    hands[key - 1].click();
  } else if (key === ' ' && !play.hidden) {
    // A focused button keeps its space bar, unless it is a hand after the round.
    if (target.closest('button:not([aria-disabled=true])')) return;
    event.preventDefault();
    play.click();
  }
});

document.addEventListener('visibilitychange', () => document.hidden || game.wake());
window.addEventListener('online', () => game.wake());
window.addEventListener('pageshow', (event) => event.persisted && game.wake());

// ---- Name and picture -----------------------------------------------------------------------

const card = $('#card');
const uname = $('#uname');

function showProfile() {
  $('#profile img').src = picture(profile.uavatar) || 'avatars/0.svg';
  $('#profile bdi').textContent = profile.uname;
}

for (let n = 0; n < AVATARS; n += 1) {
  const label = document.createElement('label');
  const radio = document.createElement('input');
  const image = document.createElement('img');
  Object.assign(radio, { type: 'radio', name: 'uavatar', value: `builtin:${n}` });
  Object.assign(image, { src: `avatars/${n}.svg`, alt: t('animals')[n], width: 56, height: 56 });
  label.append(radio, image);
  $('#avatars').append(label);
}

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
  keepProfile();
  showProfile();
  game.rename();
  show();
};

// ---- Begin ----------------------------------------------------------------------------------

document.documentElement.lang = lang;
for (const element of document.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
$('.tag', their.root).textContent = t('robotTag');
$('#hands').setAttribute('aria-label', t('hands'));
$('#faces').setAttribute('aria-label', t('faces'));
$('#avatars').setAttribute('aria-label', t('picture'));
$('#profile').title = t('card');
my.root.setAttribute('aria-label', t('you'));
their.root.setAttribute('aria-label', t('opponent'));
faces.forEach((button) => button.setAttribute('aria-label', t(`face${button.value}`)));
showProfile();
show();
game.open();

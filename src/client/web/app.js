// The page: shows a session's state, turns taps and keys into what the player does.
//
// Absent: the protocol (see session.js), the drama of a round (see stage.js), and any call that a
// browser may refuse (see asks.js).

import { asksInside, attempt } from './asks.js';
import { createCard } from './card.js';
import { createDuel } from './duel.js';
import { alone, createFriend } from './friend.js';
import { createMenu } from './menu.js';
import {
  createProfile, device, isOn, keepOn, keepProfile, picture, tab,
} from './player.js';
import { createSession } from './session.js';
import { connect, probe } from './socket.js';
import { createSound } from './sound.js';
import { createStage, say } from './stage.js';
import { texts } from './texts.js';
import { createTokens } from './tokens.js';
import {
  nameOf, outcomeText, speaker, spoken, statusText,
} from './words.js';

/** After a change of what is on the page a tap was meant for what was there before. */
const FRESH_MS = 400;
/** A longer name has no room beside the score of a duel. */
const NAME_MAX = 6;

const $ = (selector, root = document) => root.querySelector(selector);
const aria = (element, name, value) => element.setAttribute(`aria-${name}`, value);
const lang = spoken(navigator.language);
const t = speaker(lang, texts);
const now = () => performance.now();

const profile = createProfile(t('guest'));
keepProfile(profile);
const duel = createDuel(tab, device);
const sound = createSound(isOn('sound', false));
const setTimer = (run, ms) => setTimeout(run, ms);
const tokens = createTokens({
  device, tab, locks: attempt(() => navigator.locks), date: Date.now, setTimer, random: Math.random,
});
const env = {
  connect,
  probe,
  now,
  setTimer,
  clearTimer: (id) => clearTimeout(id),
  random: Math.random,
  profile: () => Object.assign({}, profile),
  token: '',
  keepToken: tokens.keep,
  points: tokens.points,
  // Set by a page of the operator's own on the same origin, which knows who is there.
  signed: () => device.get('token') || '',
  changed,
};
const game = createSession(env);
const { state } = game;
/** Name and picture as others see them: what a signed token says goes first. */
const shownAs = () => Object.assign({}, profile, state.named);
const stage = createStage({ t, now, moment: told });

const main = $('main');
const [status, undo, back, people, duelText] = ['#status', '#undo', '#back', '#people', '#duel']
  .map((selector) => $(selector));
const [friendButton, menuButton] = ['#friend', '#menu'].map((selector) => $(selector));
const hands = [...document.querySelectorAll('#hands button')];
const faces = [...document.querySelectorAll('#faces button')];

// ---- Showing ----

/** What the page shows: who is leaving is gone already, though the seat still waits. */
const phase = () => (state.leaving ? 'free' : state.phase);
const between = () => phase() === 'between';
const together = () => Boolean(state.other) && (phase() === 'playing' || (between() && state.other.present));
/** The numbers beside the names, as they were before a result that is yet to be seen. */
const tally = { me: {}, other: {} };

function changed(_, event = {}) {
  // A result that a resumption tells has been seen before.
  const counted = duel.follow(state, event.name);
  if (state.link === 'online') tokens.count(state.me.totalScore);
  if (event.name === 'start') {
    stage.begin(state.endsAt);
    sheetsAway();
    sound.play('start');
  } else if (event.name === 'result' && between() && counted) {
    stage.reveal();
  } else if (!between()) {
    stage.cut('');
  } else if (!stage.moment) {
    stage.cut('rest');
  }
  show(event);
}

/** The drama goes on: what belongs to its next moment. */
function told(moment) {
  show();
  if (moment === 'clash') sound.play('clash');
  if (moment === 'word') sound.play(state.outcome);
}

function show(event = {}) {
  const { link, me, other } = state;
  const shown = phase();
  const online = link === 'online';
  const { moment } = stage;
  // The invitation takes the stage when the round that ended has been seen.
  const lonely = online && !state.leaving && Boolean(alone(state)) && !['clash', 'word'].includes(moment);
  const judged = between() && !lonely && link !== 'stopped' && ['word', 'points', 'rest'].includes(moment);
  freshen(shown);
  Object.assign(main.dataset, {
    phase: shown, link, outcome: judged ? state.outcome : '', moment,
  });
  main.toggleAttribute('data-again', state.again);
  main.toggleAttribute('data-alone', lonely);
  main.toggleAttribute('data-gone', between() && Boolean(other)
    && (other.left || (!other.present && !state.outcome)));

  players(moment, judged);
  const [big, how] = judged ? outcomeText(t, state) : ['', ''];
  stage.words(big, how);
  stage.tick(shown === 'playing' && online ? state.endsAt : 0);
  say(status, ['clash', 'word'].includes(moment) && online && !state.leaving ? '' : statusText(t, state));
  undo.hidden = !state.leaving;
  const { nearby } = state;
  say(people, nearby ? t(nearby === 1 ? 'person' : 'people', { n: nearby }) : recordText());

  controls(shown, online);
  friend.show(state, event.name, lonely);
  menu.show();
  if (board) board.show();
  document.title = state.code && document.hidden && between() && other && other.present
    ? `● ${t('arrived', { name: nameOf(t, other) })}` : `roshambo · ${t('title')}`;
  if (event.movement === 'face' && isOn('theirFaces', true)) stage.sides.theirs.pop(event.face);
  if (event.movement === 'choice') stage.bump();
}

/** The two players: hands, names, numbers. Nothing of a result before the hands. */
function players(moment, judged) {
  const { me, link } = state;
  const other = phase() === 'free' ? null : state.other;
  if (!['clash', 'word'].includes(moment)) {
    Object.assign(tally.me, { score: me.totalScore, streak: me.winStreak });
    if (other) Object.assign(tally.other, { score: other.totalScore, streak: other.winStreak });
  }
  const { mine, theirs } = stage.sides;
  const { uname, uavatar } = shownAs();
  mine.show(me, Object.assign({ name: uname, address: picture(uavatar) }, tally.me));
  theirs.show(other, Object.assign({
    name: other ? nameOf(t, other) : t('nobody'), address: other ? picture(other.uavatar) : '',
  }, tally.other));
  const playing = phase() === 'playing';
  const choosing = playing && link === 'online' && other.online && !other.left;
  theirs.spin(choosing);
  main.toggleAttribute('data-choosing', choosing);

  const open = between() && Boolean(state.outcome);
  const verdict = open && moment !== 'clash' ? state.outcome : '';
  const shows = (player, ready) => (open && !(ready && ['points', 'rest'].includes(moment)) ? player.choice || 0 : null);
  stage.hands(shows(me, state.again), other ? shows(other, other.ready && other.present && !other.robot) : null, verdict);

  const told = moment === 'points' && open && judged;
  const earned = told ? me.roundScore || (other && other.roundScore) || 0 : 0;
  if (main.dataset.earned !== String(earned)) {
    main.dataset.earned = earned;
    stage.points(earned, me.roundScore ? 'mine' : 'theirs');
  }
  rounds(other, moment);
}

/** The last rounds with this opponent, on both sides, and how they stand. */
function rounds(other, moment) {
  const { uid, wins, losses } = duel.duel;
  const same = other && uid === (other.robot ? 'robot' : other.uid);
  // The round that is being shown is not yet told.
  if (['clash', 'word'].includes(moment)) return;
  const list = same ? duel.duel.rounds : [];
  const look = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };
  stage.sides.mine.rounds(list.map(({ mine, outcome }) => ({ hand: mine, look: look[outcome][0] })));
  stage.sides.theirs.rounds(list.map(({ theirs, outcome }) => ({ hand: theirs, look: look[outcome][1] })));
  duelText.hidden = !list.length;
  const [you, score, them] = duelText.children;
  say(you, list.length ? t('duelYou') : '');
  say(score, list.length ? `${wins} : ${losses}` : '');
  const name = list.length ? nameOf(t, other) : '';
  say(them, name.length > NAME_MAX ? t('duelThem') : name);
}

function recordText() {
  const { wins, best } = duel.record;
  if (!wins) return '';
  const hand = duel.favourite();
  return t('record', { wins, best }) + (hand ? t('favourite', { hand: t(`hand${hand}`) }) : '');
}

function controls(shown, online) {
  const stopped = state.link === 'stopped';
  const playing = shown === 'playing';
  back.hidden = !stopped;
  say(back, t(state.reason === 'taken-over' ? 'here' : 'comeBack'));
  const chosen = playing ? state.me.choice : state.leaving ? null : state.next;
  hands.forEach((button) => {
    aria(button, 'disabled', stopped || (playing && !online));
    aria(button, 'pressed', chosen === Number(button.value));
  });
  faces.forEach((button) => aria(button, 'disabled', !(online && together() && state.other.present)));
  $('#faces').hidden = shown === 'free' || shown === 'waiting';
  friendButton.hidden = shown !== 'free';
  aria(friendButton, 'disabled', !online);
}

/** Another phase: for a moment taps on anything but a hand are none. */
let fresh = { phase: '', timer: 0 };
function freshen(shown) {
  if (fresh.phase === shown) return;
  const first = !fresh.phase;
  fresh.phase = shown;
  if (first) return;
  clearTimeout(fresh.timer);
  document.documentElement.dataset.fresh = '';
  fresh.timer = setTimeout(() => delete document.documentElement.dataset.fresh, FRESH_MS);
}

// ---- Buttons and keys ----

const press = (run) => (event) => {
  const button = event.target.closest('button');
  if (!button || button.getAttribute('aria-disabled') === 'true') return;
  if (!button.closest('#hands') && 'fresh' in document.documentElement.dataset) return;
  sound.wake();
  run(Number(button.value));
};

$('#hands').onclick = press((hand) => {
  game.choose(hand);
  sound.play('tap');
});
$('#faces').onclick = press((face) => game.face(face) && stage.sides.mine.pop(face));
back.onclick = press(() => game.comeBack());
undo.onclick = press(() => game.stay());

const friend = createFriend(t, game);
const card = createCard(t, profile, state, () => {
  game.rename();
  show();
}, tokens.lasts);
const word = (key, on) => `${t(key)}: ${t(on ? 'on' : 'off')}`;
const menu = createMenu(t, [
  { id: 'profile', word: () => t('card'), shown: () => true, run: card.open },
  {
    id: 'new',
    word: () => t('new'),
    // A friend is not left by looking for somebody else.
    shown: () => between() && !state.code && Boolean(state.other) && state.other.present && !state.other.robot,
    run: () => game.play({ new: true }),
  },
  {
    id: 'sound',
    stays: true,
    word: () => word('sound', sound.on),
    shown: () => true,
    run() {
      sound.turn(!sound.on);
      keepOn('sound', sound.on);
    },
  },
  {
    id: 'mute',
    stays: true,
    word: () => word('mute', isOn('theirFaces', true)),
    shown: () => true,
    run: () => keepOn('theirFaces', !isOn('theirFaces', true)),
  },
  { id: 'best', word: () => t('board'), shown: () => state.board, run: showBoard },
  {
    id: 'inside', word: () => `</> ${t('inside')}`, shown: () => !$('.inside'), run: lookInside,
  },
  {
    id: 'leave', word: leaveWord, shown: () => phase() !== 'free', run: leave,
  },
]);

function leaveWord() {
  if (phase() === 'playing') return t('leaveRound');
  if (state.code) return t(alone(state) && phase() === 'waiting' ? 'closeRoom' : 'leaveRoom');
  if (phase() === 'waiting') return t('stopLooking');
  return t('leaveName', { name: state.other ? nameOf(t, state.other) : '' });
}

/** Who looks for anybody loses nothing by stopping; the rest can be undone. */
function leave() {
  const bare = (state.phase === 'waiting' && !state.friend)
    || (state.phase === 'between' && !state.code && !(state.other && state.other.present));
  if (bare) game.leave();
  else game.leaveSoon();
}

/** Who is best: on servers that know it, and loaded when it is looked at. */
let board = null;
function showBoard() {
  return import('./board.js').then(({ createBoard }) => {
    board = board || createBoard(t, game);
    board.open();
  }, () => {});
}

/** What travels, for those who want to see it: nobody else loads that. */
function lookInside() {
  return import('./inside.js').then(({ openInside }) => openInside(lang), () => {});
}

function sheetsAway() {
  menu.close();
  friend.entry.close();
  if (board) board.close();
}

friendButton.onclick = press(friend.entry.open);
menuButton.onclick = press(() => menu.open(recordText()));

document.addEventListener('keydown', (event) => {
  const { key, target, repeat } = event;
  if (repeat || event.ctrlKey || event.metaKey || event.altKey || target.closest('.sheet, input')) return;
  if (hands[key - 1]) {
    hands[key - 1].click();
  } else if (key === ' ' && !target.closest('button') && ['free', 'between'].includes(phase()) && !state.again) {
    event.preventDefault();
    game.play();
  }
});

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) game.wake();
  // The friend's first round shall not begin before somebody looks.
  else if (state.phase === 'waiting' && state.code) game.away();
});
document.addEventListener('freeze', () => game.away());
addEventListener('online', () => game.wake());
addEventListener('offline', () => game.doubt());
addEventListener('pagehide', () => tokens.rest());
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  tokens.back();
  game.wake();
});

// ---- Begin ----

document.documentElement.lang = lang;
document.querySelectorAll('[data-t]').forEach((element) => say(element, t(element.dataset.t)));
hands.forEach((button) => say($('span', button), t(`hand${button.value}`)));
faces.forEach((button) => aria(button, 'label', t(`face${button.value}`)));
aria($('#hands'), 'label', t('hands'));
aria($('#faces'), 'label', t('faces'));
aria($('#wheel'), 'label', t('wheel'));
aria($('#me'), 'label', t('you'));
aria($('#other'), 'label', t('opponent'));
aria(menuButton, 'label', t('menu'));
show();
document.documentElement.dataset.begun = '';
const asked = new URLSearchParams(location.search).get('room');
if (asked) game.play({ room: asked, ready: false });
Promise.all([tokens.claim(), asksInside() && lookInside()]).then(([token]) => {
  env.token = token;
  game.open();
});

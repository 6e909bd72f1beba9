// The game: two sides, one stage, three hands, four faces.
//
// A round's end is told in moments: the hands clash, then the word, then the points. Until its moment
// has come nothing on the page gives it away.

import { now } from '../../lib/clock.js';
import {
  alone, card, game, goAway, inside, rounds, shownAs, watch,
} from '../../lib/game.js';
import { ours, t, words } from '../../lib/language.js';
import { buzz, own, picture, toggle } from '../../lib/player.js';
import { nameOf, outcomeText, statusText } from '../../lib/words.js';

/** How long a face stays beside an avatar. */
const FACE_MS = 2500;
/** From the clash of the hands to the word, and from the word to the points. */
const CLASH_MS = 650;
const WORD_MS = 650;
const VERDICTS = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };
const LINES_SHOWN = 30;
/** Long names would break the lines of the system's own menu. */
const MENU_NAME_MAX = 12;

const drawing = (kind, number) => `/drawings/${kind}${number}.svg`;
const drawings = (kind, numbers) => numbers.map((number) => ({
  number, name: t(kind + number), picture: drawing(kind, number),
}));

/** One side of the table as the page shows it. `open` is whether its hand is. */
function side(player, portrait, { open, verdict, fist }) {
  const choice = open && player ? player.choice || 0 : 0;
  return {
    name: player ? nameOf(t, player) : t('nobody'),
    portrait,
    robot: Boolean(player && player.robot),
    counted: Boolean(player && !player.robot),
    // Until it is open, a hand is a fist; a hand that was not shown is a pale one.
    hand: fist ? drawing('hand', choice || 2) : '',
    handName: open ? t(`hand${choice}`) : '',
    none: Boolean(open && !choice),
    verdict: verdict || '',
  };
}

/** Score and streak of both, and what a round brought; apart, because the hands come first. */
function points({ me, other }, over) {
  const gain = (player) => (over && player && player.roundScore > 0 ? `+${player.roundScore}` : '');
  return {
    score: [me.totalScore, other ? other.totalScore : 0],
    streak: [me.winStreak, other ? other.winStreak : 0],
    gain: [gain(me), gain(other)],
  };
}

/** Nothing else to say after a round than how to get the next. */
const asks = ({ link, phase, outcome, other, again, leaving, note }) => link === 'online'
  && phase === 'between' && outcome && !again && !leaving && !note
  && (other.robot || (other.present && other.online && !other.ready));

/** Everything else that the page shows, from the state of the session at this moment. */
function view(state, moment) {
  const { link, phase, me, other, leaving } = state;
  const playing = phase === 'playing';
  const over = phase === 'between' && Boolean(state.outcome);
  const online = link === 'online';
  const there = Boolean(other && other.present);
  const told = over && moment !== 'clash';
  const [mine, theirs] = VERDICTS[told ? state.outcome : ''] || [];
  const [big, how] = told ? outcomeText(t, state) : ['', ''];
  const { uname, uavatar, portrait } = shownAs();
  const counted = rounds.against(other);
  const kept = playing ? me.choice : state.next;
  return {
    moment,
    me: side(Object.assign({}, me, { uname, uavatar, robot: false }), portrait, {
      open: over, verdict: mine, fist: !alone(state),
    }),
    other: side(other, picture(other && other.uavatar), {
      open: over, verdict: theirs, fist: Boolean(other),
    }),
    spinning: Boolean(playing && online && other.online && !other.left),
    chosen: kept || 0,
    outcome: told ? state.outcome : '',
    big,
    how,
    // The sentence about what comes next waits for the end of what was.
    status: over && moment !== 'points' ? '' : t(asks(state) ? 'ask' : '') || statusText(t, state),
    // The first time it is nothing to worry about.
    warning: !online && state.reason !== '',
    wins: counted.wins && (told || !over) ? `${counted.wins[0]} : ${counted.wins[1]}` : '',
    last: told || !over ? counted.last.map(({ number, hand, outcome }) => ({
      number, outcome, picture: drawing('hand', hand || 2), none: !hand,
    })) : [],
    code: alone(state) && online && !leaving ? state.code : '',
    looking: phase === 'waiting' && !state.code && link !== 'stopped',
    canChoose: link !== 'stopped' && !alone(state) && !(phase === 'playing' && !online),
    canFace: online && there && (playing || phase === 'between'),
    action: link === 'stopped' ? t(state.reason === 'taken-over' ? 'here' : 'comeBack')
      : leaving ? t('undo') : '',
  };
}

/** The messages that the drawer shows: enough to scroll, few enough to draw at each of them. */
const drawer = () => ({
  inside: inside.on(),
  lines: inside.lines().slice(0, LINES_SHOWN).map((line) => Object.assign({}, line, {
    meaning: ours(line.meaning),
  })),
});

/** What the menu offers now: words, and what happens. Nothing that ends a round. */
function offers({ phase, link, code, other }) {
  const found = [];
  const name = other ? nameOf(t, other).slice(0, MENU_NAME_MAX) : '';
  const there = Boolean(other && other.present && !other.robot);
  if (phase === 'between' && there && !code && link === 'online') {
    found.push([t('newFor', { name }), (page) => page.look()]);
  }
  if (code && phase !== 'playing') {
    found.push([t(there ? 'leaveRoom' : 'closeRoom', { name, code }), (page) => page.leave()]);
  } else if (phase === 'between') {
    found.push([there ? t('leaveOther', { name }) : t('leave'), (page) => page.leave()]);
  } else if (phase === 'waiting') {
    found.push([t('stop'), (page) => page.leave()]);
  } else if (link === 'stopped') {
    found.push([t('leave'), (page) => page.leave()]);
  }
  const { quiet, faceless } = own();
  found.push([t(quiet ? 'buzzOn' : 'buzzOff'), () => toggle('quiet')]);
  found.push([t(faceless ? 'facesOn' : 'facesOff'), () => toggle('faceless')]);
  found.push([t(inside.on() ? 'insideOff' : 'insideOn'), () => inside.turn(!inside.on())]);
  return found;
}

Page({
  data: Object.assign({
    words: words(['score', 'streak', 'robotTag', 'hands', 'share', 'menu', 'stop', 'insideNone',
      'typed', 'send']),
    hands: drawings('hand', [1, 2, 3]),
    faces: drawings('face', [1, 2, 3, 4]),
    count: '',
    beat: '',
    myFace: '',
    theirFace: '',
    draft: '',
  }, drawer(), points(game.state, false), view(game.state, '')),

  onLoad() {
    // Whoever comes here first, by a shortcut of the platform, has a session, too.
    game.begin();
  },

  onShow() {
    this.moment = 'points';
    this.setData(drawer());
    if (this.stop) this.stop();
    this.stop = watch((state, event) => this.heard(state, event));
  },

  onHide() {
    if (this.stop) this.stop();
    this.stop = null;
    clearTimeout(this.ticking);
    clearTimeout(this.next);
  },

  onUnload() {
    this.onHide();
    clearTimeout(this.myFaceTimer);
    clearTimeout(this.theirFaceTimer);
  },

  heard(state, event) {
    if (event.name === 'inside') {
      this.setData(drawer());
      return;
    }
    if (event.fresh) {
      this.clash();
      return;
    }
    if (state.phase !== 'between') {
      clearTimeout(this.next);
      this.moment = 'points';
    }
    this.show();
    if (event.movement === 'face' && !own().faceless) this.pop('theirFace', event.face);
  },

  /** Draws the page; the points only when it is their moment. */
  show() {
    const { state } = game;
    const over = state.phase === 'between' && Boolean(state.outcome);
    const told = this.moment === 'points' ? points(state, over) : {};
    this.setData(Object.assign(view(state, over ? this.moment : ''), told));
    this.tick();
  },

  clash() {
    const then = (moment, ms, run) => {
      this.moment = moment;
      this.show();
      clearTimeout(this.next);
      if (run) this.next = setTimeout(run, ms);
    };
    buzz('heavy');
    then('clash', CLASH_MS, () => then('word', WORD_MS, () => then('points')));
  },

  /** Counts the round down in whole seconds. What comes after them is told by an event. */
  tick() {
    clearTimeout(this.ticking);
    const { link, phase, endsAt } = game.state;
    const counts = phase === 'playing' && link !== 'stopped';
    const left = counts ? Math.max(0, endsAt - now()) : 0;
    // A nought would only stay there when the line is dead.
    const count = left ? String(Math.ceil(left / 1000)) : '';
    // Each second the fists shake once: the same movement under two names, or it would not begin anew.
    const beat = left ? `beat${count % 2}` : '';
    if (count !== this.data.count || beat !== this.data.beat) this.setData({ count, beat });
    if (left) this.ticking = setTimeout(() => this.tick(), (left % 1000) + 5);
  },

  pop(where, face) {
    if (!(face >= 1 && face <= 4)) return;
    this.setData({ [where]: drawing('face', face) });
    const timer = `${where}Timer`;
    clearTimeout(this[timer]);
    this[timer] = setTimeout(() => this.setData({ [where]: '' }), FACE_MS);
  },

  onHand({ currentTarget }) {
    if (!this.data.canChoose) return;
    buzz('light');
    game.choose(currentTarget.dataset.number);
  },

  onFace({ currentTarget }) {
    const { number } = currentTarget.dataset;
    if (game.face(number)) this.pop('myFace', number);
  },

  onAction() {
    if (game.state.link === 'stopped') game.comeBack();
    else game.stay();
  },

  onMenu() {
    const found = offers(game.state);
    wx.showActionSheet({
      itemList: found.map(([text]) => text),
      success: ({ tapIndex }) => {
        const [wanted] = found[tapIndex] || [];
        // Meanwhile a round may have begun: then it is no longer offered.
        const offer = offers(game.state).find(([text]) => text === wanted);
        if (offer && this.stop) offer[1](this);
      },
      fail: () => {},
    });
  },

  look() {
    game.play({ new: true });
  },

  leave() {
    goAway();
    // The only page there is, where a shortcut led here.
    wx.navigateBack({ fail: () => wx.reLaunch({ url: '/pages/index/index' }) });
  },

  onStop() {
    this.leave();
  },

  onCopy({ currentTarget }) {
    // Without the player's consent, or a declaration in the privacy guide, it fails.
    wx.setClipboardData({
      data: currentTarget.dataset.text,
      fail: () => wx.showToast({ title: t('hold'), icon: 'none', duration: 3000 }),
    });
  },

  onDraft({ detail }) {
    this.setData({ draft: detail.value });
  },

  onSend() {
    if (!inside.send(this.data.draft.trim() || t('typed'))) {
      wx.showToast({ title: t('noLine'), icon: 'none' });
    }
  },

  onShareAppMessage: card,
});

// The game: two sides, a countdown, three hands, four faces.

import { now } from '../../lib/clock.js';
import { alone, card, game, watch } from '../../lib/game.js';
import { t, words } from '../../lib/language.js';
import { own, picture } from '../../lib/player.js';
import { nameOf, outcomeText, statusText } from '../../lib/words.js';

/** How long a face stays beside an avatar. */
const FACE_MS = 2500;
const VERDICTS = { win: ['won', 'lost'], lose: ['lost', 'won'], draw: ['even', 'even'] };

const drawing = (kind, number) => `/drawings/${kind}${number}.svg`;
const drawings = (kind, numbers) => numbers.map((number) => ({
  number, name: t(kind + number), picture: drawing(kind, number),
}));

/** One side of the table as the page shows it. */
function side(player, portrait, { choice, hidden, verdict }) {
  return {
    name: player ? nameOf(t, player) : t('nobody'),
    portrait,
    robot: Boolean(player && player.robot),
    counted: Boolean(player && !player.robot),
    score: player ? player.totalScore : 0,
    streak: player ? player.winStreak : 0,
    hand: choice ? drawing('hand', choice) : '',
    handName: hidden ? '?' : choice ? t(`hand${choice}`) : '',
    verdict: verdict || '',
  };
}

/** Everything that the page shows, from the state of the session. */
function view(state) {
  const { link, phase, me, other } = state;
  const playing = phase === 'playing';
  const between = phase === 'between';
  const online = link === 'online';
  const stopped = link === 'stopped';
  const there = Boolean(other && other.present);
  const [mine, theirs] = VERDICTS[between ? state.outcome : ''] || [];
  const [big, how] = outcomeText(t, state);
  const { uname, uavatar, photo } = own();
  return {
    me: side(Object.assign({}, me, { uname, uavatar }), photo || picture(uavatar), {
      choice: playing || between ? me.choice : 0, verdict: mine,
    }),
    other: side(other, picture(other && other.uavatar), {
      choice: between && other ? other.choice : 0, hidden: playing, verdict: theirs,
    }),
    spinning: playing && online && other.online && !other.left,
    chosen: playing ? me.choice || 0 : 0,
    big,
    how,
    outcome: between ? state.outcome : '',
    status: statusText(t, state),
    warning: !online,
    code: alone(state) && online ? state.code : '',
    canChoose: playing && online,
    canFace: online && there && (playing || between),
    canPlay: stopped || !(playing || phase === 'waiting' || alone(state)),
    waitsForAgain: !stopped && state.again,
    canChange: !stopped && between && there && !other.robot,
    canLeave: !stopped && phase !== 'free',
    playWord: t(stopped ? (state.reason === 'taken-over' ? 'here' : 'comeBack')
      : between ? 'again' : 'play'),
    leaveWord: t(playing ? 'giveUp' : phase === 'waiting' ? 'cancel' : 'leave'),
  };
}

Page({
  data: Object.assign({
    words: words(['score', 'streak', 'robotTag', 'hands', 'new', 'share']),
    hands: drawings('hand', [1, 2, 3]),
    faces: drawings('face', [1, 2, 3, 4]),
    count: '',
    myFace: '',
    theirFace: '',
  }, view(game.state)),

  onShow() {
    this.stop = watch((state, event) => {
      this.setData(view(state));
      this.tick();
      if (event.movement === 'face') this.pop('theirFace', event.face);
    });
  },

  onHide() {
    if (this.stop) this.stop();
    this.stop = null;
    clearTimeout(this.ticking);
  },

  onUnload() {
    this.onHide();
    clearTimeout(this.myFaceTimer);
    clearTimeout(this.theirFaceTimer);
  },

  /** Counts the round down in whole seconds. What comes after them is told by an event. */
  tick() {
    clearTimeout(this.ticking);
    const { link, phase, endsAt } = game.state;
    const counts = phase === 'playing' && link !== 'stopped';
    const left = counts ? Math.max(0, endsAt - now()) : 0;
    const count = counts ? String(Math.ceil(left / 1000)) : '';
    if (count !== this.data.count) this.setData({ count });
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
    game.choose(currentTarget.dataset.number);
  },

  onFace({ currentTarget }) {
    const { number } = currentTarget.dataset;
    if (game.face(number)) this.pop('myFace', number);
  },

  onPlay() {
    if (game.state.link === 'stopped') game.comeBack();
    else if (!game.state.again) game.play();
  },

  onNew() {
    game.play({ new: true });
  },

  onLeave() {
    game.leave();
    wx.navigateBack();
  },

  onCopy() {
    wx.setClipboardData({ data: game.state.code, fail: () => {} });
  },

  onShareAppMessage: card,
});

// The first page: a hand begins a game; who I am, and with whom to play.

import {
  alone, card, game, goAway, shownAs, watch,
} from '../../lib/game.js';
import { t, words } from '../../lib/language.js';
import {
  avatars, buzz, dropPhoto, own, recordText, rename, wear, wearPhoto,
} from '../../lib/player.js';
import { statusText } from '../../lib/words.js';

/** So long WeChat's check of a name may take. */
const REVIEW_MS = 8000;

/** Into a private room, not ready: the first round waits until both have tapped a hand. */
const toFriend = (room) => ({ room, ready: false });

Page({
  data: {
    words: words(['name', 'picture', 'invite', 'join', 'code', 'leave', 'resume', 'rule',
      'beats', 'board', 'card', 'named', 'consent', 'consentAsk', 'photo', 'done', 'undo', 'hands']),
    hands: [1, 3, 2].map((number) => ({
      number, name: t(`hand${number}`), picture: `/drawings/hand${number}.svg`,
    })),
    avatars: avatars(),
    uname: '',
    uavatar: '',
    portrait: '',
    named: false, // a signed token says the name,
    drawn: false, // and the picture
    record: '',
    status: '',
    begin: false, // nothing but a hand is missing
    hasBoard: false,
    seated: false,
    leaving: false,
    action: '', // the way back to a session that ended here
    code: '',
    open: false, // the card with name and picture,
    consent: true, // and whether WeChat's own may be asked for on it
  },

  onLoad({ room }) {
    this.showPlayer();
    game.begin();
    // A shared card leads here with the code of its room, perhaps my own one's, and in mid-round.
    if (room && room.toUpperCase() !== game.state.code) this.go(toFriend(room));
    else if (game.state.phase !== 'free') this.go();
  },

  onShow() {
    const { phase, leaving } = game.state;
    // Going back from the table is going away from it; but a friend may be on the way to a room.
    if (this.atTable && phase !== 'free' && !leaving && !alone(game.state)) goAway();
    this.atTable = false;
    if (this.stop) this.stop();
    this.stop = watch((state) => {
      // Each `hi` says anew how I am shown.
      if (this.named !== state.named) this.showPlayer();
      this.named = state.named;
      const seated = state.phase !== 'free' && !state.leaving && !this.going;
      const text = statusText(t, state);
      this.setData({
        status: seated ? `${text} ${state.code}`.trim() : text,
        begin: state.phase === 'free' && state.link === 'online',
        seated,
        leaving: state.leaving,
        action: state.link !== 'stopped' ? ''
          : t(state.reason === 'taken-over' ? 'here' : 'comeBack'),
        record: recordText(),
        hasBoard: state.board,
      });
      // The friend has come.
      const met = state.phase === 'playing' || (state.phase === 'between' && state.code
        && state.other && state.other.present);
      if (met && !state.leaving) this.go();
    });
  },

  onHide() {
    if (this.stop) this.stop();
    this.stop = null;
    this.atTable = this.going;
    this.going = false;
  },

  onUnload() {
    this.onHide();
    this.gone = true;
    clearTimeout(this.reviewing);
  },

  showPlayer() {
    // The platform may answer when the page is no more.
    if (this.gone) return;
    const { uname, uavatar, portrait } = shownAs();
    const named = 'uname' in game.state.named;
    const drawn = 'uavatar' in game.state.named;
    this.setData({ uname, uavatar, portrait, named, drawn });
  },

  /** To the table: with a wish to another one, without to mine, or to any. */
  go(wish) {
    if (this.going) return;
    this.going = true;
    // One has to get up before sitting down elsewhere.
    if (game.state.leaving || (wish && game.state.phase === 'playing')) game.leave();
    if (wish || game.state.phase === 'free') game.play(wish);
    this.toTable();
  },

  toTable() {
    this.going = true;
    this.setData({ open: false });
    wx.navigateTo({
      url: '/pages/game/game',
      fail: () => {
        this.going = false;
      },
    });
  },

  onHand({ currentTarget }) {
    if (this.going) return;
    buzz('light');
    if (game.state.link === 'stopped') game.comeBack();
    // It asks for a round, and is shown in it.
    game.choose(currentTarget.dataset.number);
    this.toTable();
  },

  onBack() {
    game.comeBack();
  },

  onResume() {
    this.go();
  },

  onBoard() {
    wx.navigateTo({ url: '/pages/board/board', fail: () => {} });
  },

  onInvite() {
    this.go(toFriend('new'));
  },

  onCode({ detail }) {
    this.setData({ code: detail.value.toUpperCase() });
  },

  onEnter() {
    const room = this.data.code.trim();
    if (room) this.go(toFriend(room));
  },

  onLeave() {
    goAway();
  },

  onUndo() {
    game.stay();
    this.toTable();
  },

  // ---- Name and picture ----

  onOpen() {
    this.setData({ open: true });
    this.askConsent();
  },

  /** A nickname and a picture of WeChat are private until its player agrees to the privacy guide. */
  askConsent() {
    // Not there before 2023: nothing was asked then.
    if (!wx.requirePrivacyAuthorize) return;
    const told = (consent) => () => this.gone || this.setData({ consent });
    wx.requirePrivacyAuthorize({ success: told(true), fail: told(false) });
  },

  onClose() {
    this.setData({ open: false });
  },

  /** Nothing: a tap on the card is not one beside it. */
  onCard() {},

  onAvatar({ currentTarget }) {
    wear(currentTarget.dataset.number);
    this.showPlayer();
    game.rename();
  },

  onChooseAvatar({ detail }) {
    wearPhoto(detail.avatarUrl, () => this.showPlayer());
  },

  /** The system may have cleared its files away. */
  onPhotoLost() {
    if (!own().photo) return;
    dropPhoto();
    this.showPlayer();
  },

  /** What was typed counts when WeChat has checked it, which begins now. */
  onName({ detail }) {
    const draft = detail.value.trim();
    if (draft && draft === this.draft) return;
    clearTimeout(this.reviewing);
    this.draft = draft && draft !== own().uname ? draft : '';
    if (!this.draft) return this.refill();
    const late = { detail: { pass: false, timeout: true } };
    this.reviewing = setTimeout(() => this.onReview(late), REVIEW_MS);
    return undefined;
  },

  onReview({ detail }) {
    clearTimeout(this.reviewing);
    const { draft } = this;
    this.draft = '';
    if (!draft) return;
    if (detail.pass && !detail.timeout) {
      rename(draft);
      game.rename();
    } else {
      wx.showToast({ title: t('unchecked', { name: own().uname }), icon: 'none', duration: 3000 });
    }
    this.refill();
  },

  /** Shows the name as it is, whatever stands in the field. */
  refill() {
    if (this.gone) return;
    this.setData({ uname: '' });
    this.showPlayer();
  },

  onShareAppMessage: card,
});

// The first page: who I am, and with whom to play.

import { alone, card, game, watch } from '../../lib/game.js';
import { t, words } from '../../lib/language.js';
import { avatars, own, picture, rename, wear, wearPhoto } from '../../lib/player.js';
import { statusText } from '../../lib/words.js';

Page({
  data: {
    words: words(['name', 'picture', 'play', 'invite', 'join', 'code', 'leave', 'resume']),
    avatars: avatars(),
    uname: '',
    uavatar: '',
    portrait: '',
    status: '',
    seated: false,
    code: '',
  },

  onLoad({ room }) {
    this.showPlayer();
    game.begin();
    // A shared card leads here with the code of its room, perhaps my own one's, and in mid-round.
    if (room && room.toUpperCase() !== game.state.code) this.go({ room });
    else if (game.state.phase !== 'free') this.go();
  },

  onShow() {
    // Going back from the table is going away from it; but a friend may be on the way to a room.
    if (this.atTable && game.state.phase !== 'free' && !alone(game.state)) game.leave();
    this.atTable = false;
    this.stop = watch((state) => {
      const seated = state.phase !== 'free' && !this.going;
      const text = statusText(t, state);
      this.setData({ status: seated ? `${text} ${state.code}`.trim() : text, seated });
      // The friend has come.
      if (state.phase === 'playing') this.go();
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
  },

  showPlayer() {
    const { uname, uavatar, photo } = own();
    this.setData({ uname, uavatar, portrait: photo || picture(uavatar) });
  },

  /** To the table: with a wish to another one, without to mine, or to any. */
  go(wish) {
    if (this.going) return;
    this.going = true;
    // One has to get up before sitting down elsewhere.
    if (wish && game.state.phase === 'playing') game.leave();
    if (wish || game.state.phase === 'free') game.play(wish);
    wx.navigateTo({
      url: '/pages/game/game',
      fail: () => {
        this.going = false;
      },
    });
  },

  onName({ detail }) {
    if (detail.value.trim() === own().uname) return;
    rename(detail.value);
    this.showPlayer();
    game.rename();
  },

  onAvatar({ currentTarget }) {
    wear(currentTarget.dataset.number);
    this.showPlayer();
    game.rename();
  },

  onChooseAvatar({ detail }) {
    wearPhoto(detail.avatarUrl, () => this.showPlayer());
  },

  onCode({ detail }) {
    this.setData({ code: detail.value.toUpperCase() });
  },

  onPlay() {
    this.go();
  },

  onInvite() {
    this.go({ room: 'new' });
  },

  onEnter() {
    const room = this.data.code.trim();
    if (room) this.go({ room });
  },

  onLeave() {
    game.leave();
  },

  onShareAppMessage: card,
});

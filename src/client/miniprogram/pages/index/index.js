// The first page: who I am, and with whom to play.

import { game, watch } from '../../lib/game.js';
import { t, words } from '../../lib/language.js';
import { avatars, own, picture, rename, wear, wearPhoto } from '../../lib/player.js';
import { statusText } from '../../lib/words.js';

Page({
  data: {
    words: words(['name', 'picture', 'play', 'invite', 'join', 'code']),
    avatars: avatars(),
    uname: '',
    uavatar: '',
    portrait: '',
    status: '',
    code: '',
  },

  onLoad({ room }) {
    this.showPlayer();
    game.begin();
    // A shared card leads here with the code of its room.
    if (room) this.go({ room });
  },

  onShow() {
    this.stop = watch((state) => this.setData({ status: statusText(t, state) }));
  },

  onHide() {
    if (this.stop) this.stop();
    this.stop = null;
  },

  onUnload() {
    this.onHide();
  },

  showPlayer() {
    const { uname, uavatar, photo } = own();
    this.setData({ uname, uavatar, portrait: photo || picture(uavatar) });
  },

  go(wish) {
    const { phase } = game.state;
    if (wish || phase === 'free') game.play(wish);
    wx.navigateTo({ url: '/pages/game/game' });
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

  onShareAppMessage() {
    return { title: t('invitation'), path: '/pages/index/index' };
  },
});

// The board: who is best, this week and for ever, and where one stands oneself.

import { game, watch } from '../../lib/game.js';
import { t, words } from '../../lib/language.js';
import { picture } from '../../lib/player.js';
import { boardView, nameOf } from '../../lib/words.js';

const BOARDS = ['week', 'ever'];

/** Rows as the page shows them. `key` is unique, as uids are not for somebody who is not told one. */
const rows = (players, uid) => players.map((player, index) => ({
  key: index,
  place: player.place || '',
  medal: player.place <= 3 ? `medal${player.place}` : '',
  own: player.uid === uid,
  name: nameOf(t, player),
  portrait: picture(player.uavatar),
  points: player.points,
}));

/** What the page shows of a session. */
function view(state, board) {
  const { players, around, told } = boardView(t, state, board);
  const { uid } = state.me;
  return {
    board, players: rows(players, uid), around: rows(around, uid), told,
  };
}

Page({
  data: Object.assign({
    words: words(['board', 'boardRule']),
    choices: BOARDS.map((board) => ({ board, name: t(`board:${board}`) })),
  }, view(game.state, BOARDS[0])),

  onLoad() {
    game.begin();
    this.ask(BOARDS[0]);
  },

  onShow() {
    this.stop = watch((state) => {
      // Whoever was not online had not asked, or was not told.
      if (state.link !== 'online') this.asked = false;
      else if (!this.asked) this.ask(this.data.board);
      this.setData(view(state, this.data.board));
    });
  },

  onHide() {
    if (this.stop) this.stop();
    this.stop = null;
  },

  onUnload() {
    this.onHide();
  },

  ask(board) {
    this.asked = game.state.link === 'online';
    game.askBoard(board);
    this.setData(view(game.state, board));
  },

  onBoard({ currentTarget }) {
    this.ask(currentTarget.dataset.board);
  },
});

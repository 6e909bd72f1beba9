// The mini program itself: one game for all pages, told when it comes and goes.

import { game } from './lib/game.js';

App({
  onShow() {
    game.wake();
  },
  onHide() {
    game.away();
  },
});

// The mini program itself: one game for all pages, told when it comes and goes.

import { game } from './lib/game.js';
import { watchUpdates } from './lib/update.js';

App({
  onLaunch() {
    watchUpdates();
  },
  onShow() {
    game.wake();
  },
  onHide() {
    game.away();
  },
});

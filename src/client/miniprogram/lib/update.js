// A new version of the mini program: offered when it disturbs nobody.
//
// The platform looks for one at every start and fetches it by itself; without this the phone goes on
// with the old one until the program is ended.

import { watch } from './game.js';
import { t } from './language.js';

export function watchUpdates() {
  // Not there before 2018, nor on some desktops.
  if (!wx.getUpdateManager) return;
  const manager = wx.getUpdateManager();
  manager.onUpdateReady(() => {
    let asked = false;
    // A restart in mid-round would cost it.
    watch(({ phase }) => {
      if (asked || phase !== 'free') return;
      asked = true;
      wx.showModal({
        title: t('update'),
        content: t('updateText'),
        cancelText: t('later'),
        confirmText: t('restart'),
        success: ({ confirm }) => confirm && manager.applyUpdate(),
        // Then at the next start.
        fail: () => {},
      });
    });
  });
}

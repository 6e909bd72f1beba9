// Which of our two languages this phone speaks.

import { speaker } from './words.js';

function language() {
  // The first of these is from 2022; older systems still answer the second.
  const info = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
  return info.language || 'zh_CN';
}

export const t = speaker(language());

/** The words of these keys, for a page's data. */
export const words = (keys) => keys.reduce(
  (found, key) => Object.assign(found, { [key]: t(key) }), {},
);

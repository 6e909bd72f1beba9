// Which of our two languages this phone speaks, and what only a mini program says in them.

import { speaker } from './words.js';

function language() {
  // The first of these is from 2022; older systems still answer the second.
  const info = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
  return info.language || 'zh_CN';
}

/** Here are no tabs and no links: English, Chinese. */
const own = {
  'stopped:taken-over': ['This game continues on another device.', '游戏已在另一台设备上继续。'],
  friend: ['Send the room to a friend, or tell this code.', '把房间发给朋友，或告诉朋友房间号。'],
  share: ['Send to a friend', '发给朋友'],
  resume: ['Back to the room', '回到房间'],
};

export const t = speaker(language(), own);

/** The words of these keys, for a page's data. */
export const words = (keys) => keys.reduce(
  (found, key) => Object.assign(found, { [key]: t(key) }), {},
);

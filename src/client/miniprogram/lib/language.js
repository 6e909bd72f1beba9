// Which of our two languages this phone speaks, and what only a mini program says in them.

import { speaker, spoken } from './words.js';

function language() {
  try {
    // The first of these is from 2022; older systems still answer the second.
    const info = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
    return info.language || 'zh_CN';
  } catch (_) {
    return 'zh_CN';
  }
}

/** Here are no tabs and no links: English, Chinese. */
const own = {
  'stopped:taken-over': ['This game continues on another device.', '游戏已在另一台设备上继续。'],
  friend: ['Send the room to a friend, or tell this code.', '把房间发给朋友，或告诉朋友房间号。'],
  share: ['Send to a friend', '发给朋友'],
  resume: ['Back to the room', '回到房间'],
  rule: ['One hand each. Three seconds.', '各出一手，三秒定胜负。'],
  free: ['Ready? Pick a hand.', '准备好了？出一个手势。'],
  ask: ['Tap a hand to play again', '点一个手势再来一局'],
  beats: ['beats', '胜'],
  menu: ['More', '更多'],
  stop: ['Stop looking', '不找了'],
  closeRoom: ['Close the room {code}', '关闭房间 {code}'],
  leaveRoom: ['Leave {name} and the room', '离开 {name} 和房间'],
  leaveOther: ['Leave {name}', '离开 {name}'],
  newFor: ['Leave {name}, find somebody else', '离开 {name}，换个对手'],
  buzzOn: ['Vibration: turn on', '打开振动'],
  buzzOff: ['Vibration: turn off', '关闭振动'],
  facesOn: ['Show faces again', '重新显示表情'],
  facesOff: ['Hide the other one’s faces', '不看对方的表情'],
  hold: ['WeChat does not let it be copied. Hold the code to select it.', '微信未允许复制，请长按房间号选择。'],
  unchecked: ['WeChat has not passed this name. You stay {name}.', '微信未通过这个昵称，仍用 {name}。'],
  consent: ['Your WeChat picture and nickname need your consent to the privacy guide.',
    '使用微信头像和昵称，需先同意隐私保护指引。'],
  consentAsk: ['Ask me again', '重新询问'],
  named: ['How you are shown comes from where you signed in.', '你的名字和头像由登录处提供。'],
  photo: ['Use a WeChat picture', '用微信头像'],
  done: ['Done', '完成'],
  record: ['Won {wins} · best streak {best}', '胜 {wins} 局 · 最高连胜 {best}'],
  favourite: [' · mostly {hand}', ' · 最爱出{hand}'],
  insideOn: ['Look inside </>', '看看里面 </>'],
  insideOff: ['Close the look inside', '关闭“看看里面”'],
  insideNone: ['Every message will stand here, the newest first.', '每条消息都会显示在这里，最新的在上面。'],
  typed: ['["choice",{"choice":2}]', '["choice",{"choice":2}]'],
  send: ['Send', '发送'],
  noLine: ['There is no connection to send it on.', '现在没有连接。'],
  update: ['A new version is ready', '新版本已准备好'],
  updateText: ['Restart now? It takes a second.', '现在重启吗？只要一秒。'],
  // With more than four letters on a button the platform shows nothing at all.
  restart: ['Yes', '重启'],
  later: ['No', '稍后'],
};

export const t = speaker(language(), own);

/** Of a text in both languages the one for this phone. */
export const ours = ([english, chinese]) => (spoken(language()) === 'en' ? english : chinese);

/** The words of these keys, for a page's data. */
export const words = (keys) => keys.reduce(
  (found, key) => Object.assign(found, { [key]: t(key) }), {},
);

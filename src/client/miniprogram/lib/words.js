// What the clients say, in the player's language.
//
// Absent: DOM, wx, and the question which language that is.

const english = {
  guest: 'Guest', nameless: 'Nameless', nobody: 'Nobody yet', you: 'You', opponent: 'Opponent',
  score: 'Score', streak: 'Streak', robotTag: 'robot',
  hand0: 'nothing', hand1: 'Scissors', hand2: 'Rock', hand3: 'Paper', hands: 'Your hand',
  face1: 'Laugh', face2: 'Cry', face3: 'Angry', face4: 'Smirk', faces: 'Show a face',
  play: 'Start', invite: 'Play with a friend', join: 'Enter', code: 'A friend’s code',
  copy: 'Copy link', copied: 'Copied', invitation: 'Rock, paper, scissors?',
  again: 'Again', new: 'New opponent', leave: 'Leave', giveUp: 'Give up',
  cancel: 'Cancel', here: 'Play here', comeBack: 'Reconnect',
  card: 'Name and picture', name: 'Name', picture: 'Picture', save: 'Save',
  'link:': 'Connecting…',
  'link:lost': 'Connection lost. Reconnecting…',
  'link:full': 'The server is full. Trying again…',
  'link:restart': 'The server is restarting. You will be back in a moment…',
  stopped: 'The server closed the connection ({reason}).',
  'stopped:taken-over': 'This game goes on in another tab or window.',
  free: 'Ready when you are.', nearby: 'Ready when you are. Others online: {n}',
  waiting: 'Looking for an opponent…',
  opening: 'Opening a room…',
  friend: 'Send this code or the link to a friend.',
  arrived: '{name} is here!',
  asleep: '{name} is here, but looks elsewhere.',
  robot: 'You play against a robot. Choose your hand!',
  human: 'You play against {name}. Choose your hand!',
  chosen: '{name} has a hand and may still change it.',
  offline: '{name} lost the connection.',
  leftPlaying: '{name} gave up. Choose a hand to win!',
  left: '{name} has left.',
  leftWaiting: 'The other player left. Looking for somebody else…',
  over: 'Another round?',
  ready: '{name} wants to play again.',
  againWaiting: 'Waiting for {name}…',
  note: 'The server said: {note}.',
  'note:forgotten': 'The server no longer knows your earlier game.',
  'note:draining': 'The server is about to restart and starts no new rounds.',
  'note:too-fast': 'Slow down a little.',
  'note:room-unknown': 'That room does not exist any more.',
  'note:room-full': 'Two are playing in that room already.',
  'big:win': 'You win!', 'big:lose': 'You lose', 'big:draw': 'Draw',
  win: '{mine} beats {theirs}.', lose: '{theirs} beats {mine}.',
  winNone: 'You showed {mine}, the other one nothing.', loseNone: 'You showed nothing.',
  bothSame: 'Both showed {mine}.', bothNone: 'Nobody showed a hand.',
  animals: ['Cat', 'Dog', 'Fox', 'Bear', 'Panda', 'Rabbit', 'Owl', 'Frog', 'Penguin', 'Lion',
    'Pig', 'Mouse', 'Tiger', 'Koala', 'Chick', 'Octopus'],
};

const chinese = {
  guest: '玩家', nameless: '无名', nobody: '虚位以待', you: '你', opponent: '对手',
  score: '得分', streak: '连胜', robotTag: '机器人',
  hand0: '没出', hand1: '剪刀', hand2: '石头', hand3: '布', hands: '你的手势',
  face1: '大笑', face2: '大哭', face3: '生气', face4: '坏笑', faces: '发个表情',
  play: '开始', invite: '和朋友玩', join: '进入', code: '朋友给的房间号',
  copy: '复制链接', copied: '已复制', invitation: '来一局剪刀石头布？',
  again: '再来一局', new: '换个对手', leave: '离开', giveUp: '认输',
  cancel: '取消', here: '在这里玩', comeBack: '重新连接',
  card: '名字和头像', name: '名字', picture: '头像', save: '保存',
  'link:': '正在连接…',
  'link:lost': '连接断开，正在重连…',
  'link:full': '服务器已满，稍后自动重试…',
  'link:restart': '服务器正在重启，马上回来…',
  stopped: '服务器关闭了连接（{reason}）。',
  'stopped:taken-over': '游戏已在另一个标签页或窗口中打开。',
  free: '准备好了就开始吧。', nearby: '准备好了就开始吧。在线的还有 {n} 人',
  waiting: '正在寻找对手…',
  opening: '正在创建房间…',
  friend: '把房间号或链接发给朋友。',
  arrived: '{name} 来了！',
  asleep: '{name} 在房间里，但暂时离开了屏幕。',
  robot: '对手是机器人，请出手！',
  human: '对手是 {name}，请出手！',
  chosen: '{name} 已出手，还可能会换。',
  offline: '{name} 掉线了。',
  leftPlaying: '{name} 认输了，随便出一个就赢！',
  left: '{name} 离开了。',
  leftWaiting: '对方离开了，正在寻找新的对手…',
  over: '再来一局？',
  ready: '{name} 想再来一局。',
  againWaiting: '正在等 {name}…',
  note: '服务器说：{note}。',
  'note:forgotten': '服务器已不记得之前的游戏。',
  'note:draining': '服务器即将重启，暂不开新局。',
  'note:too-fast': '慢一点。',
  'note:room-unknown': '这个房间已经不在了。',
  'note:room-full': '这个房间已经有两个人了。',
  'big:win': '你赢了！', 'big:lose': '你输了', 'big:draw': '平局',
  win: '{mine}胜{theirs}。', lose: '{theirs}胜{mine}。',
  winNone: '你出了{mine}，对方没出。', loseNone: '你没有出手。',
  bothSame: '双方都出了{mine}。', bothNone: '双方都没出手。',
  animals: ['猫', '狗', '狐狸', '熊', '熊猫', '兔子', '猫头鹰', '青蛙', '企鹅', '狮子',
    '猪', '老鼠', '老虎', '考拉', '小鸡', '章鱼'],
};

/** How this device's language is written, of the two that we speak. */
export const spoken = (language) => (/^zh/i.test(language) ? 'zh-CN' : 'en');

/** Makes t(key, places): the text for a key, its {places} filled in, or undefined. */
export function speaker(language) {
  const words = spoken(language) === 'en' ? english : chinese;
  return (key, places = {}) => {
    const text = words[key];
    return typeof text === 'string' ? text.replace(/\{(\w+)\}/g, (_, place) => places[place]) : text;
  };
}

/** One sentence about the state of a session. */
export function statusText(t, state) {
  const { link, reason, phase, other, note } = state;
  if (link === 'stopped') return t(`stopped:${reason}`) || t('stopped', { reason });
  if (link !== 'online') return t(`link:${reason}`) || t('link:lost');
  const name = other ? other.uname || t('nameless') : '';
  if (phase === 'playing') {
    if (other.left) return t('leftPlaying', { name });
    if (!other.online) return t('offline', { name });
    if (other.moves) return t('chosen', { name });
    return t(other.robot ? 'robot' : 'human', { name });
  }
  const noted = note && note !== 'left' ? `${t(`note:${note}`) || t('note', { note })} ` : '';
  if (phase === 'waiting') {
    if (state.friend) return t(state.code ? 'friend' : 'opening');
    return note === 'left' ? t('leftWaiting') : noted + t('waiting');
  }
  if (phase === 'free') return noted + (state.nearby ? t('nearby', { n: state.nearby }) : t('free'));
  if (!other || other.robot) return noted + t('over');
  if (other.left || !other.present) return t('left', { name });
  if (!other.online) return t(state.outcome ? 'offline' : 'asleep', { name });
  if (!state.outcome && state.code) return t('arrived', { name });
  if (state.again) return t('againWaiting', { name });
  return noted + (other.ready ? t('ready', { name }) : t('over'));
}

/** What a round ended with: one big word, and how it came. */
export function outcomeText(t, state) {
  const { me, other, outcome, phase } = state;
  if (phase !== 'between' || !outcome) return ['', ''];
  const [mine, theirs] = [me.choice, other.choice].map((choice) => t(`hand${choice || 0}`));
  const how = outcome === 'draw'
    ? t(me.choice ? 'bothSame' : 'bothNone', { mine })
    : t(me.choice && other.choice ? outcome : `${outcome}None`, { mine, theirs });
  return [t(`big:${outcome}`), how];
}

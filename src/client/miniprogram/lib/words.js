// What the clients say, in the player's language.
//
// Absent: DOM, wx, and the question which language that is.

/** Every text: English, Chinese. */
const words = {
  guest: ['Guest', '玩家'], nameless: ['Nameless', '无名'], nobody: ['Nobody yet', '虚位以待'],
  you: ['You', '你'], opponent: ['Opponent', '对手'],
  score: ['Score', '得分'], streak: ['Streak', '连胜'], robotTag: ['robot', '机器人'],
  hand0: ['nothing', '没出'], hand1: ['Scissors', '剪刀'], hand2: ['Rock', '石头'],
  hand3: ['Paper', '布'], hands: ['Your hand', '你的手势'],
  face1: ['Laugh', '大笑'], face2: ['Cry', '大哭'], face3: ['Angry', '生气'],
  face4: ['Smirk', '坏笑'], faces: ['Show a face', '发个表情'],
  play: ['Start', '开始'], invite: ['Play with a friend', '和朋友玩'], join: ['Enter', '进入'],
  code: ['A friend’s code', '朋友给的房间号'],
  copy: ['Copy link', '复制链接'], copied: ['Copied', '已复制'],
  invitation: ['Rock, paper, scissors?', '来一局剪刀石头布？'],
  again: ['Again', '再来一局'], new: ['New opponent', '换个对手'], leave: ['Leave', '离开'],
  giveUp: ['Give up', '认输'], cancel: ['Cancel', '取消'], here: ['Play here', '在这里玩'],
  comeBack: ['Reconnect', '重新连接'],
  card: ['Name and picture', '名字和头像'], name: ['Name', '名字'], picture: ['Picture', '头像'],
  save: ['Save', '保存'],
  'link:': ['Connecting…', '正在连接…'],
  'link:lost': ['Connection lost. Reconnecting…', '连接已断开，正在重连…'],
  'link:full': ['The server is full. Trying again…', '服务器已满，稍后自动重试…'],
  'link:too many': ['Too many connections from your address. Trying again…',
    '你所在的网络连接太多，稍后自动重试…'],
  'link:restart': ['The server is restarting, back in a moment…', '服务器正在重启，马上就好…'],
  'link:gather': ['Moving to another server, back in a moment…', '正在转到另一台服务器，马上就好…'],
  'link:too-fast': ['Too many come from your address at once. Back in a moment…',
    '你所在的网络一下子来了太多人，稍后自动重试…'],
  stopped: ['The server closed the connection ({reason}).', '服务器关闭了连接（{reason}）。'],
  'stopped:taken-over': ['This game continues in another tab or window.',
    '游戏已在另一个标签页或窗口中打开。'],
  'stopped:too-fast': ['Too much came from here at once, so the server closed the connection.',
    '操作太频繁，服务器关闭了连接。'],
  free: ['Ready when you are.', '准备好了就开始吧。'],
  nearby: [' Others online: {n}', '在线的还有 {n} 人'],
  waiting: ['Looking for an opponent…', '正在寻找对手…'],
  opening: ['Opening a room…', '正在创建房间…'],
  friend: ['Send this code or the link to a friend.', '把房间号或链接发给朋友。'],
  arrived: ['{name} is here!', '{name} 来了！'],
  greeting: ['{name} is here. Ready?', '{name} 来了，准备好了吗？'],
  greetingReady: ['{name} is ready. You?', '{name} 准备好了，你呢？'],
  asleep: ['{name} is here, but looking elsewhere.', '{name} 在房间里，但暂时离开了屏幕。'],
  pick: ['You’re up against {name}. Pick a hand!', '对手是 {name}，请出手！'],
  hurry: ['{name} has picked. And you?', '{name} 选好了，该你了！'],
  picked: ['Waiting for {name} to pick…', '等 {name} 出手…'],
  both: ['Both have picked. Sure?', '双方都选好了，还可以换！'],
  offline: ['{name} lost the connection.', '{name} 掉线了。'],
  leftPlaying: ['{name} gave up. Any hand wins!', '{name} 认输了，随便出一个就赢！'],
  left: ['{name} has left.', '{name} 离开了。'],
  leftWaiting: ['The other player left. Looking for somebody else…', '对方离开了，正在寻找新的对手…'],
  over: ['Another round?', '再来一局？'],
  ready: ['{name} wants to play again.', '{name} 想再来一局。'],
  leaving: ['You left {name}.', '你离开了 {name}。'],
  leavingRoom: ['You closed the room.', '你关闭了房间。'],
  undo: ['Undo', '撤销'],
  againWaiting: ['Waiting for {name}…', '正在等 {name}…'],
  note: ['The server said: {note}.', '服务器说：{note}。'],
  'note:forgotten': ['Your earlier game is gone: the server no longer knows it.', '服务器已不记得之前的游戏。'],
  'note:no-points': ['Your points are gone: the server no longer knows them.', '服务器已不记得你之前的得分。'],
  'note:restarted': ['The server has restarted: you are both free again.',
    '服务器重启了，大家都自由了。'],
  'note:absent': ['You were away too long to keep your place.', '离开太久，位置没能保留。'],
  'note:draining': ['The server restarts in a moment. No new rounds until then.', '服务器即将重启，暂不开新局。'],
  'note:too-fast': ['Slow down a little.', '慢一点。'],
  'note:room-unknown': ['That room does not exist any more.', '这个房间已经不在了。'],
  'note:room-elsewhere': ['That room is on a server that lets nobody in just now.',
    '这个房间所在的服务器暂时进不去。'],
  'note:room-full': ['Two are playing in that room already.', '这个房间已经有两个人了。'],
  board: ['The best', '榜单'], 'board:week': ['This week', '本周'], 'board:ever': ['All time', '总榜'],
  boardRule: ['Rounds between two signed-in players count here.', '双方都已登录的对局计入榜单。'],
  boardNobody: ['Nobody yet. Be the first!', '还没有人上榜，来当第一个！'],
  boardPlace: ['You are number {place}.', '你排第 {place} 名。'],
  boardPercent: ['You are among the best {percent} %.', '你在前 {percent}% 之列。'],
  boardAway: ['The board cannot be read just now.', '榜单暂时读不到，请稍后再看。'],
  'big:win': ['You win!', '你赢了！'],
  'big:lose': ['You lose', '你输了'],
  'big:draw': ['Draw', '平局'],
  win: ['{mine} beats {theirs}.', '{mine}胜{theirs}。'],
  lose: ['{theirs} beats {mine}.', '{theirs}胜{mine}。'],
  winNone: ['You showed {mine}, the other one nothing.', '你出了{mine}，对方没出。'],
  loseNone: ['You showed nothing.', '你没有出手。'],
  bothSame: ['Both showed {mine}.', '双方都出了{mine}。'],
  bothNone: ['Nobody showed a hand.', '双方都没出手。'],
  // What "robot-7" is called: the seventh of these, and round again.
  robots: [
    ['Bolt', 'Cog', 'Rusty', 'Pixel', 'Gizmo', 'Sparky', 'Widget', 'Tinny'],
    ['螺丝', '齿轮', '铁蛋', '像素', '发条', '火花', '零件', '铁皮'],
  ],
  animals: [
    ['Cat', 'Dog', 'Fox', 'Bear', 'Panda', 'Rabbit', 'Owl', 'Frog', 'Penguin', 'Lion', 'Pig',
      'Mouse', 'Tiger', 'Koala', 'Chick', 'Octopus'],
    ['猫', '狗', '狐狸', '熊', '熊猫', '兔子', '猫头鹰', '青蛙', '企鹅', '狮子', '猪', '老鼠',
      '老虎', '考拉', '小鸡', '章鱼'],
  ],
};

/** How this device's language is written, of the two that we speak. */
export const spoken = (language) => (/^zh/i.test(language) ? 'zh-CN' : 'en');

/** A name that is written from right to left turns nothing but itself: FSI and PDI around it. */
const isolated = (text) => (
  /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufefc\ud802\ud803\ud83a\ud83b]/.test(text)
    ? `\u2068${text}\u2069` : text);

/**
 * Makes t(key, places): the text for a key, its {places} filled in, or undefined. A client's `own`
 * texts go before these.
 */
export function speaker(language, own = {}) {
  const index = spoken(language) === 'en' ? 0 : 1;
  return (key, places = {}) => {
    const text = (own[key] || words[key] || [])[index];
    const filled = (_, place) => isolated(String(places[place]));
    return typeof text === 'string' ? text.replace(/\{(\w+)\}/g, filled) : text;
  };
}

/** What a player is called. A robot has a name of ours: the server's is a number. */
export function nameOf(t, player) {
  if (!player.robot) return player.uname || t('nameless');
  const names = t('robots');
  return names[(parseInt(player.uid.replace(/\D/g, ''), 10) || 1) % names.length];
}

/** While a round runs. */
function roundText(t, { me, other }, name) {
  if (other.left) return t('leftPlaying', { name });
  if (!other.online) return t('offline', { name });
  if (other.moves) return t(me.choice ? 'both' : 'hurry', { name });
  return t(me.choice ? 'picked' : 'pick', { name });
}

/** One sentence about the state of a session. */
export function statusText(t, state) {
  const { link, reason, phase, other, note, nearby } = state;
  if (link === 'stopped') return t(`stopped:${reason}`) || t('stopped', { reason });
  if (link !== 'online') return t(`link:${reason}`) || t('link:lost');
  const name = other ? nameOf(t, other) : '';
  if (state.leaving) return other ? t('leaving', { name }) : t('leavingRoom');
  if (phase === 'playing') return roundText(t, state, name);
  const noted = note && note !== 'left' ? `${t(`note:${note}`) || t('note', { note })} ` : '';
  if (phase === 'waiting') {
    if (state.friend) return t(state.code ? 'friend' : 'opening');
    return note === 'left' ? t('leftWaiting') : noted + t('waiting');
  }
  if (phase === 'free') return noted + t('free') + (nearby ? t('nearby', { n: nearby }) : '');
  if (!other || other.robot) return noted + t('over');
  if (note === 'restarted' && !other.present) return t('note:restarted');
  if (other.left || !other.present) return t('left', { name });
  if (!other.online) return t(state.outcome ? 'offline' : 'asleep', { name });
  if (!state.outcome && state.code && !state.again) return t(other.ready ? 'greetingReady' : 'greeting', { name });
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

/** A board as it is shown: the best, who stands around me if I am not among them, and one sentence. */
export function boardView(t, state, board) {
  const [top, rank] = [state.boards[board], state.ranks[board]];
  const players = top || [];
  const mine = players.some(({ uid }) => uid === state.me.uid);
  let told = '';
  if (state.link !== 'online' || state.boardAway) told = t('boardAway');
  else if (!top) told = '…';
  else if (!players.length) told = t('boardNobody');
  else if (rank && rank.place) told = t('boardPlace', { place: rank.place });
  else if (rank && rank.percent) told = t('boardPercent', { percent: rank.percent });
  return { players, around: rank && !mine ? rank.players : [], told };
}

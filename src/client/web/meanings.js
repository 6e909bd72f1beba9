// What each event means, in a sentence, for those who look inside: English, Chinese. The whole is
// defined in src/wire/reference.md.
//
// Absent: DOM and wx. Both clients have this file.

const MEANINGS = {
  '→ hello': ['Says who I am, that I speak version 2, and which session I had.', '告诉服务器我是谁、说第 2 版、之前的会话是哪个。'],
  '→ join': ['Asks for a round: the first, the next, or one in a private room.', '想玩一局：第一局、下一局，或进私人房间。'],
  '→ choice': ['My hand: 1 scissors, 2 rock, 3 paper. The last one before the end counts.', '我出的手势：1 剪刀、2 石头、3 布，结束前最后一个算数。'],
  '→ face': ['A face for the other one.', '给对方发个表情。'],
  '→ leave': ['Gives the place up.', '离开座位。'],
  '→ away': ['Nobody looks: the seat waits, but for no round.', '暂时离开：座位保留，但不开局。'],
  '→ ping': ['A sign of life that a page can see answered; frames of the protocol stay out of its sight.', '网页看得见回应的心跳；协议层的 ping 帧网页看不到。'],
  '→ top': ['Asks who is best: this week, or ever.', '问谁是第一：本周或总榜。'],
  '→ rank': ['Asks where I stand on that board.', '问我在榜上的位置。'],
  '← hi': ['Always the first: my uid, my session’s token, my scores, how many others are online.', '总是第一条：我的 uid、会话令牌、得分、在线人数。'],
  '← room': ['Who sits in my room, who is ready, who is online; at every change.', '房间里有谁、谁准备好了、谁在线；每次变化都发。'],
  '← start': ['A round begins; it lasts gameTime seconds on the server’s clock.', '一局开始，按服务器的时钟持续 gameTime 秒。'],
  '← movement': ['The other one chose, never which hand, or shows a face.', '对方出手了（不说出什么），或发了表情。'],
  '← result': ['The end of a round: exactly one for each seat, whatever happened.', '一局的结果：每个座位恰好一条，无论发生什么。'],
  '← leave': ['The other one gave its place up.', '对方离开了座位。'],
  '← top': ['The first ten of a board, the best one first.', '榜单前十名，从第一名开始。'],
  '← rank': ['Where I stand, and who stands around me.', '我的名次，以及前后的人。'],
  '← pong': ['The answer to ping.', '对 ping 的回应。'],
  '← problem': ['An event was refused, and why; the connection goes on.', '某个事件被拒绝及其原因；连接继续。'],
  '← bye': ['The server closes; with retry_ms it asks to come back after that time.', '服务器要关闭连接；带 retry_ms 表示请稍后再来。'],
};
/** The name of the event in a text, or ''. */
function nameOf(text) {
  try {
    return String(JSON.parse(text)[0]);
  } catch (_) {
    return '';
  }
}

/** What a text means that goes → to the server or comes ← from it; nothing where that is not known. */
export const meaningOf = (way, text) => MEANINGS[`${way} ${nameOf(text)}`];

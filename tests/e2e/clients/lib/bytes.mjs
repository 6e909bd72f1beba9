// What an old client may be sent, byte for byte: the original's events and nothing else.
//
// `problem`, which the original does not know and its clients ignore, is the one addition.

import { check } from "./util.mjs";

const text = '"[^"]*"';
const user = `\\{"uid":${text},"uname":${text},"uavatar":${text},"choice":null,"roundScore":0,"totalScore":\\d+,"winStreak":\\d+\\}`;
const row = `\\{"uid":${text},"roundScore":\\d+,"totalScore":\\d+,"winStreak":\\d+,"choice":(null|[123])\\}`;

/** Events: their keys, in the original's order. */
const EVENTS = [
  '\\["hi",\\{"message":"welcome","nearby":\\d+\\}\\]',
  `\\["start",\\{"gameTime":\\d+,"roomUsers":\\[${user},${user}\\]\\}\\]`,
  `\\["movement",\\{"uid":${text},"movement":"choice"\\}\\]`,
  `\\["movement",\\{"uid":${text},"movement":"face","face":\\d+\\}\\]`,
  `\\["leave",\\{"uid":${text}\\}\\]`,
  `\\["result",\\{"result":\\[${row},${row}\\]\\}\\]`,
  `\\["problem",\\{"code":${text},"message":${text},"event":${text}\\}\\]`,
];

const opening = '0\\{"sid":"[\\w-]{20}","upgrades":\\[\\],"pingInterval":\\d+,"pingTimeout":\\d+';

/** Packets that carry no event. */
const PACKETS = {
  plain: [],
  eio3: [`${opening}\\}`, "40", "3", "41", '44/\\w+,"Invalid namespace"'],
  eio4: [
    `${opening},"maxPayload":\\d+\\}`, '40\\{"sid":"[\\w-]{20}"\\}', "2", "3", "41",
    '44/\\w+,\\{"message":"Invalid namespace"\\}',
  ],
};

const ack = `43\\d+\\[\\{"ok":(true|false,"code":${text},"message":${text})\\}\\]`;

const known = (dialect) => {
  const events = EVENTS.map((event) => (dialect === "plain" ? event : `42${event}`));
  const acks = dialect === "plain" ? [] : [ack];
  return [...events, ...PACKETS[dialect], ...acks].map((pattern) => new RegExp(`^${pattern}$`));
};
const KNOWN = { plain: known("plain"), eio3: known("eio3"), eio4: known("eio4") };

/** Every text that an old client of this dialect was sent is one of those. */
export function checkOldBytes(dialect, texts) {
  for (const text of texts) {
    check(KNOWN[dialect].some((pattern) => pattern.test(text)), `no old bytes: ${text}`);
  }
}

// What the mini program's tests share: two servers, and phones that start, meet, invite and play.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import { Phone, endAll } from './phone.mjs';

/** People meet people here, */
export let server;
/** and robots here. */
export let robots;
before(async () => {
  server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '5s']);
  robots = await serve(['--robot-after', '0', '--game-time', '5s']);
});
after(() => {
  endAll();
  stopAll();
});

export const phone = (name, more = {}) => new Phone(more.server || server, {
  ...more, storage: { name, avatar: 'builtin:3' },
});
export const state = ({ page }) => page.data;
export const at = (one, page) => one.until(() => one.page?.route === `pages/${page}/${page}`, page);
export const playing = (one) => one.until(() => state(one).count, 'a round');
/** All of a result is told: hands, word, and points. */
export const judged = (one) => one.until(() => state(one).outcome && state(one).moment === 'points', 'a result');
/** What is asked for a round with: any hand. */
const HAND = { en: 'Paper', zh_CN: '布' };
export const ask = (one) => one.tap(HAND[one.language]);

/** Two friends see each other, and each says that a round may begin. */
export async function together(one, other) {
  await Promise.all([one, other].map((each) => each.until(
    // In a round that still runs elsewhere somebody is there, too, but does not ask this.
    () => state(each).canFace && /Ready\?|You\?|准备好了吗|你呢/.test(each.text()), 'the friend',
  )));
  ask(one);
  ask(other);
  await Promise.all([playing(one), playing(other)]);
}

/** Starts and taps this, or a hand. */
export async function begin(name, words, more) {
  const one = await phone(name, more).start();
  await one.says(/Ready|准备好/);
  one.tap(words || HAND[one.language]);
  await at(one, 'game');
  return one;
}

/** In a private room of its own, whose card it has sent. */
export async function invite(name) {
  const one = await begin(name, 'Play with a friend');
  await one.until(() => state(one).code, 'a code');
  one.tap('Send to a friend');
  assert.equal(one.card.path, `/pages/index/index?room=${state(one).code}`);
  return one;
}

/** Two phones in one round. */
export async function meet(one, other) {
  for (const each of [one, other]) {
    await each.says(/Ready|准备好/);
    ask(each);
  }
  await Promise.all([playing(one), playing(other)]);
}

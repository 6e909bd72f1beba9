// Four phones in the hands of monkeys: they tap whatever can be tapped, often twice, go back, look
// elsewhere, open each other's cards, lose the network and set the clock.
//
// Nothing throws, nothing changes a page that is gone, no sockets or timers pile up, and at the end
// nobody is stuck. `LONG=1` goes on ten times as long, with a seed of its own.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import { Phone, endAll } from './phone.mjs';
import { everything } from './wxml.mjs';

const LONG = process.env.LONG === '1';
const SEED = LONG ? Date.now() % 100000 : 7;
const STEPS = LONG ? 4000 : 400;
/** The session's own, the round's, the moment's, two faces', a socket's, a name's. */
const TIMERS_MAX = 12;
const SOCKETS_MAX = 5;
const HOUR_MS = 3600000;

after(() => {
  endAll();
  stopAll();
});

/** Numbers below n, the same ones for the same seed. */
function dice(seed) {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) % 2147483648;
    return Math.floor((Math.abs(state) / 2147483648) * n);
  };
}

/** One thing that a monkey does: its weight, whether it can be done now, and how. */
const deeds = (roll, cards) => [
  [1, (one) => !one.hidden, (one) => one.hide(), 'hide'],
  [8, (one) => one.hidden, (one) => one.show(roll(3) ? undefined : cards[roll(cards.length)]), 'show'],
  [1, (one) => !one.hidden && one.pages.length > 1, (one) => one.back(), 'back'],
  [1, () => true, (one) => one.network(roll(3) > 0), 'network'],
  [2, (one) => !one.connected, (one) => one.network(true), 'network is back'],
  [1, () => true, (one) => one.bury(), 'dead sockets are reported'],
  [1, () => true, (one) => {
    one.clockShift = (roll(3) - 1) * HOUR_MS;
  }, 'clock'],
  [12, (one) => one.sheet, (one) => one.choose(one.sheet.items[roll(one.sheet.items.length)]), 'choose'],
  [2, (one) => !one.hidden && one.page && one.find((node) => node.handlers.input),
    (one) => one.put('', 'input', { value: (cards[roll(cards.length)] || 'zzzzzz').slice(-6) }), 'type'],
  [24, (one) => !one.hidden && one.page, (one) => {
    const nodes = everything(one.tree())
      .filter(({ handlers, attributes }) => handlers?.tap || attributes?.['open-type'] === 'share');
    const node = nodes[roll(nodes.length)];
    if (!node) return;
    if (node.handlers.tap) {
      for (let more = roll(2); more >= 0; more -= 1) one.fire(node, 'tap', {});
    } else {
      cards.push(one.page.onShareAppMessage().path);
    }
  }, 'tap'],
];

test(`four monkeys (seed ${SEED})`, async () => {
  const server = await serve(['--robot-after', '2s', '--rematch-wait', '3s', '--game-time', '2s']);
  const roll = dice(SEED);
  const cards = [];
  const all = deeds(roll, cards);
  const phones = await Promise.all([0, 1, 2, 3].map((number) => new Phone(server, {
    storage: { name: `M${number}`, avatar: 'builtin:1' }, language: number % 2 ? 'zh_CN' : 'en',
  }).start()));
  for (let step = 0; step < STEPS; step += 1) {
    const one = phones[roll(phones.length)];
    const able = all.filter(([, can]) => can(one));
    let pick = roll(able.reduce((sum, [weight]) => sum + weight, 0));
    const [, , run, name] = able.find(([weight]) => {
      pick -= weight;
      return pick < 0;
    });
    run(one);
    await new Promise((resolve) => setTimeout(resolve, roll(roll(8) ? 40 : 500)));
    for (const each of phones) {
      const where = `seed ${SEED}, step ${step}: ${name}`;
      assert.deepEqual(each.faults, [], where);
      assert.ok(each.timers.size <= TIMERS_MAX, `${where}: ${each.timers.size} timers`);
      assert.ok(each.sockets.size <= SOCKETS_MAX, `${where}: ${each.sockets.size} sockets`);
    }
  }
  // Everybody puts the phone right. Then there is a hand to tap, or a room of one's own to wait in.
  for (const one of phones) {
    one.clockShift = 0;
    one.sheet = null;
    if (one.hidden) one.show();
    if (!one.connected) one.network(true);
    one.bury();
  }
  for (const one of phones) {
    await one.until(() => {
      const { route, data } = one.page || { data: {} };
      const table = route === 'pages/game/game' && !data.warning;
      const back = one.page && one.find((node) => ['onBack', 'onAction'].includes(node.handlers.tap));
      // Taken over by itself, or leaving: there is a way back.
      return back || (table ? data.canChoose || data.code : data.seated
        || one.find((node) => node.handlers.tap === 'onHand'));
    }, 'something to play with');
    assert.ok(one.sent.some(([name]) => name === 'join'), 'it has played');
  }
  for (const one of phones) one.end();
});

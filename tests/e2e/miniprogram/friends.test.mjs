// Two phones against the real server: whole games, cards, codes, and ways out of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Phone } from './phone.mjs';
import {
  ask, at, begin, invite, judged, meet, phone, playing, server, state, together,
} from './table.mjs';

test('a card leads a friend into the room', async () => {
  const [one, other] = [await invite('Ada'), phone('Bob')];
  one.tap(state(one).code);
  assert.equal(one.clipboard, state(one).code);
  // Choosing the friend takes the sender out of the program for long.
  await one.sleep();
  await other.start(one.card.path.slice(1));
  await other.says(/looking elsewhere|lost/);
  assert.deepEqual(other.sent.find(([name]) => name === 'join'), ['join', {
    room: one.card.path.slice(-6), ready: false,
  }]);
  assert.ok(!state(other).count, 'no round without the one who asked for it');
  one.show();
  await together(one, other);
  one.tap('Paper');
  other.tap('Rock');
  await Promise.all([judged(one), judged(other)]);
  assert.match(other.text(), /You lose/);
  ask(other);
  await one.says(/Bob wants to play again/);
  ask(one);
  await Promise.all([playing(one), playing(other)]);
  one.end();
  other.end();
});

test('a room whose card was sent stays open, however its owner walks about', async () => {
  const walks = [
    ['back, and to the table again', async (one) => {
      one.back();
      await one.says(/Back to the room/);
      assert.doesNotMatch(one.text(), /Start|A friend/, 'one room is enough');
      assert.match(one.text(), new RegExp(`tell this code. ${one.card.path.slice(-6)}`));
      assert.equal(one.page.onShareAppMessage().path, one.card.path);
      one.tap('Back to the room');
      await at(one, 'game');
    }],
    ['back, and the first page leads to the table when the friend comes', async (one) => {
      one.back();
      await at(one, 'index');
    }],
    ['through its own card', async (one) => {
      one.hide();
      one.show(one.card.path);
      await at(one, 'game');
      assert.equal(one.pages.length, 2);
    }],
    ['through its own card, after the cut, in small letters', async (one) => {
      await one.sleep();
      one.show(one.card.path.replace(/\w+$/, (code) => code.toLowerCase()));
      await at(one, 'game');
      await one.until(() => one.opened === 2 && state(one).code, 'the room again');
    }],
    ['through a card without a room', async (one) => {
      one.hide();
      one.show('/pages/index/index');
      await at(one, 'game');
    }],
    ['through its own card, after the system ended the program', async (one) => {
      one.end();
      const again = await new Phone(server, { storage: one.storage }).start(one.card.path.slice(1));
      return Object.assign(again, { card: one.card });
    }],
  ];
  for (const [what, walk] of walks) {
    const first = await invite('Ada');
    const one = await walk(first) || first;
    assert.ok(!one.sent.some(([name]) => name === 'leave'), what);
    const other = await phone('Bob').start(one.card.path.slice(1));
    await together(one, other);
    assert.equal(one.page.route, 'pages/game/game', what);
    // In mid-round the own card leads to the same round.
    one.tap('Rock');
    one.hide();
    one.show(one.card.path);
    await one.until(() => state(one).chosen === 2, 'the round goes on');
    one.end();
    other.end();
  }
});

test('going back from anything else, or leaving the room, is going away', async () => {
  const left = (one) => one.until(() => one.sent.some(([name]) => name === 'leave'), 'a leave');
  const waiting = await begin('Ada');
  waiting.back();
  await left(waiting);
  await waiting.says(/Ready/);
  waiting.end();
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  // Nobody gives up a round by a slip of the thumb: it ends first.
  other.back();
  await other.says(/You left Ada/);
  await Promise.all([left(other), one.says(/Bob has left/)]);
  assert.ok(state(one).outcome, 'after the end of the round');
  ask(other);
  ask(one);
  await Promise.all([playing(one), playing(other)]);
  await Promise.all([judged(one), judged(other)]);
  one.back();
  await Promise.all([left(one), other.says(/Ada has left/)]);
  one.end();
  other.end();
  const owner = await invite('Ada');
  owner.back();
  await owner.says(/Back to the room/);
  owner.tap('Leave');
  await owner.says(/You closed the room/);
  await left(owner);
  await owner.says(/Ready/);
  const late = await phone('Bob').start(owner.card.path.slice(1));
  await late.says(/does not exist/);
  owner.end();
  late.end();
});

test('no second tap destroys a game with a friend, and what was meant can be undone', async () => {
  const [one, other] = [await invite('Ada'), phone('Bob')];
  await other.start(one.card.path.slice(1));
  await together(one, other);
  // In a round the menu has nothing that ends it.
  one.tap('More');
  assert.deepEqual([...one.sheet.items], [
    'Vibration: turn off', 'Hide the other one’s faces', 'Look inside </>',
  ]);
  one.sheet = null;
  await Promise.all([judged(one), judged(other)]);
  // Whatever can be tapped on the page, twice: the friend stays, and so does the room.
  const { code } = one.card.path.match(/room=(?<code>\w+)/).groups;
  for (const hand of ['Scissors', 'Rock', 'Paper']) {
    one.tap(hand);
    one.tap(hand);
  }
  one.tap('Laugh');
  await other.says(/Ada wants to play again/);
  one.tap('More');
  assert.match(String(one.sheet.items[0]), new RegExp('^Leave Bob and the room'), 'it says what it ends');
  assert.ok(one.sheet.items.length === 4, 'and nothing drops a friend for a stranger');
  one.choose(/^Leave Bob/);
  await at(one, 'index');
  await one.says(/You left Bob.* Undo/);
  one.tap('Undo');
  await at(one, 'game');
  await one.until(() => !/You left/.test(one.text()), 'it is as if nothing had been');
  ask(other);
  await Promise.all([playing(one), playing(other)]);
  assert.ok(!one.sent.some(([name]) => name === 'leave'));
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.page.onShareAppMessage().path, new RegExp(code));
  // A menu that stayed open while a round began offers what it offered no more.
  one.tap('More');
  const before = one.sheet;
  ask(one);
  ask(other);
  await Promise.all([playing(one), playing(other)]);
  one.sheet = before;
  one.choose(/^Leave Bob/);
  await judged(one);
  assert.ok(!one.sent.some(([name]) => name === 'leave') && !state(one).action);
  one.end();
  other.end();
});

test('a card takes a friend away from wherever it was', async () => {
  const places = [
    ['the first page', (one) => one.says(/Ready/)],
    ['the lobby', async (one) => {
      await one.says(/Ready/);
      ask(one);
      await at(one, 'game');
      await one.says(/Looking/);
    }],
    ['a round', async (one) => {
      const third = await phone('Cy').start();
      await meet(one, third);
      // Gone for good, or it would be met again.
      third.back();
      third.tap('Play with a friend');
      await one.says(/Cy gave up/);
      third.end();
    }],
    ['its own room', async (one) => {
      await one.says(/Ready/);
      one.tap('Play with a friend');
      await one.until(() => state(one).code, 'a code');
    }],
  ];
  for (const [what, go] of places) {
    const [one, other] = [await invite('Ada'), await phone('Bob').start()];
    await go(other);
    other.hide();
    other.show(one.card.path);
    await together(one, other);
    assert.deepEqual([state(one).other.name, state(other).other.name], ['Bob', 'Ada'], what);
    assert.equal(other.pages.length, 2, what);
    one.end();
    other.end();
  }
});

test('a card goes before a round, also after the system ended the program', async () => {
  const one = await invite('Ada');
  const [before, third] = [await phone('Bob').start(), await phone('Cy').start()];
  await meet(before, third);
  before.end();
  const other = await new Phone(server, { storage: before.storage }).start(one.card.path.slice(1));
  await Promise.all([together(one, other), third.says(/Bob (gave up|has left)/)]);
  assert.equal(other.pages.length, 2);
  for (const each of [one, other, third]) each.end();
});

test('a code can be typed, and a wrong one is told', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await Promise.all([one.says(/Ready/), other.says(/Ready/)]);
  one.tap('Play with a friend');
  await one.until(() => state(one).code, 'a code');
  other.put('code', 'input', { value: 'zzzzzz' });
  other.tap('Enter');
  await other.says(/does not exist/);
  other.back();
  await at(other, 'index');
  other.put('code', 'input', { value: state(one).code.toLowerCase() });
  other.put('code', 'confirm', { value: '' });
  await together(one, other);
  one.end();
  other.end();
});

test('two phones play, one in Chinese, and play again', async () => {
  const [one, other] = [
    await phone('Ada').start(), await phone('敏敏', { language: 'zh_CN' }).start(),
  ];
  await meet(one, other);
  assert.ok(one.has('spinning'), 'the other one is choosing');
  one.tap('Rock');
  other.tap('剪刀');
  await one.says(/Both have picked/);
  one.tap('Laugh');
  await other.until(() => other.has('face'), 'a face');
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You win!.* Rock beats Scissors\./);
  assert.match(other.text(), /你输了/);
  assert.equal(one.has('spinning'), false, 'it came to rest');
  assert.equal(one.find((node) => one.wears(node, 'won')).tag, 'view');
  assert.deepEqual([state(one).wins, state(other).wins], ['1 : 0', '0 : 1']);
  // A hand between the rounds asks for the next one, and is kept for it.
  one.tap('Scissors');
  await other.says(/Ada 想再来一局/);
  other.tap('布');
  await Promise.all([playing(one), playing(other)]);
  assert.deepEqual([state(one).chosen, state(other).chosen], [1, 3]);
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You win!.* Scissors beats Paper\./);
  assert.deepEqual(state(one).last.map(({ outcome }) => outcome), ['win', 'win']);
  one.end();
  other.end();
});

test('a new opponent is another one', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  await Promise.all([judged(one), judged(other)]);
  const third = await begin('Cy');
  await third.says(/Looking/);
  await one.menu(/Leave Bob, find somebody else/);
  await Promise.all([one.says(/Cy/), third.says(/Ada/), other.says(/Ada has left/)]);
  await Promise.all([playing(one), playing(third)]);
  for (const each of [one, other, third]) each.end();
});

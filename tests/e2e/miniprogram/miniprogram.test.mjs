// The mini program's own files against the real server: whole games, hide and show, share and join.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import { Phone, ROOT, audit, endAll } from './phone.mjs';
import { everything } from './wxml.mjs';

const WEB = `${ROOT}../web/`;
let server; // people meet people here
let robots; // and robots here
before(async () => {
  server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '5s']);
  robots = await serve(['--robot-after', '0']);
});
after(() => {
  endAll();
  stopAll();
});

const phone = (name, more = {}) => new Phone(more.server || server, {
  ...more, storage: { name, avatar: 'builtin:3' },
});
const state = ({ page }) => page.data;
const at = (one, page) => one.until(() => one.page?.route === `pages/${page}/${page}`, page);
const playing = (one) => one.until(() => state(one).count, 'a round');
/** All of a result is told: hands, word, and points. */
const judged = (one) => one.until(() => state(one).outcome && state(one).moment === 'points', 'a result');
/** What is asked for a round with: any hand. */
const HAND = { en: 'Paper', zh_CN: '布' };
const ask = (one) => one.tap(HAND[one.language]);

/** Two friends see each other, and each says that a round may begin. */
async function together(one, other) {
  await Promise.all([one, other].map((each) => each.until(
    () => each.page?.route === 'pages/game/game' && state(each).canFace, 'the friend',
  )));
  ask(one);
  ask(other);
  await Promise.all([playing(one), playing(other)]);
}

/** Starts and taps this, or a hand. */
async function begin(name, words, more) {
  const one = await phone(name, more).start();
  await one.says(/Ready|准备好/);
  one.tap(words || HAND[one.language]);
  await at(one, 'game');
  return one;
}

/** In a private room of its own, whose card it has sent. */
async function invite(name) {
  const one = await begin(name, 'Play with a friend');
  await one.until(() => state(one).code, 'a code');
  one.tap('Send to a friend');
  assert.equal(one.card.path, `/pages/index/index?room=${state(one).code}`);
  return one;
}

/** Two phones in one round. */
async function meet(one, other) {
  for (const each of [one, other]) {
    await each.says(/Ready|准备好/);
    ask(each);
  }
  await Promise.all([playing(one), playing(other)]);
}

test('the shared files are the web page\'s own, byte for byte', () => {
  const pairs = [['lib/session.js', 'session.js'], ['lib/words.js', 'words.js'],
    ...readdirSync(`${WEB}avatars`).map((name) => [`avatars/${name}`, `avatars/${name}`])];
  for (const [copy, original] of pairs) {
    assert.ok(readFileSync(ROOT + copy).equals(readFileSync(WEB + original)),
      `${copy} differs: cp src/client/web/${original} src/client/miniprogram/${copy}`);
  }
});

test('the project is complete', () => {
  const json = (path) => JSON.parse(readFileSync(ROOT + path, 'utf8'));
  const app = json('app.json');
  for (const page of app.pages) {
    for (const kind of ['js', 'json', 'wxml', 'wxss']) assert.ok(existsSync(`${ROOT}${page}.${kind}`));
    json(`${page}.json`);
  }
  assert.ok(json(app.sitemapLocation).rules.length);
  const project = json('project.config.json');
  assert.equal(project.compileType, 'miniprogram');
  assert.equal(project.setting.es6, true, 'without it import and export are not understood');
  assert.equal(project.setting.urlCheck, true);
});

test('everything that the pages name is there, and a slip of the finger is found', async () => {
  const one = await phone('Ada').start();
  for (const path of ['pages/index/index', 'pages/game/game']) {
    audit(one, path);
    const markup = readFileSync(`${ROOT}${path}.wxml`, 'utf8');
    const slips = [[/="on(\w)/g, '="no$1'], [/\{\{words\.(\w)/g, '{{words.x$1'],
      [/<view/g, '<veiw'], [/class="/g, 'clas="'], [/\{\{item\.(\w)/g, '{{item.x$1']];
    for (const [right, wrong] of slips) {
      for (const { 0: found, index } of markup.matchAll(right)) {
        const slip = markup.slice(0, index) + found.replace(right, wrong)
          + markup.slice(index + found.length);
        assert.throws(() => audit(one, path, slip), undefined, slip.slice(index, index + 40));
      }
    }
  }
  one.end();
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

test('what is chosen and what cannot be is said to those who do not see it', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  /** The buttons of a kind: which are chosen, and which do nothing. */
  const told = (handler, value) => {
    const found = everything(one.tree()).filter(({ handlers }) => handlers?.tap === handler);
    assert.ok(found.length);
    return found.map(({ attributes }) => attributes[`aria-${value}`]);
  };
  const only = (index, count) => Array.from({ length: count }, (_, at) => at === index);
  one.tap('Name and picture');
  assert.deepEqual(told('onAvatar', 'checked'), only(3, 16));
  one.tap('Owl');
  assert.deepEqual(told('onAvatar', 'checked'), only(6, 16));
  assert.deepEqual(told('onAvatar', 'role'), Array(16).fill('radio'));
  one.tap('Done');
  await meet(one, other);
  await one.until(() => state(one).chosen, 'the hand that it began with');
  assert.deepEqual(told('onHand', 'checked'), only(2, 3));
  assert.deepEqual(told('onHand', 'disabled'), Array(3).fill(false));
  assert.deepEqual(told('onFace', 'disabled'), Array(4).fill(false));
  one.tap('Rock');
  assert.deepEqual(told('onHand', 'checked'), only(1, 3));
  assert.deepEqual(told('onHand', 'role'), Array(3).fill('radio'));
  await judged(one);
  assert.deepEqual(told('onHand', 'disabled'), Array(3).fill(false), 'it asks for the next round');
  await other.menu('Leave Ada');
  await one.says(/Bob has left/);
  assert.deepEqual(told('onFace', 'disabled'), Array(4).fill(true));
  one.tap('More');
  one.choose(/^Leave$/);
  await at(one, 'index');
  one.tap('Play with a friend');
  await one.until(() => state(one).code && one.page.route.includes('game'), 'a code');
  assert.deepEqual(told('onHand', 'disabled'), Array(3).fill(true), 'nobody to play with');
  one.end();
  other.end();
});

test('a robot is told apart and gone after its round', async () => {
  const one = await phone('Ada', { server: robots }).start();
  await one.says(/Ready/);
  ask(one);
  await playing(one);
  assert.match(one.text(), /[A-Z][a-z]+ robot/);
  assert.match(one.find((node) => one.wears(node, 'spinning')).attributes.src, /robot\.svg$/);
  one.tap('Paper');
  await judged(one);
  one.tap('More');
  assert.doesNotMatch(String(one.sheet.items), /somebody else/);
  one.sheet = null;
  one.tap('Rock');
  await playing(one);
  assert.equal(state(one).chosen, 2);
  one.end();
});

test('hidden in mid-round, cut off, shown again: the round goes on', async () => {
  const longer = await serve(['--robot-after', '1m', '--game-time', '15s', '--drain-timeout', '20s']);
  const [one, other] = [
    await phone('Ada', { server: longer }).start(), await phone('Bob', { server: longer }).start(),
  ];
  await meet(one, other);
  one.tap('Rock');
  await one.until(() => state(one).chosen === 2 && one.sent.at(-1)[1]?.choice === 2, 'the hand');
  one.hide();
  await other.says(/Ada lost the connection/);
  assert.equal(other.has('spinning'), false, 'nobody is there to choose');
  assert.deepEqual(one.sent.at(-1), ['away']);
  assert.equal(one.sockets.size, 1, 'not yet');
  await one.until(() => one.asleep, 'the cut in the background');
  one.show();
  await one.until(() => one.opened === 2 && state(one).canChoose, 'the table again');
  assert.ok(state(one).chosen === 2, 'the choice stands');
  await other.until(() => !/lost the connection/.test(other.text()), 'Ada is back');
  assert.ok(other.has('spinning'));
  other.tap('Scissors');
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You win!/);
  assert.equal(one.socketsMost, 1, 'never two sockets at once');
  one.end();
  other.end();
  await longer.stop();
});

test('the line dies in the foreground: noticed at once, and the game never throws itself out', async () => {
  const longer = await serve(['--robot-after', '1m', '--game-time', '20s', '--drain-timeout', '25s']);
  const [one, other] = [
    await phone('Ada', { server: longer }).start(), await phone('Bob', { server: longer }).start(),
  ];
  await meet(one, other);
  one.network(false);
  await one.until(() => state(one).warning, 'that the line is dead');
  one.network(true);
  await one.until(() => one.opened === 2 && state(one).canChoose, 'the table again');
  // Only now the system notices that the first socket is closed.
  one.bury();
  await one.until(() => one.sockets.size === 1, 'the end of the first socket');
  one.tap('Paper');
  await one.until(() => one.sent.at(-1)[1]?.choice === 3, 'the choice');
  other.tap('Scissors');
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You lose.* Scissors beats Paper/);
  assert.equal(one.opened, 2, 'no third connection, which would have taken the session over');
  // In the background it is not the network's business whether somebody looks.
  one.hide();
  await one.until(() => one.sent.at(-1)[0] === 'away', 'away');
  one.networkListeners.forEach((run) => run({ isConnected: true, networkType: 'wifi' }));
  assert.deepEqual(one.sent.at(-1), ['away']);
  one.end();
  other.end();
  await longer.stop();
});

test('the clock of the phone is set while a round runs: nothing is measured by it', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  one.tap('Rock');
  one.clockShift = -3600000;
  one.tap('Paper');
  await one.until(() => one.sent.at(-1)[1]?.choice === 3, 'the choice, not an hour later');
  await one.until(() => state(one).count !== '5', 'the countdown goes on');
  assert.ok(Number(state(one).count) < 5, state(one).count);
  await Promise.all([judged(one), judged(other)]);
  one.clockShift = 3600000;
  ask(one);
  ask(other);
  await Promise.all([playing(one), playing(other)]);
  one.tap('Laugh');
  await other.until(() => other.has('face'), 'a face');
  one.end();
  other.end();
});

test('a glance elsewhere costs no connection', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  one.hide();
  one.show();
  assert.throws(() => one.show(), 'it is shown already');
  await one.until(() => one.sent.at(-1)[0] === 'ping', 'a look at the connection');
  assert.equal(one.opened, 1);
  assert.ok(one.sent.some(([name]) => name === 'away'));
  one.end();
});

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

test('the hands come first, then the word, then the points', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  one.tap('Rock');
  other.tap('Scissors');
  /** What of the end the page gives away, at each change of it. */
  const told = [];
  const look = () => {
    const { moment, big, how, me, score, streak, gain, wins, last } = state(one);
    const now = { moment, hand: me.handName, word: big + how, points: `${score[0]} ${streak[0]} ${gain[0]}` };
    assert.equal(Boolean(wins) && last.length > 0, Boolean(big));
    if (JSON.stringify(now) !== JSON.stringify(told.at(-1))) told.push(now);
  };
  one.watchers.add(look);
  await judged(one);
  one.watchers.delete(look);
  assert.deepEqual(told, [
    { moment: '', hand: '', word: '', points: '0 0 ' },
    { moment: 'clash', hand: 'Rock', word: '', points: '0 0 ' },
    { moment: 'word', hand: 'Rock', word: 'You win!Rock beats Scissors.', points: '0 0 ' },
    { moment: 'points', hand: 'Rock', word: 'You win!Rock beats Scissors.', points: '1 1 +1' },
  ]);
  assert.deepEqual(one.buzzes.slice(-1), ['heavy']);
  // Whoever looks elsewhere and comes back has missed the play, not its end.
  one.hide();
  one.show();
  await one.until(() => state(one).moment === 'points' && state(one).gain[0] === '+1', 'the end');
  // Nor does a resumed session, which is told its last result again, count it again.
  one.network(false);
  await one.until(() => state(one).warning, 'that the line is dead');
  one.network(true);
  await one.until(() => one.opened === 2 && state(one).canFace, 'the table again');
  one.bury();
  assert.deepEqual([state(one).wins, state(one).moment], ['1 : 0', 'points']);
  one.back();
  await one.says(/Won 1 · best streak 1 · mostly Rock/);
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

test('name and picture are chosen, a photo stays on its phone', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await Promise.all([one.says(/Ready/), other.says(/Ready/)]);
  one.tap('Name and picture');
  await one.until(() => one.asked, 'the question for consent');
  one.put('nickname', 'blur', { value: ' <b>Ada</b> ' });
  one.put('nickname', 'nicknamereview', { pass: true, timeout: false });
  one.tap('Fox');
  one.put('', 'chooseavatar', { avatarUrl: 'http://tmp/photo.jpg' });
  await one.until(() => state(one).portrait === 'http://usr/photo.jpg', 'the photo');
  one.tap('Done');
  await meet(one, other);
  await other.says(/<b>Ada<\/b>/);
  const shown = (who) => who.find((node) => who.wears(node, 'spinning')).attributes.src;
  assert.equal(shown(other), '/avatars/2.svg', 'others see the fox');
  assert.equal(state(one).me.portrait, 'http://usr/photo.jpg');
  assert.equal(JSON.stringify(one.sent).includes('photo'), false);
  one.end();
  other.end();
  const again = new Phone(server, { storage: one.storage });
  again.saved = one.saved;
  await again.start();
  assert.match(JSON.stringify(state(again)), /"uname":"<b>Ada<\/b>","uavatar":"builtin:2"/);
  assert.equal(state(again).portrait, 'http://usr/photo.jpg', 'remembered on the phone');
  again.tap('Name and picture');
  // A new photo takes the place of the old one, also on the phone's disk.
  again.put('', 'chooseavatar', { avatarUrl: 'http://tmp/other.jpg' });
  await again.until(() => state(again).portrait === 'http://usr/other.jpg', 'the other photo');
  assert.deepEqual([...again.saved], ['http://usr/other.jpg']);
  again.tap('Owl');
  await again.until(() => !again.saved.size, 'that its file is gone');
  assert.equal(again.find((node) => again.wears(node, 'chosen')).attributes['aria-label'], 'Owl');
  await again.until(() => again.sent.some(([, more]) => more?.user?.uavatar === 'builtin:6'), 'hello');
  assert.deepEqual([again.storage.avatar, again.storage.photo], ['builtin:6', '']);
  again.end();
  // A phone that knows nothing yet makes something up, and keeps that.
  const fresh = await new Phone(server).start();
  fresh.end();
  const { name, avatar } = fresh.storage;
  assert.match(`${name} ${avatar}`, /^Guest \d\d builtin:\d+$/);
  const later = await new Phone(server, { storage: fresh.storage }).start();
  assert.deepEqual([state(later).uname, state(later).uavatar], [name, avatar]);
  later.end();
});

test('a name counts when WeChat has passed it, and not before', async () => {
  const rows = [
    ['passed', { pass: true, timeout: false }, 'Eve'],
    ['refused', { pass: false, timeout: false }, 'Ada'],
    ['not checked in time', { pass: true, timeout: true }, 'Ada'],
    ['not checked in time, in other words', { pass: false, timeout: true }, 'Ada'],
  ];
  for (const [what, verdict, name] of rows) {
    const one = await phone('Ada').start();
    await one.says(/Ready/);
    one.tap('Name and picture');
    one.put('nickname', 'blur', { value: 'Eve' });
    one.put('nickname', 'confirm', { value: 'Eve' });
    assert.ok(!JSON.stringify(one.sent).includes('Eve') && one.storage.name === 'Ada', `${what}: too early`);
    one.put('nickname', 'nicknamereview', verdict);
    assert.deepEqual([one.storage.name, state(one).uname], [name, name], what);
    assert.equal(one.toast, name === 'Eve' ? '' : 'WeChat has not passed this name. You stay Ada.');
    // A verdict without a question changes nothing.
    one.put('nickname', 'nicknamereview', { pass: true, timeout: false });
    assert.equal(one.storage.name, name);
    one.end();
  }
  // Emptied or as before, there is nothing to check.
  const one = await phone('Ada').start();
  one.tap('Name and picture');
  for (const value of ['', '  ', 'Ada']) {
    one.put('nickname', 'blur', { value });
    one.put('nickname', 'nicknamereview', { pass: true, timeout: false });
    assert.equal(one.storage.name, 'Ada');
  }
  // And a platform that never answers is not waited for.
  one.put('nickname', 'blur', { value: 'Eve' });
  await one.until(() => one.toast, 'the end of patience');
  one.put('nickname', 'nicknamereview', { pass: true, timeout: false });
  assert.equal(one.storage.name, 'Ada');
  one.end();
});

test('without consent to the privacy guide the game is whole, and says what it lacks', async () => {
  const one = phone('Ada');
  one.consents = false;
  await one.start();
  await one.says(/Ready/);
  assert.equal(one.asked, 0, 'nobody is asked before it is needed');
  one.tap('Name and picture');
  await one.says(/need your consent/);
  assert.equal(one.find((node) => node.attributes.type === 'nickname'), undefined);
  one.tap('Fox');
  one.consents = true;
  one.tap('Ask me again');
  await one.until(() => one.find((node) => node.attributes.type === 'nickname'), 'the field');
  one.tap('Done');
  one.consents = false;
  one.tap('Play with a friend');
  await one.until(() => state(one).code && one.page.route.includes('game'), 'a code');
  one.tap(state(one).code);
  await one.until(() => one.toast, 'what to do instead');
  assert.equal(one.toast, 'WeChat does not let it be copied. Hold the code to select it.');
  assert.equal(one.find((node) => one.wears(node, 'code')).attributes['user-select'], true);
  assert.equal(one.clipboard, '');
  one.end();
  // Where the platform knows no such question, there is none.
  const old = phone('Bob');
  await old.start();
  delete old.context.wx.requirePrivacyAuthorize;
  delete old.context.wx.vibrateShort;
  old.tap('Name and picture');
  assert.ok(old.find((node) => node.attributes.type === 'nickname'));
  old.tap('Done');
  await old.says(/Ready/);
  ask(old);
  await at(old, 'game');
  old.end();
});

test('a phone whose storage is full, broken or from elsewhere plays all the same', async () => {
  const one = new Phone(server, { storage: { name: 7, avatar: {}, session: null, record: 'x 2 -3' } });
  one.full = true;
  await one.start();
  await one.says(/Ready/);
  assert.match(state(one).uname, /^Guest \d\d$/);
  one.tap('Name and picture');
  one.put('', 'chooseavatar', { avatarUrl: 'http://tmp/photo.jpg' });
  await one.until(() => state(one).portrait === 'http://tmp/photo.jpg', 'the photo, as long as it lasts');
  // The system cleared it away: the drawn one takes its place.
  one.put('', 'error', { errMsg: 'GET http://tmp/photo.jpg 404' });
  assert.match(state(one).portrait, /^\/avatars\//);
  one.tap('Done');
  const other = await phone('Bob').start();
  await meet(one, other);
  one.tap('Rock');
  other.tap('Scissors');
  await judged(one);
  // Nor does a resumed session, which is told its last result again, count it again.
  one.network(false);
  await one.until(() => state(one).warning, 'that the line is dead');
  one.network(true);
  await one.until(() => one.opened === 2 && state(one).canFace, 'the table again');
  one.bury();
  assert.deepEqual([state(one).wins, state(one).moment], ['1 : 0', 'points']);
  one.back();
  await one.says(/Won 1 · best streak 2 · mostly Rock/);
  one.end();
  other.end();
});

test('what the platform answers to a page that is gone does no harm', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  one.tap('Name and picture');
  one.put('', 'chooseavatar', { avatarUrl: 'http://tmp/photo.jpg' });
  one.put('nickname', 'blur', { value: 'Eve' });
  const { page } = one;
  one.hide();
  one.show('/pages/index/index');
  page.onReview({ detail: { pass: true, timeout: false } });
  page.onPhotoLost();
  await one.says(/Ready/);
  // Shown twice, hidden once: not promised, and seen.
  one.call(one.page, 'onShow');
  ask(one);
  await at(one, 'game');
  one.call(one.page, 'onShow');
  await one.says(/Looking/);
  one.back();
  await one.until(() => one.sent.some(([name]) => name === 'leave'), 'a leave');
  await one.says(/Ready/);
  one.end();
});

test('settings are remembered: no vibration, no faces', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  await one.menu('Vibration: turn off');
  await one.until(() => one.storage.quiet === 'yes', 'the setting');
  await one.menu('Hide the other one’s faces');
  await one.until(() => one.storage.faceless === 'yes', 'the other one');
  one.buzzes = [];
  one.tap('Rock');
  other.tap('Laugh');
  await one.until(() => state(one).chosen === 2, 'the hand');
  await judged(one);
  assert.deepEqual([one.buzzes, one.has('face')], [[], false]);
  one.tap('More');
  assert.deepEqual([...one.sheet.items].slice(-3, -1), ['Vibration: turn on', 'Show faces again']);
  one.end();
  other.end();
});

test('looking inside: every message, what it means, and one of one\'s own', async () => {
  const longer = await serve(['--robot-after', '1m', '--game-time', '8s', '--drain-timeout', '13s']);
  const [one, other] = [
    await phone('Ada', { server: longer }).start(), await phone('Bob', { server: longer }).start(),
  ];
  await meet(one, other);
  assert.equal(one.has('inside'), false, 'off until asked for');
  await one.menu('Look inside </>');
  await one.says(/Every message will stand here/);
  one.tap('Rock');
  await one.says(/→ \["choice",\{"choice":2\}\] \+\d+ ms · My hand/);
  other.tap('Laugh');
  await one.says(/← \["movement",\{.*"face":1\}\] \+\d+ ms · The other one did something/);
  // A message of one's own goes out as it was typed, and is answered.
  one.put('draft', 'input', { value: '["nonsense"]' });
  one.tap('Send');
  await one.says(/← \["problem",\{"code":"unknown-event".*→ \["nonsense"\] .*No event of this contract/);
  // A message is copied by a tap on it.
  const line = one.find((node, text) => one.wears(node, 'line') && text.startsWith('→ ["nonsense"]'));
  one.fire(line, 'tap', {});
  await one.until(() => one.clipboard, 'the copy');
  assert.equal(one.clipboard, '["nonsense"]');
  // It lasts over a lost line, and never shows a whole token.
  one.network(false);
  await one.until(() => state(one).warning, 'that the line is dead');
  one.tap('Send');
  await one.until(() => one.toast, 'that there is no line');
  one.network(true);
  await one.says(/← \["hi",.*"session":"[^"]{4}…"/);
  assert.ok(!one.text().includes(one.storage.session));
  await judged(one);
  assert.ok(state(one).lines.length <= 30);
  await one.menu('Close the look inside');
  await one.until(() => !one.has('inside'), 'the drawer is closed');
  assert.equal(state(one).lines.length, 0);
  one.end();
  other.end();
  await longer.stop();
});

test('a new version is offered when it disturbs nobody', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await meet(one, other);
  one.updates.forEach((run) => run());
  assert.equal(one.sheet, null, 'not in a round');
  await judged(one);
  assert.equal(one.sheet, null, 'nor before the next one');
  await one.menu('Leave Bob');
  await at(one, 'index');
  await one.until(() => one.sheet, 'the question');
  assert.equal(one.sheet.title, 'A new version is ready');
  one.choose('Yes');
  await one.until(() => one.restarts, 'the restart');
  one.end();
  other.end();
});

test('a page that a shortcut led to has a session, and a way out', async () => {
  const one = await phone('Ada').start('pages/game/game');
  await one.says(/Ready/);
  ask(one);
  await one.says(/Looking/);
  one.tap('Stop looking');
  await at(one, 'index');
  one.end();
});

test('the server goes and comes back, and the game with it', async () => {
  const flags = ['--robot-after', '0', '--drain-spread', '0'];
  const first = await serve(flags);
  const one = await phone('Ada', { server: first }).start();
  await one.says(/Ready/);
  ask(one);
  await playing(one);
  await first.stop();
  await one.says(/restarting/);
  one.server = await serve([...flags, '--max-connections', '1'], first.port);
  await one.says(/Another round|Ready/);
  const late = await phone('Bob', { server: one.server }).start();
  await late.says(/full/);
  one.end();
  await late.says(/Ready/);
  late.end();
});

test('too many connections from one address are told in words', async () => {
  const narrow = await serve(['--max-per-address', '1', '--trusted-proxy', 'none']);
  const one = await phone('Ada', { server: narrow }).start();
  await one.says(/Ready/);
  const [late, spaet] = [
    await phone('Bob', { server: narrow }).start(),
    await phone('敏敏', { server: narrow, language: 'zh_CN' }).start(),
  ];
  await Promise.all([late.says(/Too many connections from your address/), spaet.says(/连接太多/)]);
  spaet.end();
  one.end();
  await late.says(/Ready/);
  late.end();
  await narrow.stop();
});

test('nothing that the mini program says is about tabs, windows or links', async () => {
  const source = readFileSync(`${WEB}words.js`, 'utf8');
  const keys = [...source.matchAll(/^ {2}(?:.*?\], )?'?([\w:-]+)'?: \[/gm)].map(([, key]) => key);
  assert.ok(keys.includes('stopped:taken-over') && keys.includes('friend'), String(keys));
  // What the two copy for the web page's own button says is never asked for here.
  const shown = keys.filter((key) => key !== 'copy');
  for (const language of ['en', 'zh_CN']) {
    const one = await phone('Ada', { language }).start();
    const { t } = one.modules.get('lib/language.js').namespace;
    for (const key of shown) {
      assert.doesNotMatch(String(t(key)), /\b(tab|window|link)|标签页|窗口|链接/, key);
    }
    one.end();
  }
});

test('the stand-in keeps the platform\'s rules', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  const { wx } = one.context;
  const heard = [];
  const told = (name) => Object.fromEntries(['success', 'fail', 'complete'].map(
    (how) => [how, () => heard.push(`${name} ${how}`)],
  ));
  const settled = (event) => one.until(() => heard.includes(event), event);
  const open = (name) => {
    const task = wx.connectSocket({
      url: 'wss://example.com/applet/websocket', tcpNoDelay: true, timeout: 10000, ...told(name),
    });
    task.onOpen(() => heard.push(`${name} open`));
    task.onMessage(({ data }) => heard.push(`${name} said ${data}`));
    task.onError(() => heard.push(`${name} error`));
    task.onClose(() => heard.push(`${name} close`));
    return task;
  };
  // The program has one; with four more it is full.
  const tasks = ['2', '3', '4', '5'].map(open);
  assert.deepEqual(heard, [], 'nothing at once');
  await Promise.all(['2', '3', '4', '5'].map((name) => settled(`${name} open`)));
  open('6');
  await settled('6 error');
  assert.deepEqual(heard.filter((event) => event.startsWith('6')),
    ['6 fail', '6 complete', '6 error']);
  const [task] = tasks;
  for (const data of [7, { a: 1 }, undefined, new Uint8Array(2)]) {
    heard.length = 0;
    task.send({ data, ...told('send') });
    await settled('send complete');
    assert.deepEqual(heard, ['send fail', 'send complete'], String(data));
  }
  for (const [index, data] of ['["hello"]', new ArrayBuffer(2)].entries()) {
    heard.length = 0;
    tasks[index].send({ data, ...told('send') });
    await settled('send complete');
    assert.deepEqual(heard.filter((event) => event.startsWith('send')),
      ['send success', 'send complete']);
  }
  await settled('3 close');
  assert.ok(heard.some((event) => event.startsWith('3 said')) === false, 'the server wants text');
  heard.length = 0;
  task.close(told('close'));
  await settled('2 close');
  assert.deepEqual(heard.filter((event) => event.includes('close ') || event === '2 close'),
    ['close success', 'close complete', '2 close']);
  task.send({ data: '["ping"]', ...told('late') });
  await settled('late fail');
  // In the background no socket opens.
  one.hide();
  open('7');
  await settled('7 fail');
  one.sent.length = 0;
  one.end();
});

test('taken over by another phone with the same session: it stays away until asked', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  const twin = new Phone(server, { storage: one.storage });
  await twin.start();
  await one.says(/another device/);
  assert.equal(one.opened, 1);
  twin.end();
  one.tap('Play here');
  await one.until(() => one.opened === 2 && !state(one).warning, 'the session again');
  one.end();
});

test('a countdown ends with its seconds, with its connection, and with its session', async () => {
  const longer = await serve(['--robot-after', '1m', '--game-time', '8s']);
  const [one, other] = [
    await phone('Ada', { server: longer }).start(), await phone('Bob', { server: longer }).start(),
  ];
  await meet(one, other);
  const twin = await new Phone(longer, { storage: one.storage }).start();
  await one.says(/another device/);
  assert.equal(state(one).count, '');
  await one.until(() => !one.timers.size, 'its last timer');
  await playing(twin);
  await longer.stop('SIGKILL');
  await other.until(() => state(other).warning && !state(other).count, 'the end of its time');
  assert.ok(other.timers.size <= 1, 'at most the one of the next attempt');
  for (const each of [one, other, twin]) each.end();
});

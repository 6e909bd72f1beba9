// The mini program where its platform does less than one would like: hidden, cut off, refused, late.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from '../server.mjs';
import { Phone } from './phone.mjs';
import {
  ask, at, judged, meet, phone, playing, server, state,
} from './table.mjs';

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
  await one.says(/← \["movement",\{.*"face":1\}\] \+\d+ ms · The other one chose, never which hand, or shows a face/);
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

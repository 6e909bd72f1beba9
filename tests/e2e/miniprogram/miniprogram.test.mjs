// The mini program's own files against the real server: whole games, hide and show, share and join.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import { Phone, ROOT, audit } from './phone.mjs';

const WEB = `${ROOT}../web/`;
let server; // people meet people here
let robots; // and robots here
before(async () => {
  server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '5s']);
  robots = await serve(['--robot-after', '0']);
});
after(stopAll);

const phone = (name, more = {}) => new Phone(more.server || server, {
  ...more, storage: { name, avatar: 'builtin:3' },
});
const state = ({ page }) => page.data;
const playing = (one) => one.until(() => state(one).count !== '', 'a round');
const judged = (one) => one.until(() => state(one).outcome, 'a result');

/** Two phones in one round. */
async function meet(one, other) {
  for (const each of [one, other]) {
    await each.says(/Ready|准备好/);
    each.tap(each.language === 'en' ? 'Start' : '开始');
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
  await one.says(/敏敏 has a hand/);
  one.tap('Laugh');
  await other.until(() => other.has('face'), 'a face');
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You win! Rock beats Scissors\./);
  assert.match(other.text(), /你输了/);
  assert.equal(one.has('spinning'), false, 'it came to rest');
  assert.equal(one.find((node) => one.wears(node, 'won')).tag, 'view');
  one.tap('Again');
  await other.says(/Ada 想再来一局/);
  other.tap('再来一局');
  await Promise.all([playing(one), playing(other)]);
  one.tap('Give up');
  await other.says(/认输了/);
  assert.equal(one.page.route, 'pages/index/index');
  await judged(other);
  one.end();
  other.end();
});

test('a robot is told apart and gone after its round', async () => {
  const one = await phone('Ada', { server: robots }).start();
  await one.says(/Ready/);
  one.tap('Start');
  await playing(one);
  assert.match(one.text(), /robot-\d+ robot/);
  assert.match(one.find((node) => one.wears(node, 'spinning')).attributes.src, /robot\.svg$/);
  one.tap('Paper');
  await judged(one);
  assert.doesNotMatch(one.text(), /New opponent/);
  one.tap('Again');
  await playing(one);
  one.end();
});

test('hidden in mid-round, cut off, shown again: the round goes on', async () => {
  const longer = await serve(['--robot-after', '1m', '--game-time', '8s']);
  const [one, other] = [
    await phone('Ada', { server: longer }).start(), await phone('Bob', { server: longer }).start(),
  ];
  await meet(one, other);
  one.tap('Rock');
  await other.says(/Ada has a hand/);
  one.hide();
  await other.says(/Ada lost the connection/);
  assert.deepEqual(one.sent.at(-1), ['away']);
  one.sleep();
  one.show();
  await one.until(() => one.opened === 2 && state(one).canChoose, 'the table again');
  assert.ok(state(one).chosen === 2, 'the choice stands');
  await other.until(() => !/lost the connection/.test(other.text()), 'Ada is back');
  other.tap('Scissors');
  await Promise.all([judged(one), judged(other)]);
  assert.match(one.text(), /You win!/);
  assert.equal(one.socketsMost, 1, 'never two sockets at once');
  one.end();
  other.end();
  await longer.stop();
});

test('a glance elsewhere costs no connection', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  one.hide();
  one.show();
  await one.until(() => one.sent.at(-1)[0] === 'ping', 'a look at the connection');
  assert.equal(one.opened, 1);
  assert.ok(one.sent.some(([name]) => name === 'away'));
  one.end();
});

test('a card leads a friend into the room', async () => {
  const [one, other] = [await phone('Ada').start(), phone('Bob')];
  await one.says(/Ready/);
  one.tap('Play with a friend');
  await one.until(() => state(one).code, 'a code');
  const { code } = state(one);
  one.tap(code);
  assert.equal(one.clipboard, code);
  one.tap('Play with a friend');
  assert.equal(one.card.path, `/pages/index/index?room=${code}`);
  // Choosing the friend takes the sender out of the program for long.
  one.hide();
  one.sleep();
  await other.start(one.card.path.slice(1));
  await other.says(/looks elsewhere|lost/);
  assert.equal(state(other).count, '', 'no round without the one who asked for it');
  one.show();
  await Promise.all([playing(one), playing(other)]);
  one.tap('Paper');
  other.tap('Rock');
  await Promise.all([judged(one), judged(other)]);
  assert.match(other.text(), /You lose/);
  other.tap('Again');
  await one.says(/Bob wants to play again/);
  one.tap('Again');
  await Promise.all([playing(one), playing(other)]);
  one.end();
  other.end();
});

test('a code can be typed, and a wrong one is told', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await Promise.all([one.says(/Ready/), other.says(/Ready/)]);
  one.tap('Play with a friend');
  await one.until(() => state(one).code, 'a code');
  other.put('code', 'input', { value: 'zzzzzz' });
  other.tap('Enter');
  await other.says(/does not exist/);
  other.tap('Start');
  other.tap('Cancel');
  other.put('code', 'input', { value: state(one).code.toLowerCase() });
  other.put('code', 'confirm', { value: '' });
  await Promise.all([playing(one), playing(other)]);
  one.end();
  other.end();
});

test('name and picture are chosen, a photo stays on its phone', async () => {
  const [one, other] = [await phone('Ada').start(), await phone('Bob').start()];
  await Promise.all([one.says(/Ready/), other.says(/Ready/)]);
  one.put('nickname', 'blur', { value: ' <b>Ada</b> ' });
  one.tap('Fox');
  one.put('', 'chooseavatar', { avatarUrl: 'http://tmp/photo.jpg' });
  await one.until(() => state(one).portrait === 'http://usr/photo.jpg', 'the photo');
  await meet(one, other);
  await other.says(/<b>Ada<\/b>/);
  const shown = (who) => who.find((node) => who.wears(node, 'spinning')).attributes.src;
  assert.equal(shown(other), '/avatars/2.svg', 'others see the fox');
  assert.equal(state(one).me.portrait, 'http://usr/photo.jpg');
  assert.equal(JSON.stringify(one.sent).includes('photo'), false);
  assert.equal(one.storage.name, '<b>Ada</b>');
  one.end();
  other.end();
});

test('the server goes and comes back, and the game with it', async () => {
  const flags = ['--robot-after', '0', '--drain-spread', '0'];
  const first = await serve(flags);
  const one = await phone('Ada', { server: first }).start();
  await one.says(/Ready/);
  one.tap('Start');
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

test('taken over by another phone with the same session: it stays away until asked', async () => {
  const one = await phone('Ada').start();
  await one.says(/Ready/);
  const twin = new Phone(server, { storage: one.storage });
  await twin.start();
  await one.says(/another tab/);
  assert.equal(one.opened, 1);
  twin.end();
  one.tap('Start');
  one.tap('Play here');
  await one.until(() => one.opened === 2 && !state(one).warning, 'the session again');
  one.end();
});

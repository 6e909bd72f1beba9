// The mini program's own files against the real server: what they name, say and show.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { serve } from '../server.mjs';
import { Phone, ROOT, audit } from './phone.mjs';
import {
  ask, at, judged, meet, phone, playing, robots, server, state,
} from './table.mjs';
import { everything } from './wxml.mjs';

const WEB = `${ROOT}../web/`;

test('the shared files are the web page\'s own, byte for byte', () => {
  const pairs = [...['meanings.js', 'session.js', 'words.js'].map((name) => [`lib/${name}`, name]),
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
  for (const path of ['pages/index/index', 'pages/game/game', 'pages/board/board']) {
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

test('whose session begins with a letter asks for that server of several', async () => {
  for (const [session, query] of [[`b.${'x'.repeat(22)}`, '?i=b'], ['x'.repeat(24), '']]) {
    const one = await new Phone(server, { storage: { name: 'Ada', avatar: 'builtin:1', session } }).start();
    await one.says(/Ready/);
    assert.deepEqual([...one.sockets].map(({ url }) => new URL(url).search), [query]);
    one.end();
  }
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

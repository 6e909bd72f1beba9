// The mini program's pages drawn by a browser, in every state and on screens of four sizes: nothing
// hangs over, what is tapped is large enough, what is round is round. The pictures lie in
// tests/e2e/screenshots afterwards.
//
// Absent: the platform's own bars around the page, its keyboard, and its menus.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { launch, shot } from '../browser/lib.mjs';
import { BINARY, serve, stopAll } from '../server.mjs';
import { html, SCREENS } from './looks.mjs';
import { Phone, ROOT, endAll } from './phone.mjs';

/** As many and as wide letters as the field for the name takes. */
const WIDE = 'W'.repeat(20);
const TARGET_PX = 44;

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  endAll();
  stopAll();
  await browser.close();
});

/** All states of both pages, as they are shown in a real game. */
async function states() {
  const server = await serve(['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '6s']);
  const found = [];
  const take = (name, phone) => {
    const [tree, route] = [phone.tree(), phone.page.route];
    found.push({ name, page: { route }, tree: () => tree });
  };
  const state = ({ page }) => page.data;
  const start = (name, more) => new Phone(server, { ...more, storage: { name, avatar: 'builtin:7' } }).start();
  const [one, other] = [await start(WIDE), await start('敏敏', { language: 'zh_CN' })];
  await Promise.all([one.says(/Ready/), other.says(/准备/)]);
  take('first', one);
  take('first-zh', other);
  one.tap('Name and picture');
  take('profile', one);
  one.consents = false;
  one.page.askConsent();
  await one.says(/consent/);
  take('no-consent', one);
  one.tap('Done');
  one.tap('Rock');
  await one.until(() => state(one).looking, 'the lobby');
  take('lobby', one);
  other.tap('剪刀');
  await Promise.all([one, other].map((each) => each.until(() => state(each).count, 'a round')));
  other.tap('大笑');
  await one.until(() => state(one).theirFace, 'a face');
  take('round', one);
  for (const moment of ['clash', 'word', 'points']) {
    await one.until(() => state(one).moment === moment, moment);
    take(moment, one);
  }
  await other.until(() => state(other).moment === 'points', 'the end');
  take('lost-zh', other);
  await one.menu('Look inside </>');
  await one.until(() => one.has('inside'), 'the drawer');
  one.tap('Paper');
  await one.until(() => state(one).chosen === 3, 'the next hand');
  take('inside', one);
  await one.menu('Close the look inside');
  await one.until(() => !one.has('inside'), 'the stage');
  take('asked', one);
  one.back();
  await one.says(/Undo/);
  take('left', one);
  one.tap('Play with a friend');
  await one.until(() => state(one).code && one.page.route.includes('game'), 'a code');
  take('room', one);
  one.network(false);
  await one.says(/Connection lost/);
  take('offline', one);
  const twin = await new Phone(server, { storage: other.storage }).start();
  await other.says(/另一台设备/);
  take('elsewhere', other);
  for (const phone of [one, other, twin]) phone.end();
  return found;
}

/** Two persons have played a round; the board as somebody sees it who is none of them. */
async function boards() {
  const folder = mkdtempSync(join(tmpdir(), 'roshambo-board-'));
  const key = join(folder, 'key');
  writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const server = await serve(['--game-time', '1s', '--token-key', key]);
  const persons = ['敏敏', WIDE].map((name) => {
    const token = execFileSync(BINARY, ['token', '--sub', name, '--name', name, '--key', key], { encoding: 'utf8' });
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/applet/websocket`);
    const told = (event) => new Promise((resolve) => {
      socket.on('message', (text) => JSON.parse(text)[0] === event && resolve(JSON.parse(text)[1]));
    });
    const send = (...event) => socket.send(JSON.stringify(event));
    socket.on('open', () => send('hello', { user: {}, v: 2, token: token.trim() }));
    return { told, send, socket };
  });
  const [one, other] = persons;
  const [{ session }] = await Promise.all(persons.map(({ told }) => told('hi')));
  const room = one.told('room');
  one.send('join', { room: 'new' });
  const [start, result] = [one.told('start'), one.told('result')];
  other.send('join', { room: (await room).code });
  await start;
  one.send('choice', { choice: 1 });
  await result;
  persons.forEach(({ socket }) => socket.close());

  // What a token calls somebody is what one is shown oneself, and cannot be changed here.
  const twin = await new Phone(server, { storage: { name: 'typed', avatar: 'builtin:7', session } }).start();
  await twin.until(() => twin.page.data.me?.name === '敏敏', 'the name that others see, at the table');
  twin.back();
  await twin.until(() => twin.page.data.uname === '敏敏', 'and on the first page');
  twin.tap('Name and picture');
  await twin.says(/comes from where you signed in/);
  assert.equal(twin.find((node) => node.tag === 'input' && node.attributes.type === 'nickname'), undefined);
  twin.end();

  const found = [];
  for (const [name, language, word, ever] of [['board', 'en', 'The best', 'All time'], ['board-zh', 'zh_CN', '榜单', '总榜']]) {
    const phone = await new Phone(server, { language, storage: { name, avatar: 'builtin:7' } }).start();
    await phone.until(() => phone.page.data.hasBoard, 'word of a board');
    // What is looked at without a network is told when there is one again.
    phone.network(false);
    phone.tap(word);
    await phone.says(/cannot be read|读不到/);
    phone.network(true);
    await phone.until(() => phone.page.data.board && phone.page.data.players.length, 'the first of the week');
    phone.tap(ever);
    await phone.until(() => phone.page.data.board === 'ever' && phone.page.data.players.length, 'the first of all time');
    assert.equal(phone.page.data.players[0].name, '敏敏');
    const [tree, route] = [phone.tree(), phone.page.route];
    found.push({ name, page: { route }, tree: () => tree });
    phone.end();
  }
  rmSync(folder, { recursive: true });
  return found;
}

/** What is wrong with the page that is shown: measured by the browser. */
function faults({ target, bottom, scrolls }) {
  const found = [];
  const { innerWidth: width, innerHeight: height } = window;
  const name = (node) => `${node.tagName.slice(3).toLowerCase()}.${node.className} ${node.textContent.slice(0, 20)}`;
  const root = document.scrollingElement;
  if (root.scrollWidth > width) found.push(`${root.scrollWidth} of ${width} px wide`);
  if (!scrolls && root.scrollHeight > height) found.push(`${root.scrollHeight} of ${height} px high`);
  for (const node of document.querySelectorAll('[data-tap]')) {
    const box = node.getBoundingClientRect();
    if (box.width < target - 0.5 || box.height < target - 0.5) {
      found.push(`${name(node)}: a target of ${box.width} × ${box.height}`);
    }
    // What can be scrolled may be out of sight.
    if (scrolls || node.closest('wx-scroll-view')) continue;
    if (box.top < 0 || box.bottom > height - bottom || box.left < 0 || box.right > width) {
      found.push(`${name(node)}: hangs over`);
    }
    // Whoever taps the middle of it hits it.
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const veiled = document.querySelector('.veil');
    const expected = !veiled || veiled.contains(node);
    if (expected && !(hit && (node.contains(hit) || hit.contains(node)))) {
      found.push(`${name(node)}: lies under ${hit ? name(hit) : 'nothing'}`);
    }
  }
  for (const node of document.querySelectorAll('.portrait, .avatar wx-image, .count')) {
    const { offsetWidth, offsetHeight } = node;
    if (offsetWidth !== offsetHeight) found.push(`${name(node)}: ${offsetWidth} × ${offsetHeight} is not round`);
  }
  // Texts that are cut: the name of a player may be, by its second line.
  for (const node of document.querySelectorAll('wx-button, .big, .how, .told, .choice, .code, .title, .begin')) {
    if (node.scrollWidth > node.clientWidth + 1) found.push(`${name(node)}: its text is cut`);
  }
  for (const plate of document.querySelectorAll('.plate')) {
    const box = plate.getBoundingClientRect();
    for (const inner of plate.querySelectorAll('.name, .small')) {
      const { left, right } = inner.getBoundingClientRect();
      if (left < box.left - 1 || right > box.right + 1) found.push(`${name(inner)}: runs out of its place`);
    }
  }
  return found;
}

test('every state fits every screen, and every target a thumb', async () => {
  const shown = [...await states(), ...await boards()];
  assert.ok(shown.length >= 14);
  for (const screen of SCREENS) {
    const { width, height, bottom } = screen;
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    for (const phone of shown) {
      await page.setContent(html(phone, screen));
      // The smallest screen may be scrolled on the first page; a game is seen whole everywhere.
      const scrolls = width === 320 && phone.page.route === 'pages/index/index';
      const found = await page.evaluate(faults, { target: TARGET_PX, bottom, scrolls });
      assert.deepEqual(found, [], `${phone.name} at ${screen.name}`);
      await shot(page, `mini-${phone.name}-${screen.name}`);
    }
    await context.close();
  }
  // In the dark all that was light is dark.
  const screen = SCREENS.at(-1);
  const { width, height } = screen;
  const context = await browser.newContext({
    viewport: { width, height }, reducedMotion: 'reduce', colorScheme: 'dark',
  });
  const page = await context.newPage();
  for (const phone of shown) {
    await page.setContent(html(phone, screen));
    const light = await page.evaluate(() => [...document.querySelectorAll('wx-page, .panel, .card, wx-button.wide')]
      .filter((node) => !node.matches('.primary'))
      .map((node) => getComputedStyle(node).backgroundColor)
      .filter((color) => color.match(/\d+/g).slice(0, 3).every((part) => part > 127)));
    assert.deepEqual(light, [], `${phone.name} in the dark`);
    await shot(page, `mini-${phone.name}-dark`);
  }
  await context.close();
});

test('the system\'s own bars follow the colours of the pages', () => {
  const json = (path) => JSON.parse(readFileSync(ROOT + path, 'utf8'));
  const app = json('app.json');
  assert.equal(app.darkmode, true);
  const theme = json(app.themeLocation);
  const names = Object.values(app.window).filter((value) => value.startsWith('@'))
    .map((value) => value.slice(1));
  assert.ok(names.length);
  const styles = readFileSync(`${ROOT}app.wxss`, 'utf8').split('@media (prefers-color-scheme: dark)');
  ['light', 'dark'].forEach((scheme, index) => {
    for (const name of names) assert.ok(theme[scheme][name], `${name} in ${scheme}`);
    assert.match(styles[index], new RegExp(`--paper: ${theme[scheme].paper};`));
  });
  assert.deepEqual([theme.light.navigation, theme.dark.navigation], ['black', 'white']);
});

test('a card that is sent has a picture: PNG, 5:4, small', () => {
  const picture = readFileSync(`${ROOT}share.png`);
  assert.equal(picture.subarray(1, 4).toString(), 'PNG');
  const [width, height] = [picture.readUInt32BE(16), picture.readUInt32BE(20)];
  assert.equal(width * 4, height * 5, `${width} × ${height}`);
  assert.ok(picture.length < 20000, `${picture.length} bytes`);
  assert.match(readFileSync(`${ROOT}lib/game.js`, 'utf8'), /imageUrl: '\/share\.png'/);
});

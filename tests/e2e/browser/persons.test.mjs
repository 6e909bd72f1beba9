// Players whom a signed token names: they play as persons, the board shows them in order, also after
// the server was killed, and another device of one of them takes over its seat and score.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BINARY, quietPort, serve, stopAll } from '../server.mjs';
import {
  GREETED, LOST, device, enter, invite, judged, launch, online, phase, pick, says, shot, text,
} from './lib.mjs';

let browser;
const folder = mkdtempSync(join(tmpdir(), 'roshambo-persons-'));
const [keys, first, second, store] = ['keys', 'first', 'second', 'roshambo.db'].map((name) => join(folder, name));
before(async () => {
  // The server knows two, as while they are changed; each of the two backends has one.
  const lines = [first, second].map((path) => {
    const line = `${randomBytes(32).toString('hex')}\n`;
    writeFileSync(path, line, { mode: 0o600 });
    return line;
  });
  writeFileSync(keys, lines.join(''), { mode: 0o600 });
  browser = await launch();
});
after(async () => {
  stopAll();
  await browser.close();
  rmSync(folder, { recursive: true });
});

const called = (name) => ['--name', name, '--avatar', 'builtin:3'];

/** A device whose owner has signed in at the operator's own page, which leaves a token there. */
async function signedIn(server, sub, key, more) {
  const made = await device(browser, server, more);
  const token = execFileSync(BINARY, ['token', '--sub', sub, ...called(more.named || more.name), '--key', key], { encoding: 'utf8' });
  await made.context.addInitScript((signed) => {
    if (location.protocol === 'http:') localStorage.setItem('roshambo.token', signed);
  }, token.trim());
  return made;
}

/** Shows a hand in the next round. Right after a round the page takes a tap for none. */
async function show(page, hand) {
  const begun = phase(page, 'playing');
  let waits = true;
  begun.finally(() => { waits = false; });
  while (waits) {
    await page.keyboard.press(hand);
    await Promise.race([begun, new Promise((resolve) => { setTimeout(resolve, 250); })]);
  }
  await begun;
}

/** Opens the board and returns its rows: place, name, points. */
async function board(page, rows) {
  await online(page);
  await pick(page, 'best');
  await page.waitForSelector(`.board-rows li:nth-child(${rows})`);
  return page.$$eval('.board-rows:first-of-type li', (items) => items.map((item) => (
    ['.board-place', '.board-name', '.board-points'].map((part) => item.querySelector(part).textContent))));
}

test('two persons play, and the board shows them in order, whatever becomes of the server', async () => {
  const flags = ['--robot-after', '1m', '--game-time', '2s', '--token-key', keys, '--store', store];
  const port = await quietPort();
  let server = await serve(flags, port);
  const [ada, bob] = [await signedIn(server, 'wx-ada', first, { name: 'typed', named: 'Ada' }), await signedIn(server, 'wx-bob', second, { name: 'Bob' })];
  const [a, b] = [await ada.open(), await bob.open()];
  // Somebody without a token opens the board before there is anything on it.
  const guest = await device(browser, server, { name: 'Cem' });
  const g = await guest.open();
  await online(g);
  await pick(g, 'best');
  await says(g, '.board-told', /Be the first/);
  const code = await invite(a);
  await online(b);
  await enter(b, code);
  for (const page of [a, b]) await says(page, '#status', GREETED);
  // She is shown to herself as to others, and cannot change what her token says.
  assert.equal(await text(a, '#me .name bdi'), 'Ada');
  assert.match(await a.getAttribute('#me img', 'src'), /avatars\/3\.svg$/);
  assert.equal(await text(b, '#other .name bdi'), 'Ada');
  await pick(a, 'profile');
  await a.waitForSelector('#uname');
  assert.deepEqual(await a.$eval('#uname', ({ value, readOnly }) => [value, readOnly]), ['Ada', true]);
  assert.equal(await a.isVisible('#avatars'), false);
  await says(a, '#card .note', /signed in/);
  await shot(a, 'card-signed');
  await a.keyboard.press('Escape');
  // Three in a row are Ada's, with 1, 2 and 3 points, the fourth is Bob's; the long form plays ten.
  const winners = process.env.LONG ? [a, a, a, b, b, a, b, a, a, b] : [a, a, a, b];
  for (const winner of winners) {
    await Promise.all([a, b].map((page) => show(page, page === winner ? '1' : '3')));
    await Promise.all([judged(a), judged(b)]);
  }
  const points = { a: process.env.LONG ? '10' : '6', b: process.env.LONG ? '5' : '1' };
  const want = [['1', 'Ada', points.a], ['2', 'Bob', points.b]];
  assert.deepEqual(await board(a, 2), want);
  assert.equal(await text(a, '.board-rows [aria-current] .board-name'), 'Ada');
  await says(a, '.board-told', /number 1/);
  await shot(a, 'board-en');
  await a.click('.board-choice button:nth-child(2)');
  await a.waitForSelector('.board-choice button:nth-child(2)[aria-pressed=true]');
  await says(a, '.board-told', /number 1/);
  await a.keyboard.press('Escape');

  // Who looks at the board is told anew once there is a server again; that was told by the file: what
  // it shows is kept.
  await server.stop('SIGKILL');
  await says(g, '.board-told', /cannot be read/);
  server = await serve(flags, port);
  await g.waitForSelector('.board-rows li:nth-child(2)');
  await g.keyboard.press('Escape');
  await Promise.all([online(a), online(b)]);
  assert.deepEqual(await board(b, 2), want);
  assert.equal(await text(b, '#me .score b'), points.b);
  await b.keyboard.press('Escape');

  // Another device of Ada's has her score, and her seat: the first one is told so.
  const tablet = await signedIn(server, 'wx-ada', second, { name: 'Ada' });
  const third = await tablet.open();
  await online(third);
  await a.waitForSelector('main[data-link=stopped]');
  await third.waitForFunction(
    (all) => document.querySelector('#me .score b').textContent === all, points.a,
  );
  assert.deepEqual(await board(third, 2), want);

  // Whoever has no token stands not on it.
  assert.deepEqual(await board(g, 2), want);
  assert.equal(await g.locator('.board-rows [aria-current]').count(), 0);
  for (const each of [ada, bob, tablet, guest]) await each.close(LOST);
  await server.stop('SIGKILL');
});

test('without keys there is no word of a board', async () => {
  const server = await serve();
  const ada = await device(browser, server, { name: 'Ada' });
  const a = await ada.open();
  await online(a);
  await a.click('#menu');
  await a.waitForSelector('#menu-sheet #profile');
  assert.equal(await a.isVisible('#best'), false);
  await ada.close();
  await server.stop('SIGKILL');
});

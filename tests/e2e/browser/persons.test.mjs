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
const [key, store] = [join(folder, 'key'), join(folder, 'roshambo.db')];
before(async () => {
  writeFileSync(key, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  browser = await launch();
});
after(async () => {
  stopAll();
  await browser.close();
  rmSync(folder, { recursive: true });
});

/** A device whose owner has signed in at the operator's own page, which leaves a token there. */
async function signedIn(server, sub, more) {
  const made = await device(browser, server, more);
  const token = execFileSync(BINARY, ['token', '--sub', sub, '--name', more.name, '--key', key], { encoding: 'utf8' });
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
  const flags = ['--robot-after', '1m', '--game-time', '2s', '--token-key', key, '--store', store];
  const port = await quietPort();
  let server = await serve(flags, port);
  const [ada, bob] = [await signedIn(server, 'wx-ada', { name: 'Ada' }), await signedIn(server, 'wx-bob', { name: 'Bob' })];
  const [a, b] = [await ada.open(), await bob.open()];
  const code = await invite(a);
  await online(b);
  await enter(b, code);
  for (const page of [a, b]) await says(page, '#status', GREETED);
  // Three are Ada's, with 1, 2 and 3 points, the fourth is Bob's.
  for (const winner of [a, a, a, b]) {
    await Promise.all([a, b].map((page) => show(page, page === winner ? '1' : '3')));
    await Promise.all([judged(a), judged(b)]);
  }
  const want = [['1', 'Ada', '6'], ['2', 'Bob', '1']];
  assert.deepEqual(await board(a, 2), want);
  assert.equal(await text(a, '.board-rows [aria-current] .board-name'), 'Ada');
  await says(a, '.board-told', /number 1/);
  await shot(a, 'board-en');
  await a.click('.board-choice button:nth-child(2)');
  await a.waitForSelector('.board-choice button:nth-child(2)[aria-pressed=true]');
  await says(a, '.board-told', /number 1/);
  await a.keyboard.press('Escape');

  // The board was told by the file: what it shows is kept.
  await server.stop('SIGKILL');
  server = await serve(flags, port);
  await Promise.all([online(a), online(b)]);
  assert.deepEqual(await board(b, 2), want);
  assert.equal(await text(b, '#me .score b'), '1');
  await b.keyboard.press('Escape');

  // Another device of Ada's has her score, and her seat: the first one is told so.
  const tablet = await signedIn(server, 'wx-ada', { name: 'Ada' });
  const third = await tablet.open();
  await online(third);
  await a.waitForSelector('main[data-link=stopped]');
  await third.waitForFunction(() => document.querySelector('#me .score b').textContent === '6');
  assert.deepEqual(await board(third, 2), want);

  // Somebody without a token reads the board, and stands not on it.
  const guest = await device(browser, server, { name: 'Cem' });
  const g = await guest.open();
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

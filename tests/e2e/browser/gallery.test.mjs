// Walks through every state of the page at two sizes and in two languages, takes a picture of each,
// and lets axe look at each. The pictures lie in tests/e2e/screenshots, for people to look at.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import {
  DESKTOP, LOST, PHONE, device, launch, link, meet, online, phase, says, shot, text, twin, unusable,
} from './lib.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  stopAll();
  await browser.close();
});

/** Short windows, which show the whole game all the same: nobody scrolls in three seconds. */
const SHORT = [[320, 568], [360, 640], [375, 553], [1366, 600]]
  .map(([width, height]) => ({ width, height }));

/** A picture, no fault of accessibility, and nothing that sticks out, whatever the window. */
async function look(page, name, sizes) {
  await shot(page, name);
  assert.deepEqual(await unusable(page), [], name);
  for (const size of sizes) {
    await page.setViewportSize(size);
    const over = await page.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement;
      return [scrollWidth - innerWidth, scrollHeight - innerHeight];
    });
    assert.ok(over.every((pixels) => pixels <= 0), `${name} at ${size.width} is over by ${over}`);
  }
  await page.setViewportSize(sizes[0]);
}

async function walk(size, kind, scheme) {
  // Slow enough for a look at every state in between, on a busy machine, too.
  const flags = ['--robot-after', '8s', '--game-time', '8s', '--rematch-wait', '1m',
    '--drain-spread', '0'];
  let server = await serve(flags);
  const { port } = server;
  const look2 = (page, name) => look(page, `${kind}-${name}`, [size, ...SHORT]);
  const ada = await device(browser, server, { name: 'Ada', size, colorScheme: scheme });
  const min = await device(browser, server, {
    name: '敏敏', avatar: 6, size, locale: 'zh-CN', colorScheme: scheme,
  });
  const early = await ada.context.newPage();
  // A socket that never opens.
  await early.routeWebSocket(/websocket/, () => new Promise(() => {}));
  await early.goto(server.url);
  await says(early, '#status', /Connecting/);
  await look2(early, '00-connecting');
  await early.close();
  const [a, b] = [await ada.open(), await min.open()];
  await Promise.all([online(a), online(b)]);
  await look2(a, '01-free');
  await look2(b, '01-free-zh');
  await b.click('#profile');
  await b.waitForFunction(() => [...document.images].every((image) => image.complete));
  await look2(b, '02-card-zh');
  await b.keyboard.press('Escape');
  await a.click('#play');
  await phase(a, 'waiting');
  await look2(a, '03-waiting');
  await phase(a, 'playing');
  await a.keyboard.press('2');
  await says(a, '#status', /picked/);
  await look2(a, '04-robot');
  await phase(a, 'between');
  await look2(a, '05-robot-result');
  await a.click('#leave');

  await meet(a, b);
  await look2(a, '06-human');
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await b.click('#faces button[value="1"]');
  await a.waitForSelector('#other .pop:not([hidden])');
  await a.waitForFunction(() => document.getAnimations().every(
    (one) => one.animationName === 'spin' || one.playState === 'finished',
  ));
  await look2(a, '07-face');
  await look2(b, '07-face-zh');
  await Promise.all([phase(a, 'between'), phase(b, 'between')]);
  await look2(a, '08-win');
  await look2(b, '08-lose-zh');
  await b.click('#play');
  await says(a, '#status', /wants to play/);
  await look2(a, '09-wanted');
  await look2(b, '09-again-zh');
  await a.click('#play');
  await phase(a, 'playing');
  await b.close();
  await says(a, '#status', /lost the connection/);
  await look2(a, '10-offline');
  await phase(a, 'between');
  await a.click('#leave');

  await a.click('#invite');
  await a.waitForSelector('#room:not([hidden])');
  await look2(a, '11-invite');
  const c = await min.open(`?room=${(await text(a, '#room strong')).toLowerCase()}`);
  await Promise.all([phase(a, 'playing'), phase(c, 'playing')]);
  await c.click('#leave');
  await says(a, '#status', /gave up/);
  await look2(a, '12-gave-up');
  await phase(a, 'between');
  await a.waitForSelector('#room:not([hidden])');
  await look2(a, '13-friend-left');
  await c.fill('#enter input', 'zzzzzz');
  await look2(c, '14-code-zh');
  await c.click('#enter button');
  await says(c, '#status', /不在/);
  await look2(c, '14-unknown-zh');

  const copy = await twin(a, server);
  await link(a, 'stopped');
  await look2(a, '15-taken-over');
  await copy.close();
  await a.click('#play');
  await online(a);

  await server.stop();
  await says(a, '#status', /restarting/);
  await look2(a, '16-restarting');
  server = await serve([...flags, '--max-connections', '1'], port);
  await Promise.race([online(a), online(c)]);
  const rest = (await a.getAttribute('main', 'data-link')) === 'online' ? c : a;
  await says(rest, '#status', /full|已满/);
  await look2(rest, '17-full');
  await server.stop('SIGKILL');
  await Promise.all([says(a, '#status', /lost/), says(c, '#status', /断开/)]);
  await look2(a, '18-lost');
  server = await serve([...flags, '--max-per-address', '1', '--trusted-proxy', 'none'], port);
  await Promise.race([online(a), online(c)]);
  const late = (await a.getAttribute('main', 'data-link')) === 'online' ? c : a;
  await says(late, '#status', /Too many connections from your address|连接太多/);
  await look2(late, '21-crowded');
  await ada.close(LOST);
  await min.close(LOST);
}

test('every state on a phone', () => walk(PHONE, 'phone'));
test('every state on a desktop', () => walk(DESKTOP, 'desktop'));
test('every state on a small phone in the dark', () => walk({ width: 320, height: 568 }, 'dark', 'dark'));

// Walks through every state of the page at two sizes and in two languages, takes a picture of each,
// and lets axe look at each. The pictures lie in tests/e2e/screenshots, for people to look at.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import {
  DESKTOP, LOST, PHONE, ask, device, enter, invite, judged, launch, leave, link, meet, online, phase,
  pick, says, shot, text, twin, unusable,
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
const SHORT = [[320, 568], [360, 640], [375, 553], [1366, 600], [844, 390], [640, 360], [2560, 1440]]
  .map(([width, height]) => ({ width, height }));

/** What sticks out of the window, and what of the dock is cut off or stands over something else. */
const sticking = (page) => page.evaluate(async () => {
  // What moves has come to where it stays, but for what moves all the time.
  const ending = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < 1e9);
  await Promise.all(ending.map((one) => one.finished.catch(() => {})));
  const { scrollWidth, scrollHeight } = document.documentElement;
  const out = [];
  const boxes = [...document.querySelectorAll('#dock button, #status, #other .name, #me .name, #outcome strong')]
    .filter((each) => each.offsetWidth && each.textContent.trim() + each.innerHTML.includes('svg'))
    .map((each) => [each, each.getBoundingClientRect()]);
  for (const [each, box] of boxes) {
    // The word comes in with a blow, larger than it stays.
    if (each.matches('#outcome *') && !['points', 'rest'].includes(document.querySelector('main').dataset.moment)) continue;
    if (box.left < -1 || innerWidth + 1 < box.right) out.push(`${each.id || each.textContent} leaves the window`);
  }
  const buttons = boxes.filter(([each]) => each.matches('button'));
  buttons.forEach(([one, a], i) => buttons.slice(i + 1).forEach(([other, b]) => {
    if (a.left + 2 < b.right && b.left + 2 < a.right && a.top + 6 < b.bottom && b.top + 6 < a.bottom) {
      out.push(`${one.textContent || one.id} covers ${other.textContent || other.id}`);
    }
  }));
  return { right: scrollWidth - innerWidth, down: scrollHeight - innerHeight, out };
});

/** A picture, no fault of accessibility, and nothing that sticks out, whatever the window. */
async function look(page, name, sizes) {
  await shot(page, name);
  assert.deepEqual(await unusable(page), [], name);
  for (const size of sizes) {
    await page.setViewportSize(size);
    const { right, down, out } = await sticking(page);
    assert.ok(right <= 0 && down <= 0, `${name} at ${size.width} is over by ${right}, ${down}`);
    assert.deepEqual(out, [], `${name} at ${size.width}`);
  }
  await page.setViewportSize(sizes[0]);
}

async function walk(size, kind, scheme) {
  // Slow enough for a look at every state in between, on a busy machine, too.
  const flags = ['--robot-after', '15s', '--game-time', '20s', '--drain-timeout', '30s', '--rematch-wait', '1m',
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
  await pick(b, 'profile');
  await b.waitForFunction(() => [...document.images].every((image) => image.complete));
  await look2(b, '02-card-zh');
  await b.keyboard.press('Escape');
  await a.click('#friend');
  await look2(a, '02-friend');
  await a.keyboard.press('Escape');
  await ask(a);
  await phase(a, 'waiting');
  await look2(a, '03-waiting');
  await phase(a, 'playing');
  await a.keyboard.press('2');
  await says(a, '#status', /Both have picked/);
  await look2(a, '04-robot');
  await judged(a);
  await look2(a, '05-robot-result');
  await pick(a, 'leave');

  await meet(a, b);
  await look2(a, '06-human');
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await b.click('#faces button[value="1"]');
  await a.waitForSelector('#other .pop:not([hidden])');
  await a.waitForFunction(() => document.getAnimations().every(
    (one) => one.animationName !== 'pop' || one.playState === 'finished',
  ));
  await look2(a, '07-face');
  await look2(b, '07-face-zh');
  await Promise.all([judged(a), judged(b)]);
  await look2(a, '08-win');
  await look2(b, '08-lose-zh');
  await a.click('#menu');
  await look2(a, '09-menu');
  await a.keyboard.press('Escape');
  // Who asks is not kept waiting for all sizes of both.
  await ask(b);
  await says(a, '#status', /wants to play/);
  await shot(b, `${kind}-09-again-zh`);
  await look(a, `${kind}-09-wanted`, [size]);
  await ask(a);
  await phase(a, 'playing');
  await b.close();
  await says(a, '#status', /lost the connection/);
  await look2(a, '10-offline');
  await judged(a);
  await leave(a);

  const code = await invite(a);
  await look2(a, '11-invite');
  // It can be undone for five seconds: a picture, and no more.
  await pick(a, 'leave');
  await says(a, '#status', /You closed the room/);
  await shot(a, `${kind}-11-undo`);
  await a.click('#undo');
  await a.waitForSelector('#room:not([hidden])');
  const c = await min.open(`?room=${code.toLowerCase()}`);
  await Promise.all([phase(a, 'playing'), phase(c, 'playing')]);
  await judged(a);
  await leave(c);
  await a.waitForSelector('#room:not([hidden])');
  await look2(a, '13-friend-left');
  await enter(c, 'zzzzzz');
  await says(c, '#status', /不在/);
  await look2(c, '14-unknown-zh');

  const copy = await twin(a, server);
  await link(a, 'stopped');
  await look2(a, '15-taken-over');
  await copy.close();
  await a.click('#back');
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
test('every state on a phone held sideways, in the dark', () => walk({ width: 844, height: 390 }, 'sideways', 'dark'));

test('with larger letters nothing runs off the side, and names stay whole', async () => {
  const server = await serve(['--robot-after', '1m', '--game-time', '8s']);
  for (const percent of [150, 200]) {
    for (const size of [PHONE, { width: 320, height: 568 }, DESKTOP]) {
      const [ada, bob] = [
        await device(browser, server, { name: 'Ada', size }),
        await device(browser, server, { name: 'Maximiliane von Hohenstein', size }),
      ];
      const [a, b] = [await ada.open(), await bob.open()];
      const enlarged = async (name) => {
        const { right, out } = await sticking(a);
        await shot(a, `text-${percent}-${size.width}-${name}`);
        assert.deepEqual([right <= 0, out], [true, []], `${name} at ${percent} %, ${size.width}`);
      };
      for (const page of [a, b]) {
        await page.evaluate((scale) => { document.documentElement.style.fontSize = `${scale}%`; }, percent);
      }
      await online(a);
      await enlarged('free');
      await meet(a, b);
      await enlarged('playing');
      const lines = await a.evaluate(() => {
        const name = document.querySelector('#other bdi');
        return Math.round(name.offsetHeight / parseFloat(getComputedStyle(name).lineHeight));
      });
      assert.equal(lines, 1, 'a name is cut, not split');
      await a.keyboard.press('2');
      await judged(a);
      await enlarged('result');
      await ada.close();
      await bob.close();
    }
  }
});

test('where the system forces its colours, the chosen hand is seen', async () => {
  const server = await serve(['--robot-after', '0', '--game-time', '8s']);
  const ada = await device(browser, server, { name: 'Ada', forcedColors: 'active' });
  const a = await ada.open();
  await online(a);
  await a.keyboard.press('2');
  await phase(a, 'playing');
  await a.waitForSelector('#hands button[value="2"][aria-pressed=true]');
  const colours = await a.evaluate(() => [2, 3].map((value) => getComputedStyle(
    document.querySelector(`#hands button[value="${value}"]`),
  ).backgroundColor));
  assert.notEqual(colours[0], colours[1]);
  await shot(a, 'forced-colours');
  await ada.close();
});

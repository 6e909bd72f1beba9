// Walks through every state of the page in two languages, and draws each at many sizes, in light and
// in dark: nothing sticks out, axe finds no fault, and a picture of each lies in
// tests/e2e/screenshots, for people to look at. `LONG=1` takes the pictures of all of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { quietPort, serve, stopAll } from '../server.mjs';
import {
  DESKTOP, LOST, PHONE, ask, device, enter, invite, judged, launch, leave, link, meet, online, phase,
  pick, shot, together, twin, undoWithin, unusable,
} from './lib.mjs';
import { mirror, take } from './stills.mjs';

const LONG = process.env.LONG === '1';

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  stopAll();
  await browser.close();
});

const SMALL = { width: 320, height: 568 };
const SIDEWAYS = { width: 844, height: 390 };
/** A picture's name, its window, its colours, and the language that has it in the short form. */
const PICTURES = [
  ['phone', PHONE, 'light', 'en'], ['phone-dark', PHONE, 'dark', 'zh'],
  ['desktop', DESKTOP, 'light', 'zh'], ['desktop-dark', DESKTOP, 'dark', ''],
  ['small', SMALL, 'light', ''], ['small-dark', SMALL, 'dark', 'en'],
  ['sideways', SIDEWAYS, 'light', ''], ['sideways-dark', SIDEWAYS, 'dark', 'zh'],
];
/** Other windows, which show the whole game all the same: nobody scrolls in three seconds. */
const OTHERS = [[390, 760], [375, 553], [1366, 600], [640, 360], [2560, 1440]]
  .map(([width, height]) => ({ width, height }));
/** What a phone with a notch keeps for itself, upright and sideways. */
const NOTCHES = [
  [PHONE, { top: 47, bottom: 34 }], [SIDEWAYS, { left: 47, right: 47, bottom: 21 }],
];

const web = (name) => new URL(`../../../src/client/web/${name}`, import.meta.url);
const module = (name) => import(`data:text/javascript,${encodeURIComponent(readFileSync(web(name), 'utf8'))}`);
const [{ speaker }, { texts }] = [await module('words.js'), await module('texts.js')];

/** Names and numbers of the players that a face or the points lie over. */
const hidden = (page) => page.evaluate(() => {
  const shown = (each) => each.getClientRects().length && getComputedStyle(each).visibility === 'visible';
  const above = [...document.querySelectorAll('#points, .pop')].filter((each) => shown(each) && each.innerHTML);
  return [...document.querySelectorAll('.side .name bdi, .side .tally > span')].filter(shown).filter((text) => {
    const letters = document.createRange();
    letters.selectNodeContents(text);
    const a = letters.getBoundingClientRect();
    return above.some((each) => {
      const b = each.getBoundingClientRect();
      return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    });
  }).map((each) => each.textContent);
});

/** Names and numbers that lie over a hand, the clock or what a round ended with, by their texts. */
const covered = (page) => page.evaluate(() => {
  const drawn = ['.shown', '#count', '#outcome strong', '#outcome span']
    .reduce((all, each) => all.concat(...document.querySelectorAll(each)), [])
    .filter((each) => each.getBoundingClientRect().width && getComputedStyle(each).opacity !== '0' && (!each.matches('#outcome *') || each.textContent));
  return [...document.querySelectorAll('.side .name bdi, .side .tally b')].filter((text) => {
    const a = text.getBoundingClientRect();
    return a.width && drawn.some((each) => {
      const b = each.getBoundingClientRect();
      return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    });
  }).map((each) => each.textContent);
});

/** What sticks out of the window, or of what the system leaves of it, and what of the dock is cut off
 * or stands over something else. */
const sticking = (page, insets = {}) => page.evaluate(({ top = 0, right = 0, bottom = 0, left = 0 }) => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  const out = [];
  if (scrollWidth > innerWidth) out.push(`${scrollWidth - innerWidth} px too wide`);
  if (scrollHeight > innerHeight) out.push(`${scrollHeight - innerHeight} px too high`);
  const boxes = [...document.querySelectorAll('button, #status, #other .name, #me .name, #outcome strong, #link, .panel h2')]
    .filter((each) => each.offsetWidth && (each.textContent.trim() || each.innerHTML.includes('svg'))
      && getComputedStyle(each).visibility === 'visible')
    .map((each) => {
      if (!each.matches('#outcome *')) return [each, each.getBoundingClientRect()];
      // Of the word only its letters: the line is as wide as the window.
      const letters = document.createRange();
      letters.selectNodeContents(each);
      return [each, letters.getBoundingClientRect()];
    });
  for (const [each, box] of boxes) {
    // The word comes in with a blow, larger than it stays; a sheet can be scrolled.
    if (each.matches('#outcome *') && !['points', 'rest'].includes(document.querySelector('main').dataset.moment)) continue;
    const name = each.id || each.textContent;
    if (box.left < left - 1 || innerWidth - right + 1 < box.right) out.push(`${name} leaves the window`);
    if (each.closest('.panel')) continue;
    if (box.top < top - 1 || innerHeight - bottom + 1 < box.bottom) out.push(`${name} is cut off`);
  }
  for (const each of document.querySelectorAll('#hands span')) {
    if (each.scrollWidth > each.offsetWidth) out.push(`${each.textContent} is cut short`);
  }
  const buttons = boxes.filter(([each]) => each.matches('#dock button'));
  buttons.forEach(([one, a], i) => buttons.slice(i + 1).forEach(([other, b]) => {
    if (a.left + 2 < b.right && b.left + 2 < a.right && a.top + 6 < b.bottom && b.top + 6 < a.bottom) {
      out.push(`${one.textContent || one.id} covers ${other.textContent || other.id}`);
    }
  }));
  return out;
}, insets);

/** Taps these one after the other once a round runs: by itself, for the round does not wait for a test. */
const tapInRound = (page, ...selectors) => page.evaluate((list) => {
  const main = document.querySelector('main');
  new MutationObserver((_, observer) => {
    if (main.dataset.phase !== 'playing') return;
    observer.disconnect();
    list.forEach((each, index) => setTimeout(() => document.querySelector(each).click(), 300 * (index + 1)));
  }).observe(main, { attributes: true });
}, selectors);

/** Plays through every state; returns stills of them by their names. */
async function walk(locale) {
  const t = speaker(locale, texts);
  /** What the status says, whoever is named in it. */
  const anybody = new Proxy({}, { get: () => '*' });
  const words = (key) => t(key, anybody).replace(/[.?()]/g, '\\$&').replace(/\*/g, '.*');
  const flags = ['--robot-after', '30s', '--game-time', '8s', '--rematch-wait', '1m', '--drain-spread', '0'];
  const port = await quietPort();
  let server = await serve(flags, port);
  const stills = [];
  const keep = async (page, name, state) => stills.push([name, await take(page, state)]);
  const [ada, min] = [
    await device(browser, server, { name: 'Ada', locale }),
    await device(browser, server, { name: '敏敏', avatar: 6, locale }),
  ];
  for (const { context } of [ada, min]) {
    // They try again soon.
    await context.addInitScript(() => { Math.random = () => 0.1; });
  }
  const early = await ada.context.newPage();
  // A socket that never opens, and nobody's patience ends.
  await early.addInitScript(() => { window.setTimeout = () => 0; });
  await early.routeWebSocket(/websocket/, () => new Promise(() => {}));
  await early.goto(server.url);
  await keep(early, '00-connecting', { says: words('link:') });
  await early.close();
  const [a, b] = [await ada.open(), await min.open()];
  await Promise.all([online(a), online(b)]);
  await keep(a, '01-free', { phase: 'free', link: 'online' });
  await pick(b, 'profile');
  await keep(b, '02-card', { selector: '#card:not([hidden])' });
  await b.keyboard.press('Escape');
  await a.click('#friend');
  await keep(a, '02-friend', { selector: '#friend-sheet:not([hidden])' });
  await a.keyboard.press('Escape');
  const robot = [
    keep(a, '03-waiting', { phase: 'waiting' }),
    keep(a, '04-robot', { phase: 'playing', selector: '#hands [aria-pressed=true]' }),
    keep(a, '05-robot-result', { moment: 'points' }),
  ];
  await tapInRound(a, '#hands [value="2"]');
  await ask(a);
  await Promise.all(robot);
  await pick(a, 'inside');
  // What is shown comes with the next message.
  await pick(a, 'leave');
  await keep(a, '05-inside', { selector: '.inside-lines li' });
  await a.click('.inside-close');
  await phase(a, 'free');

  // What comes of itself is waited for before.
  const human = [
    keep(a, '06-human', { phase: 'playing', says: words('pick') }),
    keep(a, '07-face', { selector: '#other .pop:not([hidden])' }),
    keep(a, '08-clash', { moment: 'clash' }),
    keep(a, '08-win', { moment: 'points', selector: '#points:not(:empty)' }),
    keep(b, '08-lose', { moment: 'points', selector: '#points:not(:empty)' }),
  ];
  await tapInRound(a, '#hands [value="2"]');
  await tapInRound(b, '#hands [value="1"]', '#faces [value="1"]');
  // Who comes from a robot gets the next one at once, unless somebody waits.
  for (const page of [b, a]) await ask(page);
  await Promise.all(human);
  await a.click('#menu');
  await keep(a, '09-menu', { selector: '#menu-sheet:not([hidden])' });
  await a.keyboard.press('Escape');
  await ask(b);
  await keep(b, '09-again', { says: words('againWaiting') });
  await keep(a, '09-wanted', { says: words('ready') });
  const round = take(a, { phase: 'playing' });
  await ask(a);
  await round;
  await b.close();
  await keep(a, '10-offline', { says: words('offline') });
  await judged(a);
  await leave(a);

  const code = await invite(a);
  await keep(a, '11-invite', { selector: '#room:not([hidden]) #qr path[d]' });
  await undoWithin(a, 60000);
  await pick(a, 'leave');
  await keep(a, '12-undo', { says: words('leavingRoom') });
  await a.click('#undo');
  await a.waitForSelector('#room:not([hidden])');
  const c = await min.open(`?room=${code.toLowerCase()}`);
  await keep(a, '12-greeting', { says: words('greeting') });
  await together(a, c);
  await judged(a);
  await leave(c);
  await keep(a, '13-friend-left', { selector: '#room:not([hidden])', says: words('left') });
  await enter(c, 'zzzzzz');
  await keep(c, '14-unknown', { says: words('note:room-unknown') });

  const copy = await twin(a, server);
  await link(a, 'stopped');
  await keep(a, '15-taken-over', { link: 'stopped' });
  await copy.close();
  await a.click('#back');
  await online(a);

  await server.stop();
  await keep(a, '16-restarting', { says: words('link:restart') });
  /** Which of the two is not let in, by a server with this limit. */
  const refused = async (...limit) => {
    server = await serve([...flags, ...limit], port);
    await Promise.race([online(a), online(c)]);
    return (await a.getAttribute('main', 'data-link')) === 'online' ? c : a;
  };
  await keep(await refused('--max-connections', '1'), '17-full', { says: words('link:full') });
  await server.stop('SIGKILL');
  await keep(a, '18-lost', { says: words('link:lost') });
  await keep(await refused('--max-per-address', '1', '--trusted-proxy', 'none'), '19-crowded', {
    says: words('link:too many'),
  });
  await ada.close(LOST);
  await min.close(LOST);
  await server.stop('SIGKILL');
  return stills;
}

/** Draws all stills, in every window, and finds nothing wrong with any. */
async function draw(stills, language) {
  const server = await serve();
  const glass = await mirror(browser, server);
  const { page } = glass;
  for (const [name, still] of stills) {
    await glass.show(still);
    for (const [kind, size, scheme, own] of PICTURES) {
      const where = `${kind}-${name}-${language}`;
      const pictured = LONG || own === language;
      // Colours change no place.
      if (!pictured && scheme === 'dark') continue;
      await glass.at(size, { scheme, painted: pictured });
      assert.deepEqual(await sticking(page), [], where);
      assert.deepEqual(await hidden(page), [], where);
      if (!pictured) continue;
      await shot(page, where);
      assert.deepEqual(await unusable(page), [], where);
    }
    for (const size of OTHERS) {
      await glass.at(size);
      assert.deepEqual(await sticking(page), [], `${name} at ${size.width}, ${language}`);
      assert.deepEqual(await hidden(page), [], `${name} at ${size.width}, ${language}`);
      // The hands are the picture, however large it is.
      const part = await page.evaluate(() => document.querySelector('#mine .arm').offsetWidth / document.querySelector('#stage').offsetHeight);
      assert.ok(0.3 < part, `${name} at ${size.width}: a hand is ${part} of the stage`);
    }
    for (const [size, insets] of NOTCHES) {
      await glass.at(size, { insets, painted: LONG });
      const where = `notch-${size.width}-${name}-${language}`;
      assert.deepEqual(await sticking(page, insets), [], where);
      if (LONG) await shot(page, where);
    }
  }
  await glass.close();
  await server.stop('SIGKILL');
}

describe('the gallery', { concurrency: 3 }, () => {
  for (const [language, locale] of [['en', 'en-US'], ['zh', 'zh-CN']]) {
    test(`every state, in ${language}`, async () => draw(await walk(locale), language));
  }

  test('with larger letters nothing runs off the side, and names stay whole', async () => {
    const server = await serve(['--robot-after', '1m', '--game-time', '8s']);
    const stills = [];
    const [ada, bob] = [
      await device(browser, server, { name: 'Ada' }),
      await device(browser, server, { name: 'Maximiliane von Hohenstein' }),
    ];
    const [a, b] = [await ada.open(), await bob.open()];
    stills.push(['free', await take(a, { phase: 'free', link: 'online' })]);
    const played = [take(a, { phase: 'playing' }), take(a, { moment: 'points' })];
    await meet(a, b);
    await a.keyboard.press('2');
    stills.push(['playing', await played[0]], ['result', await played[1]]);
    await ada.close();
    await bob.close();
    const glass = await mirror(browser, server);
    for (const [name, still] of stills) {
      await glass.show(still);
      for (const percent of [150, 200]) {
        await glass.letters(percent);
        for (const size of [PHONE, SMALL, DESKTOP]) {
          await glass.at(size, { painted: true });
          const where = `text-${percent}-${size.width}-${name}`;
          await shot(glass.page, where);
          const out = await sticking(glass.page);
          // It may be scrolled down, not aside.
          assert.deepEqual(out.filter((each) => !/too high|cut off/.test(each)), [], where);
          assert.deepEqual(await covered(glass.page), [], `${where}: nothing lies over what is to be read`);
          assert.deepEqual(await hidden(glass.page), [], where);
          if (name !== 'playing') continue;
          const lines = await glass.page.evaluate(() => {
            const shown = document.querySelector('#other bdi');
            return Math.round(shown.offsetHeight / parseFloat(getComputedStyle(shown).lineHeight));
          });
          assert.equal(lines, 1, 'a name is cut, not split');
        }
      }
    }
    await glass.close();
    await server.stop('SIGKILL');
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
    await server.stop('SIGKILL');
  });
});

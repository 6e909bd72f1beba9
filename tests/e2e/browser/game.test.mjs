// The page in a real browser against the real server: what a player does, and what then is seen.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import readCode from 'jsqr';
import { quietPort, serve, stopAll } from '../server.mjs';
import {
  DESKTOP, GREETED, LOST, ask, device, duel, duplicate, invite, judged, launch, leave, link, meet, online, passes, phase,
  pick, ready, says, shot, show, text, together, twin, undoWithin,
} from './lib.mjs';

/** People meet people, and a busy machine has time for what a test does within a round. */
const SLOWLY = ['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '12s', '--drain-timeout', '40s'];
/** Where much is done within a round. Who waits for its end, waits. */
const LONG = ['--game-time', '30s'];
/** Where nobody waits for the end of a round that a page of a busy machine has to come back to. */
const ENDLESS = ['--game-time', '1m', '--drain-timeout', '65s'];
/** They mostly wait: for the ends of rounds, and for a busy machine. */
const AT_ONCE = 4;

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  stopAll();
  await browser.close();
});

/** A test has a server of its own, so that nobody meets whom another test has invited. */
const cases = [];
const on = (...flags) => (name, run) => cases.push([name, async () => {
  const server = await serve(flags.flat());
  await run(server);
  await server.stop('SIGKILL');
}]);
const people = on(SLOWLY);
const robots = on(SLOWLY, LONG, '--robot-after', '0');

/** All pages of a browser have one clipboard: one test at a time uses it. */
let copied = Promise.resolve();
const withClipboard = (run) => {
  copied = copied.then(run, run);
  return copied;
};

/** For what is about motion: without, a page costs a third of it. */
const MOVING = { reducedMotion: 'no-preference' };
const both = (...pages) => (run) => Promise.all(pages.map(run));
const score = (page, side = '#me') => text(page, `${side} .score b`);
/** In a page: keeps every turn that an avatar ends with, and every text of the points. */
function drama() {
  window.rests = [];
  const { animate } = Element.prototype;
  Element.prototype.animate = function kept(frames, options) {
    if (this.matches('#other .spin')) window.rests.push(frames.map(({ transform }) => transform));
    return animate.call(this, frames, options);
  };
  window.told = [];
  document.addEventListener('DOMContentLoaded', () => {
    const points = document.querySelector('#points');
    new MutationObserver(() => window.told.push(points.textContent)).observe(points, { childList: true });
  });
}
/** How the two arms move, as the browser computes it. */
const arms = (page) => page.evaluate(() => ['#mine', '#theirs'].map(
  (seat) => getComputedStyle(document.querySelector(`${seat} .shake`)).animationName,
));
/** How the opponent's avatar is turned, as the browser computes it. */
const turned = (page) => page.evaluate(() => {
  const { animationName, transform } = getComputedStyle(document.querySelector('#other .spin'));
  return animationName === 'spin' ? transform : 'still';
});

on(SLOWLY, LONG)('two pages play each other, again, and part', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada', ...MOVING }),
    await device(browser, server, { name: 'Bob', avatar: 6, size: DESKTOP, ...MOVING }),
  ];
  await ada.context.addInitScript(drama);
  const [a, b] = [await ada.open(), await bob.open('applet/websocket/')];
  assert.equal(await turned(a), 'still');
  await meet(a, b);
  assert.deepEqual(await arms(a), ['shake', 'shake'], '3, 2, 1');
  assert.equal(await text(a, '#other .name bdi'), 'Bob');
  assert.equal(await a.getAttribute('#other img', 'src'), 'avatars/6.svg');
  const first = await turned(a);
  assert.notEqual(first, 'still');
  await a.waitForFunction(
    (before) => getComputedStyle(document.querySelector('#other .spin')).transform !== before, first,
  );
  await b.click('#hands button[value="1"]');
  await says(a, '#status', /Bob has picked. And you\?/);
  assert.notEqual(await turned(a), 'still', 'it may still change its hand');
  await a.click('#hands button[value="3"]');
  // Whoever sets the clock of the device back plays on.
  await a.evaluate(() => {
    const { now } = Date;
    Date.now = () => now() - 3600000;
  });
  await a.click('#hands button[value="2"]');
  await says(a, '#status', /Both have picked/);
  await a.click('#faces button[value="4"]');
  await passes(b, 'face', '#face4');
  await both(a, b)(judged);
  assert.equal(await turned(a), 'still', 'it came to rest');
  const [[from, to], ...others] = await a.evaluate(() => window.rests);
  assert.match(from, /^rotate\([\d.]+deg\)$/);
  assert.deepEqual([to, ...others], ['rotate(360deg)'], 'upright, and not in one jump');
  assert.deepEqual(await arms(a), ['none', 'none']);
  assert.equal(await text(a, '#outcome'), 'You win! Rock beats Scissors.');
  assert.equal(await text(b, '#outcome'), 'You lose Rock beats Scissors.');
  assert.deepEqual([await score(a), await score(b), await score(b, '#other')], ['1', '0', '1']);
  // By keyboard, and the focus stays where it is.
  await b.focus('#hands button');
  await b.keyboard.press('Enter');
  await says(a, '#status', /Bob wants to play again/);
  await b.waitForSelector('#hands button:focus[aria-pressed=true]');
  await a.click('#hands button[value="2"]');
  await both(a, b)((page) => phase(page, 'playing'));
  await both(a, b)(judged);
  assert.equal(await text(a, '#outcome'), 'You win! Rock beats Scissors.', 'both hands were kept');
  assert.equal(await score(a), '3', 'the second win in a row counts two');
  await says(a, '#points', /^\+2$/);
  assert.deepEqual(await a.evaluate(() => window.told.filter((each) => each)), ['+1', '+1', '+2'], 'they count up');
  assert.equal((await text(a, '#duel')).trim(), 'you 2 : 0 Bob');
  assert.equal(await a.locator('#me .rounds .won').count(), 2);
  await leave(b);
  await says(a, '#status', /Bob has left/);
  await ask(a);
  await phase(a, 'waiting');
  await pick(a, 'leave');
  await phase(a, 'free');
  await ada.close();
  await bob.close();
});

/** Every change of what a player can see or hear of a result, in its order. */
const witness = (page) => page.evaluate(() => {
  const look = () => ({
    moment: document.querySelector('main').dataset.moment,
    hand: document.querySelector('#theirs .shown').getAttribute('href'),
    word: document.querySelector('#outcome').textContent.trim(),
    status: document.querySelector('#status').textContent,
    score: ['#me', '#other'].map((side) => document.querySelector(`${side} .score b`).textContent).join(),
    rounds: document.querySelectorAll('.rounds li').length,
    duel: document.querySelector('#duel').textContent.trim(),
    points: document.querySelector('#points').textContent,
    verdict: [...document.querySelectorAll('.seat')].map((seat) => seat.dataset.look).join(''),
    outcome: document.querySelector('main').dataset.outcome,
  });
  window.seen = [look()];
  new MutationObserver(() => window.seen.push(look())).observe(document.body, {
    subtree: true, childList: true, attributes: true, characterData: true,
  });
});

for (const reducedMotion of ['no-preference', 'reduce']) {
  people(`nothing shows a result before the hands do: hands, then the word, then the points (${reducedMotion})`, async (server) => {
    const [ada, bob] = [
      await device(browser, server, { name: 'Ada', reducedMotion }),
      await device(browser, server, { name: 'Bob', reducedMotion }),
    ];
    const [a, b] = [await ada.open(), await bob.open()];
    await Promise.all([online(a), online(b)]);
    await witness(a);
    await duel(a, '2', b, '1');
    await judged(a);
    await says(a, '#points', /^\+1$/);
    const seen = await a.evaluate(() => window.seen);
    const moments = seen.map(({ moment }) => moment).filter((each, i, list) => each !== list[i - 1]);
    assert.deepEqual(moments, ['', 'clash', 'word', 'points'], reducedMotion);
    for (const each of seen) {
      const tells = [each.word, each.verdict, each.outcome].join('');
      if (['', 'clash'].includes(each.moment)) assert.equal(tells, '', JSON.stringify(each));
      if (each.moment === '') assert.equal(each.hand, '#hand2', 'a fist');
      if (each.moment !== 'points') {
        assert.deepEqual([each.score.replace(/,$/, ',0'), each.rounds, each.duel, each.points], ['0,0', 0, '', '']);
        assert.doesNotMatch(each.status, /win|lose|again/);
      }
    }
    assert.ok(seen.some(({ moment, hand }) => moment === 'clash' && hand === '#hand1'));
    assert.equal(seen.at(-1).score, '1,0');
    await ada.close();
    await bob.close();
  });
}

people('what was remembered of a duel is counted once, however often it is told', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await duel(a, '2', b, '1');
  await judged(a);
  for (const _ of [1, 2]) {
    await a.reload();
    await a.waitForSelector('main[data-moment=rest]');
    assert.equal((await text(a, '#duel')).trim(), 'you 1 : 0 Bob');
    assert.match(await text(a, '#outcome'), /You win/);
  }
  await a.click('#menu');
  await says(a, '.note', /Won 1 · best streak 1 · mostly Rock/);
  await a.keyboard.press('Escape');
  // A device may remember anything, also what we never wrote.
  for (const nonsense of ['{', '[]', 'null', '{"uid":7,"rounds":{}}', '{"uid":"x","rounds":[null,{"outcome":"<b>"}],"wins":-1}']) {
    await a.evaluate((kept) => {
      sessionStorage.setItem('roshambo.duel', kept);
      localStorage.setItem('roshambo.record', kept);
    }, nonsense);
    await a.reload();
    // The room may be over by now on a busy machine.
    await online(a);
    await a.waitForSelector('#hands button[aria-disabled=false]');
  }
  await ada.close();
  await bob.close();
});

people('a new opponent is another one', async (server) => {
  const devices = [];
  for (const name of ['Ada', 'Bob', 'Cy']) devices.push(await device(browser, server, { name }));
  const [a, b, c] = await Promise.all(devices.map((each) => each.open()));
  await meet(a, b);
  await both(a, b)(judged);
  await ask(c);
  await phase(c, 'waiting');
  await pick(a, 'new');
  await both(a, c)((page) => phase(page, 'playing'));
  assert.equal(await text(a, '#other .name bdi'), 'Cy');
  assert.equal(await text(c, '#other .name bdi'), 'Ada');
  await says(b, '#status', /Ada has left/);
  for (const each of devices) await each.close();
});

people('taps of habit destroy nothing: twice at every place, in every phase', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  const code = await invite(a);
  /** Two taps at a place, as a thumb does it: nobody looks what is there the second time. */
  const tapTwice = async (page, selector) => {
    const box = await page.locator(selector).boundingBox();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.click(x, y);
    await page.mouse.click(x, y);
  };
  await b.goto(`${server.url}?room=${code}`);
  await together(a, b);
  await both(a, b)(judged);
  // Everything that asks for the next round, and where the first screen's buttons were.
  for (const selector of ['#hands button[value="1"]', '#hands button[value="3"]', '#more']) {
    await tapTwice(a, selector);
    assert.equal(await text(a, '#room strong'), code);
    await a.keyboard.press('Escape');
  }
  await says(b, '#status', /Ada wants to play again/);
  // In the round, at once and without looking.
  const tapped = b.evaluate((places) => new Promise((done) => {
    const main = document.querySelector('main');
    const observer = new MutationObserver(() => {
      if (main.dataset.phase !== 'playing') return;
      observer.disconnect();
      for (const place of places) {
        const { left, top, width, height } = document.querySelector(place).getBoundingClientRect();
        for (let i = 0; i < 2; i += 1) {
          const hit = document.elementFromPoint(left + width / 2, top + height / 2).closest('button');
          if (hit) hit.click();
        }
      }
      done();
    });
    observer.observe(main, { attributes: true });
  }), ['#hands button[value="2"]', '#more', '#menu']);
  await tapTwice(b, '#hands button[value="2"]');
  await tapped;
  await both(a, b)(judged);
  assert.equal(await score(a), '1', 'paper beats rock: nobody gave anything up');
  // In the menu the item that ends something comes last, and what it does can be undone.
  await undoWithin(a, 60000);
  await pick(a, 'leave');
  await says(a, '#status', /You left Bob/);
  await says(b, '#status', /Ada lost the connection/);
  await a.click('#undo');
  await phase(a, 'between');
  await says(b, '#status', /Tap a hand/);
  assert.equal(new URL(a.url()).search, `?room=${code}`, 'still the same room');
  assert.equal(await a.isVisible('#menu-sheet #new'), false, 'nobody drops a friend for a stranger');
  await leave(a);
  await says(b, '#status', /Send the link|Ada has left/);
  assert.equal(new URL(a.url()).search, '');
  await ada.close();
  await bob.close();
});

people('a tap in the moment of a change is for what was there before', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const a = await ada.open();
  await online(a);
  const pressed = await a.evaluate(async () => {
    const [menu, sheet] = [document.querySelector('#menu'), document.querySelector('#menu-sheet')];
    document.querySelector('#hands button').click(); // another phase, now
    menu.click();
    const atOnce = !sheet.hidden;
    while ('fresh' in document.documentElement.dataset) await new Promise(requestAnimationFrame);
    menu.click();
    return [atOnce, !sheet.hidden];
  });
  assert.deepEqual(pressed, [false, true]);
  await ada.close();
});

/** Every call that a browser may refuse, refused. */
const REFUSALS = {
  'history.replaceState': () => {
    history.replaceState = () => {
      throw new DOMException('Attempt to use history.replaceState() more than 100 times', 'SecurityError');
    };
  },
  storages: () => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('denied', 'SecurityError'); } });
    }
  },
  'a full storage': () => {
    Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
  },
  'clipboard, share, vibrate': () => {
    const refuse = () => { throw new DOMException('not allowed', 'NotAllowedError'); };
    const later = () => Promise.reject(new DOMException('not allowed', 'NotAllowedError'));
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: refuse } });
    Object.defineProperty(navigator, 'share', { value: later });
    Object.defineProperty(navigator, 'vibrate', { value: refuse });
    document.execCommand = refuse;
  },
  'no clipboard at all': () => Object.defineProperty(navigator, 'clipboard', { value: undefined }),
  sound: () => {
    window.AudioContext = class {
      constructor() { throw new Error('no device'); }
    };
  },
  animations: () => { delete Element.prototype.animate; },
  matchMedia: () => { window.matchMedia = () => { throw new Error('no'); }; },
};
for (const part of [0, 1, 2]) {
  const refusals = Object.entries(REFUSALS).filter((_, index) => index % 3 === part);
  people(`what a browser refuses stops no round: ${refusals.map(([what]) => what).join('; ')}`, async (server) => {
    const bob = await device(browser, server, { name: 'Bob' });
    const b = await bob.open();
    for (const [what, refuse] of refusals) {
      const ada = await device(browser, server, { name: 'Ada' });
      await ada.context.addInitScript(refuse);
      const a = await ada.open();
      await online(a);
      await pick(a, 'sound');
      await a.keyboard.press('Escape');
      const code = await invite(a);
      await withClipboard(async () => {
        await a.click('#copy');
        await says(a, '#copy', /Copied|Copy it by hand/);
      });
      if (await a.isVisible('#share')) await a.click('#share');
      await b.goto(`${server.url}?room=${code}`);
      for (const page of [a, b]) await says(page, '#status', GREETED);
      await ask(b);
      // The hand that says that the round may begin is kept for it.
      await a.click('#hands button[value="2"]');
      // Who is greeted is between two rounds already.
      await both(a, b)((page) => phase(page, 'playing'));
      await both(a, b)(judged);
      assert.match(await text(a, '#outcome'), /You win/, what);
      await ada.close();
    }
    await bob.close();
  });
}

people('the address is written when it differs, and only then', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  await ada.context.addInitScript(() => {
    window.written = 0;
    const { replaceState } = history;
    history.replaceState = (...args) => {
      window.written += 1;
      replaceState.apply(history, args);
    };
  });
  const [a, b] = [await ada.open(), await bob.open()];
  const code = await invite(a);
  await b.goto(`${server.url}?room=${code}`);
  await together(a, b);
  await a.evaluate(async () => {
    for (let i = 0; i < 40; i += 1) {
      document.querySelectorAll('#hands button')[i % 3].click();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await both(a, b)(judged);
  assert.equal(await a.evaluate(() => window.written), 1);
  await ada.close();
  await bob.close();
});

people('in a browser without a clipboard the link is selected and copied the old way', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  await ada.context.addInitScript(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    document.addEventListener('copy', () => {
      const { value, selectionStart, selectionEnd } = document.activeElement;
      window.taken = value.slice(selectionStart, selectionEnd);
    });
  });
  const a = await ada.open();
  const code = await invite(a);
  await withClipboard(async () => {
    await a.click('#copy');
    await says(a, '#copy', /Copied/);
  });
  assert.equal(await a.evaluate(() => window.taken), `${server.url}?room=${code}`);
  await ada.close();
});

people('name and picture are chosen, seen by the other one, and remembered', async (server) => {
  const [ada, bob] = [
    await device(browser, server), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await online(a);
  const mine = async () => [await text(a, '#me .name bdi'), await a.getAttribute('#me img', 'src')];
  const owned = (name, number) => [name, `avatars/${number}.svg`];
  // A device that knows nothing yet makes something up, and keeps that.
  const made = await mine();
  assert.match(made.join(), /^Guest \d\d,avatars\/\d+\.svg$/);
  await a.reload();
  await online(a);
  assert.deepEqual(await mine(), made);
  const choose = (number) => a.click(`#avatars label:has([value="builtin:${number}"])`);
  await pick(a, 'profile');
  await a.fill('#uname', 'Nobody');
  await choose(3);
  await a.keyboard.press('Escape');
  assert.deepEqual(await mine(), made, 'that was not meant');
  await pick(a, 'profile');
  await choose(3);
  await a.click('#card .close');
  assert.deepEqual(await mine(), made, 'nor that');
  await pick(a, 'profile');
  assert.equal(await a.evaluate(() => document.activeElement.localName), 'div', 'no keyboard over the pictures');
  assert.equal(await a.inputValue('#uname'), made[0]);
  await a.fill('#uname', 'Grace');
  await choose(6);
  await a.click('#card .primary');
  await says(a, '#me .name bdi', /Grace/);
  assert.deepEqual(await mine(), owned('Grace', 6));
  await meet(a, b);
  assert.equal(await text(b, '#other .name bdi'), 'Grace');
  assert.equal(await b.getAttribute('#other img', 'src'), 'avatars/6.svg');
  await a.reload();
  await online(a);
  assert.deepEqual(await mine(), owned('Grace', 6), 'remembered');
  // By keyboard: the arrows walk through the pictures.
  await a.click('#menu');
  await a.focus('#profile');
  await a.keyboard.press('Enter');
  await a.focus('#uname');
  await a.keyboard.press('Tab');
  await a.keyboard.press('ArrowRight');
  await a.keyboard.press('Enter');
  await a.waitForSelector('#me img[src="avatars/7.svg"]', { state: 'attached' });
  assert.deepEqual(await mine(), owned('Grace', 7));
  const another = await ada.open();
  await online(another);
  assert.equal(await text(another, '#me .name bdi'), 'Grace', 'on the device, not in the tab');
  assert.equal(await another.getAttribute('#me img', 'src'), 'avatars/7.svg');
  await ada.close();
  await bob.close();
});

robots('a robot, by keyboard alone', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const a = await ada.open();
  await online(a);
  const focused = () => a.evaluate(() => {
    const { id, value, localName, parentElement } = document.activeElement;
    return id || (parentElement.id && `${parentElement.id} ${value || localName}`);
  });
  /** What the tabulator reaches from the first to the last, and then once more. */
  const walk = async () => {
    const order = [];
    await a.focus('#hands button');
    for (;;) {
      order.push(await focused());
      await a.keyboard.press('Tab');
      if (!order.includes(await focused())) continue;
      return order;
    }
  };
  const table = ['hands 1', 'hands 2', 'hands 3'];
  const mood = ['faces 1', 'faces 2', 'faces 3', 'faces 4'];
  // The order of the eye. At its end the browser's own part comes, which has no name here.
  const named = async () => (await walk()).filter((name) => name);
  assert.deepEqual(await named(), [...table, 'friend', 'menu']);
  await a.focus('#hands button');
  await a.keyboard.press('Enter');
  await phase(a, 'playing');
  await a.waitForSelector('#hands button[value="1"][aria-pressed=true]');
  assert.deepEqual(await named(), [...table, ...mood, 'menu']);
  assert.match(await text(a, '#other .name'), /^[A-Z][a-z]+ robot$/);
  await says(a, '#status', /[A-Z][a-z]+/);
  assert.doesNotMatch(await text(a, 'main'), /robot-\d/);
  for (const key of ['1', '2', '3']) {
    await a.keyboard.press(key);
    await a.waitForSelector(`#hands button[value="${key}"][aria-pressed=true]`);
  }
  await judged(a);
  assert.equal(await a.getAttribute('#mine .shown', 'href'), '#hand3');
  assert.equal(await a.getAttribute('#theirs .shown', 'href'),
    await a.getAttribute('#other .rounds use', 'href'), 'a robot makes no fist for the next round');
  // A sheet keeps the keyboard, and gives it back.
  await a.focus('#menu');
  await a.keyboard.press('Enter');
  assert.equal(await a.isVisible('#new'), false, 'the robot is gone');
  const stops = new Set();
  for (let i = 0; i < 8; i += 1) {
    await a.keyboard.press('Tab');
    stops.add(await a.evaluate(() => Boolean(document.activeElement.closest('#menu-sheet'))));
  }
  assert.deepEqual([...stops], [true]);
  await a.keyboard.press('Escape');
  assert.equal(await focused(), 'menu');
  // A hand leads on, by its key.
  await a.keyboard.press('2');
  await phase(a, 'playing');
  await a.waitForSelector('#hands button[value="2"][aria-pressed=true]');
  await judged(a);
  await a.evaluate(() => document.activeElement.blur());
  await a.keyboard.press(' ');
  await phase(a, 'playing');
  await ada.close();
});

on(SLOWLY, LONG)('a reload in mid-round resumes it, with score and choice', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada', ...MOVING }),
    await device(browser, server, { name: 'Bob', ...MOVING }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await duel(a, '2', b, '1');
  await both(a, b)(judged);
  await ask(a);
  await show(b, '2');
  await both(a, b)((page) => phase(page, 'playing'));
  await a.keyboard.press('3');
  await says(b, '#status', /Both have picked/);
  await a.goto('about:blank');
  await says(b, '#status', /Ada lost the connection/);
  assert.equal(await turned(b), 'still', 'nobody is there to choose');
  await a.goto(server.url);
  await phase(a, 'playing');
  await says(b, '#status', /Both have picked/);
  assert.notEqual(await turned(b), 'still');
  assert.equal(await score(a), '1');
  assert.equal(await a.getAttribute('#hands button[value="3"]', 'aria-pressed'), 'true');
  assert.equal(await text(a, '#other .name bdi'), 'Bob');
  assert.notEqual(await turned(a), 'still');
  await both(a, b)(judged);
  assert.equal(await score(a), '3');
  await a.reload();
  await says(a, '#outcome', /You win/);
  await ada.close();
  await bob.close();
});

cases.push(['the server stops and starts: both come back by themselves, with their scores', async () => {
  const store = join(mkdtempSync(join(tmpdir(), 'roshambo-')), 'roshambo.db');
  const flags = [...SLOWLY, ...LONG, '--store', store, '--drain-spread', '300ms'];
  const first = await serve(flags, await quietPort());
  const [ada, bob] = [
    await device(browser, first, { name: 'Ada' }), await device(browser, first, { name: 'Bob' }),
  ];
  const [a, b, c] = [await ada.open(), await bob.open(), await bob.open()];
  await online(c);
  await twin(c, first);
  await link(c, 'stopped');
  await duel(a, '2', b, '1');
  const stopped = first.stop();
  // Whoever wants in while the round still runs is refused, and hears why.
  await c.click('#back');
  await says(c, '#status', /restarting/);
  await c.close();
  await both(a, b)(judged);
  assert.match(await text(a, '#outcome'), /You win/, 'the running round ends');
  await says(a, '#status', /restarting/);
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await stopped;
  const second = await serve(flags, first.port);
  await both(a, b)((page) => phase(page, 'playing'));
  assert.equal(await score(a), '1');
  // Without a word, and without its memory.
  await second.stop('SIGKILL');
  await both(a, b)((page) => says(page, '#status', /lost/));
  const third = await serve(SLOWLY, first.port);
  await both(a, b)(online);
  await both(a, b)((page) => says(page, '#status', /no longer knows/));
  await ada.close(LOST);
  await bob.close(LOST);
  await third.stop('SIGKILL');
}]);

people('who cancels without a connection is not waiting when it is back', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  const [broken, b] = [await ada.context.newPage(), await bob.open()];
  const sockets = [];
  let reachable = true;
  await broken.routeWebSocket(/websocket/, (socket) => {
    if (!reachable) return socket.close();
    sockets.push(socket.connectToServer());
    return sockets.push(socket);
  });
  await broken.goto(server.url);
  await ask(broken);
  await phase(broken, 'waiting');
  reachable = false;
  for (const socket of sockets.splice(0)) await socket.close();
  await says(broken, '#status', /Reconnecting/);
  await pick(broken, 'leave');
  reachable = true;
  await online(broken);
  await phase(broken, 'free');
  await ask(b);
  await phase(b, 'waiting');
  await ask(broken);
  await both(broken, b)((page) => phase(page, 'playing'));
  // Given up without a connection, too; the reload in between does not forget it.
  reachable = false;
  for (const socket of sockets.splice(0)) await socket.close();
  await says(broken, '#status', /Reconnecting/);
  await pick(broken, 'leave');
  await broken.goto('about:blank');
  reachable = true;
  await broken.goto(server.url);
  await says(b, '#status', /Ada (gave up|has left)/);
  await online(broken);
  await phase(broken, 'free');
  await ada.close(LOST);
  await bob.close();
});

people('a friend comes by link; the round waits until both look', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada', permissions: ['clipboard-write', 'clipboard-read'] }),
    await device(browser, server, { name: 'Bob', size: DESKTOP }),
  ];
  // A phone has a sheet to share by.
  await ada.context.addInitScript(() => {
    Object.defineProperty(navigator, 'share', { value: async (what) => { window.shared = what; } });
  });
  const a = await ada.open();
  const code = await invite(a);
  assert.match(code, /^[2-9A-Z]{6}$/);
  await a.click('#share');
  await a.waitForFunction(() => window.shared);
  const { url, text: invitation } = await a.evaluate(() => window.shared);
  assert.deepEqual([url, invitation], [a.url(), 'Rock, paper, scissors?']);
  assert.equal(new URL(a.url()).search, `?room=${code}`);
  const address = await withClipboard(async () => {
    await a.click('#copy');
    await says(a, '#copy', /Copied/);
    return a.evaluate(() => navigator.clipboard.readText());
  });
  assert.equal(address, a.url());
  // The page goes to the background, as a phone's does while its owner sends the link.
  const look = (hidden) => a.evaluate((now) => {
    Object.defineProperty(document, 'hidden', { value: now, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await look(true);
  // The system may even stop its script altogether.
  const debug = await ada.context.newCDPSession(a);
  await debug.send('Page.setWebLifecycleState', { state: 'frozen' });
  const b = await bob.open(new URL(address).search);
  await says(b, '#status', /Ada is here, but looking elsewhere/);
  await debug.send('Page.setWebLifecycleState', { state: 'active' });
  await shot(b, 'desktop-19-asleep');
  assert.equal(await a.title(), '● Bob is here!');
  await look(false);
  await both(a, b)((page) => says(page, '#status', GREETED));
  await shot(a, 'phone-19-greeted');
  // One of them alone begins nothing.
  await a.click('#hands button[value="1"]');
  await says(a, '#status', /Waiting for Bob/);
  await says(b, '#status', /Ada is ready\. You\?/);
  await shot(b, 'desktop-19-wanted');
  await b.keyboard.press('2');
  await both(a, b)((page) => phase(page, 'playing'));
  await both(a, b)(judged);
  await a.reload();
  // The space bar asks where somebody sits opposite, not on the way there.
  await phase(a, 'between');
  await ask(a);
  await ask(b);
  await both(a, b)((page) => phase(page, 'playing'));
  await both(a, b)(judged);
  await leave(a);
  assert.equal(new URL(a.url()).search, '');
  await b.waitForSelector('#room:not([hidden])');
  assert.equal(await text(b, '#room strong'), code, 'the room stays open');
  await a.click('#friend');
  await says(a, '#last', new RegExp(`room ${code}$`));
  await a.click('#last');
  await together(a, b);
  const cy = await device(browser, server, { name: 'Cy' });
  const c = await cy.open(`?room=${code}`);
  await says(c, '#status', /Two are playing/);
  await ada.close();
  await bob.close();
  await cy.close();
});

on(SLOWLY, LONG)('a friend\'s link goes before a round that runs elsewhere', async (server) => {
  const names = ['Ada', 'Bob', 'Cy'];
  const devices = await Promise.all(names.map((name) => device(browser, server, { name })));
  const [a, b, c] = await Promise.all(devices.map((each) => each.open()));
  const code = await invite(c);
  await meet(a, b);
  await a.goto(`${server.url}?room=${code.toLowerCase()}`);
  await says(b, '#status', /Ada (gave up|has left)/);
  await says(a, '#other .name bdi', /Cy/);
  for (const page of [a, c]) await says(page, '#status', GREETED);
  await show(a, '2');
  await ask(c);
  await both(a, c)((page) => phase(page, 'playing'));
  assert.equal(new URL(a.url()).search, `?room=${code}`);
  await says(c, '#status', /Ada has picked/);
  // The link of the room one sits in leads back into its round.
  await a.reload();
  await a.waitForSelector('#hands button[value="2"][aria-pressed=true]');
  await both(a, c)(judged);
  assert.match(await text(a, '#outcome'), /You win/);
  for (const each of devices) await each.close();
});

on(SLOWLY, ENDLESS)('a name full of HTML, direction marks and emoji is text', async (server) => {
  const name = '<img src=x>\u202Eevil\u2066 &amp; 🦊🦊';
  const [ada, bob] = [
    await device(browser, server, { name }), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await meet(a, b);
  // What would turn the line is taken out by the server.
  assert.equal(await text(b, '#other .name bdi'), '<img src=x>evil &amp; 🦊🦊');
  assert.equal(await b.evaluate(() => document.querySelectorAll('main img').length), 2);
  await says(b, '#status', /img src=x.*🦊🦊\. Pick a hand/u);
  // A name in another direction turns nothing beside it.
  assert.equal(await b.evaluate(
    () => getComputedStyle(document.querySelector('#other bdi')).unicodeBidi,
  ), 'isolate');
  await shot(b, 'phone-20-name');
  await ada.close();
  await bob.close();
});

const ELSEWHERE = 'https://pictures.invalid/me.png';
for (const remote of [false, true]) {
  const picture = { contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' };
  on(SLOWLY, remote ? ['--remote-avatars'] : [])(`a picture from elsewhere, which the server ${remote ? 'allows' : 'does not allow'}`, async (server) => {
    const [ada, bob] = [
      await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
    ];
    await ada.context.addInitScript(
      (address) => location.protocol === 'http:' && localStorage.setItem('roshambo.avatar', address),
      ELSEWHERE,
    );
    const asked = [];
    await bob.context.route(ELSEWHERE, (route) => {
      asked.push(route.request().url());
      return route.fulfill(picture);
    });
    await ada.context.route(ELSEWHERE, (route) => route.fulfill(picture));
    const [a, b] = [await ada.open(), await bob.open()];
    await meet(a, b);
    await phase(b, 'between');
    assert.deepEqual(asked, remote ? [ELSEWHERE] : []);
    assert.equal(await b.isVisible('#other img'), remote);
    for (const each of [ada, bob]) await each.close(remote ? /^left: https:\/\/pictures\.invalid/ : undefined);
  });
}

people('a second tab is a second player, the same one elsewhere takes over', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const [a, b] = [await ada.open(), await ada.open()];
  await meet(a, b);
  await phase(a, 'between');
  const copy = await twin(a, server);
  await link(a, 'stopped');
  await says(a, '#status', /another tab or window/);
  await a.click('#back');
  await online(a);
  await link(copy, 'stopped');
  await copy.context().close();
  await ada.close();
});

for (const locks of [true, false]) {
  const how = locks ? 'by locks' : 'by asking each other';
  people(`tabs are players of their own, and what one won outlives it: ${how}`, async (server) => {
    const ada = await device(browser, server, { name: 'Ada' });
    if (!locks) {
      // As on every page that came by plain http.
      await ada.context.addInitScript(() => {
        Object.defineProperty(navigator, 'locks', { value: undefined });
      });
    }
    const [a, b] = [await ada.open(), await ada.open()];
    await duel(a, '2', b, '1');
    await both(a, b)(judged);
    assert.equal(await score(a), '1');
    const [third, copy] = [await ada.open(), await duplicate(a, server)];
    await both(third, copy)(online);
    assert.deepEqual([await score(third), await score(copy)], ['0', '0']);
    await copy.reload();
    await online(copy);
    // Nobody was taken over.
    for (const page of [a, b, third]) assert.equal(await page.getAttribute('main', 'data-link'), 'online');
    const token = (page) => page.evaluate(() => sessionStorage.getItem('roshambo.session'));
    assert.equal(new Set(await both(a, b, third, copy)(token)).size, 4);

    // Closed, whichever is the last.
    for (const page of [a, b, third, copy]) await page.close();
    const again = await ada.open();
    await online(again);
    assert.equal(await score(again), '1');
    // Its process dies, and nothing of the page can say goodbye.
    const crashed = again.waitForEvent('crash');
    const session = await ada.context.newCDPSession(again);
    session.send('Page.crash').catch(() => {});
    await crashed;
    await again.close();
    const after = await ada.open();
    await online(after);
    assert.equal(await score(after), '1');

    await pick(after, 'profile');
    await says(after, '#card .note', /clearing its data gives them up/);
    await after.evaluate(() => localStorage.clear());
    await after.close();
    const fresh = await ada.open();
    await online(fresh);
    assert.equal(await score(fresh), '0');
    await ada.close();
  });
}

people('points that the server no longer knows are said to be gone', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  // As a token is kept that the server forgot.
  await ada.context.addInitScript(() => {
    const kept = [{ token: 'a'.repeat(32), used: 1, points: 7 }];
    if (location.protocol === 'http:') localStorage.setItem('roshambo.sessions', JSON.stringify(kept));
  });
  const a = await ada.open();
  await online(a);
  await says(a, '#status', /points are gone/);
  await ada.close();
});

on(SLOWLY, ENDLESS)('a countdown ends with its seconds, with its connection, and with its session', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  // The timers that the page still has to come.
  await ada.context.addInitScript(() => {
    const { setTimeout: set, clearTimeout: clear } = window;
    window.pending = new Set();
    window.setTimeout = (run, ms) => {
      const id = set(() => {
        window.pending.delete(id);
        run();
      }, ms);
      window.pending.add(id);
      return id;
    };
    window.clearTimeout = (id) => window.pending.delete(id) && clear(id);
  });
  const [a, b] = [await ada.open(), await ada.open()];
  await Promise.all([online(a), online(b)]);
  const open = await ready(a, server);
  await meet(a, b);
  await says(a, '#count', /[1-9]/);
  const copy = await open();
  await link(a, 'stopped');
  assert.equal(await text(a, '#count'), '');
  await a.waitForFunction(() => !window.pending.size, null, { polling: 20 });
  await phase(copy, 'playing');
  await server.stop('SIGKILL');
  await passes(b, 'link', 'retrying');
  await says(b, '#count', /^$/);
  await b.waitForFunction(() => window.pending.size <= 1, null, { polling: 20 });
  await ada.close(LOST);
});

robots('in Chinese, and for those who want no motion', async (server) => {
  const ada = await device(browser, server, { locale: 'zh-TW', reducedMotion: 'reduce' });
  const a = await ada.open();
  await online(a);
  assert.equal(await a.getAttribute('html', 'lang'), 'zh-CN');
  assert.match(await a.title(), /剪刀石头布/);
  assert.match(await text(a, '#me .name bdi'), /^玩家 \d\d$/);
  await a.click('#hands button[value="1"]');
  await phase(a, 'playing');
  await says(a, '#status', /还可以换|该你|出手/);
  assert.doesNotMatch(await text(a, 'main'), /robot-/);
  assert.equal(await turned(a), 'still');
  const still = await a.evaluate(() => ['#other .name', '#mine .shake'].map(
    (selector) => getComputedStyle(document.querySelector(selector)).animationName,
  ));
  assert.deepEqual(still, ['pulse', 'none'], 'that the other one chooses is seen all the same');
  await judged(a);
  await says(a, '#outcome', /赢|输|平/);
  await ada.close();
});

people('that the network has gone is looked into at once', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const a = await ada.context.newPage();
  let silent = false;
  const unheard = [];
  await a.routeWebSocket(/websocket/, (socket) => {
    if (silent) return socket.close();
    const server = socket.connectToServer();
    server.onMessage((message) => silent || socket.send(message));
    return socket.onMessage((message) => (silent ? unheard.push(message) : server.send(message)));
  });
  await a.goto(server.url);
  await ask(a);
  await phase(a, 'waiting');
  silent = true;
  await a.evaluate(() => dispatchEvent(new Event('offline')));
  // The next attempt may follow at once.
  await passes(a, 'link', 'retrying');
  assert.deepEqual(unheard, ['["ping"]'], 'asked, not waited for');
  silent = false;
  await a.evaluate(() => dispatchEvent(new Event('online')));
  await online(a);
  await ada.close();
});

on(SLOWLY, LONG)('faces can be muted, sound and vibration turned on, and both are remembered', async (server) => {
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  for (const { context } of [ada, bob]) {
    await context.addInitScript(() => {
      Object.assign(window, { notes: 0, buzzes: [] });
      const { start } = OscillatorNode.prototype;
      OscillatorNode.prototype.start = function counted(when) {
        window.notes += 1;
        start.call(this, when);
      };
      Object.defineProperty(navigator, 'vibrate', { value: (pattern) => window.buzzes.push(pattern) });
    });
  }
  const [a, b] = [await ada.open(), await bob.open()];
  await online(a);
  await pick(a, 'mute');
  await says(a, '#mute', /off/);
  await a.click('#menu-sheet #sound');
  await says(a, '#sound', /: on/);
  assert.equal(await a.evaluate(() => window.notes), 2, 'it is heard what was turned on');
  await a.reload();
  await show(a, '2');
  await ask(b);
  await both(a, b)((page) => phase(page, 'playing'));
  await b.click('#faces button[value="1"]');
  // What was sent after the face is seen, and the face is not.
  await b.click('#hands button[value="1"]');
  await says(a, '#status', /Both have picked/);
  assert.equal(await a.isVisible('#other .pop'), false);
  await both(a, b)(judged);
  const heard = (page) => page.evaluate(() => [window.notes > 0, window.buzzes.join(' ')]);
  assert.deepEqual(await heard(a), [true, '25 60 40,60,90'], 'the start, the clash, the win');
  assert.deepEqual(await heard(b), [false, ''], 'nobody asked for it');
  await ada.close();
  await bob.close();
});

/** What a camera reads from a drawn code: four pixels for each square, on white. */
function read(path, size) {
  const [scale, width] = [4, size * 4];
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y] of path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let i = 0; i < scale * scale; i += 1) {
      const at = ((y * scale + Math.floor(i / scale)) * width + x * scale + (i % scale)) * 4;
      pixels.fill(0, at, at + 3);
    }
  }
  return readCode(pixels, width, width)?.data;
}

people('a camera reads the link of a room', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const a = await ada.open();
  const code = await invite(a);
  await a.waitForSelector('#qr path[d]');
  const [path, box] = await a.evaluate(() => [
    document.querySelector('#qr path').getAttribute('d'),
    document.querySelector('#qr').getAttribute('viewBox'),
  ]);
  assert.equal(read(path, Number(box.split(' ')[2])), `${server.url}?room=${code}`);
  // Every length that there is a code for, and one more.
  const whole = await a.evaluate(async () => {
    const { draw } = await import('./qr.js');
    return Array.from({ length: 108 }, (_, length) => draw('x'.repeat(length)));
  });
  whole.slice(1).forEach((drawn, index) => {
    const length = index + 1;
    if (length > 106) return assert.equal(drawn, null);
    return assert.equal(read(drawn.path, drawn.size), 'x'.repeat(length));
  });
  await ada.close();
});

people('a look inside shows what travels and what it means, and sends what is typed', async (server) => {
  const ada = await device(browser, server, { name: '<b>Ada</b>' });
  const asked = [];
  ada.context.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await ada.context.addInitScript(() => {
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.taken = text; } } });
  });
  const plain = await ada.open();
  await online(plain);
  assert.equal(asked.some((path) => path.includes('inside.js')), false, 'nobody else loads it');
  const a = await ada.open('?inside');
  await online(a);
  await says(a, '.inside-lines', /→ \["hello",\{"user":\{"uname":"<b>Ada<\/b>"/);
  await says(a, '.inside-lines', /← \["hi",.*"session":"[^"]{4}…"/);
  await says(a, '.inside-lines', /· connected/);
  await says(a, '.inside-lines', /\+\d+\.\d\d s← \["hi"/);
  await a.fill('.inside-form input', '["dance"]');
  await a.keyboard.press('Enter');
  await says(a, '.inside-lines', /→ \["dance"\]/);
  await says(a, '.inside-lines', /← \["problem",\{"code":"unknown-event"/);
  await a.click('.inside-lines li:has-text("problem") summary');
  await says(a, '.inside-lines [open] p', /refused.*reference\.md/);
  await a.click('.inside-lines [open] button');
  await a.waitForFunction(() => /^\["problem",/.test(window.taken));
  const code = await invite(a);
  assert.equal(new URL(a.url()).search, `?room=${code}&inside`, 'it stays, and the link has none of it');
  assert.equal(await a.inputValue('#link'), `${server.url}?room=${code}`);
  await a.click('.inside-close');
  await a.waitForSelector('.inside', { state: 'detached' });
  await ada.close();
});

people('the page does not jump while it comes, piece by piece, nor does an invitation', async (server) => {
  const ada = await device(browser, server, { name: 'Ada', locale: 'zh-CN' });
  await ada.context.addInitScript(() => {
    window.jumps = [];
    new PerformanceObserver((list) => list.getEntries().forEach(({ value, sources }) => {
      window.jumps.push([value, ...sources.map(({ node }) => node && (node.id || node.nodeName))]);
    })).observe({ type: 'layout-shift', buffered: true });
  });
  // No two of its files come together.
  let order = Promise.resolve();
  await ada.context.route('**/*', (route) => {
    order = order.then(() => route.continue()).then(() => new Promise((resolve) => setTimeout(resolve, 60)));
    return order;
  });
  const a = await ada.open();
  await online(a);
  await a.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  const still = async (most) => {
    const jumps = await a.evaluate(() => window.jumps.splice(0));
    const sum = jumps.reduce((all, [value]) => all + value, 0);
    assert.ok(sum < most, JSON.stringify(jumps));
  };
  await still(0.01);
  await invite(a);
  // Its code is drawn when there is time for it.
  await a.waitForSelector('#qr path[d]');
  await a.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await still(0.03);
  await ada.close();
});

people('the page is whole before its script runs', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  await ada.context.route('**/app.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  const a = await ada.open();
  assert.match(await text(a, '#welcome'), /roshambo\s+One hand each\. Three seconds\./);
  const shown = await a.evaluate(() => {
    const seen = (each) => each.getClientRects().length && getComputedStyle(each).visibility === 'visible';
    return {
      words: [...document.querySelectorAll('button, #status')].filter(seen)
        .map((each) => each.textContent.replace(/\s+/g, ' ').trim() || each.querySelector('path') && each.id),
      pictures: [...document.querySelectorAll('use')].filter(seen).every((use) => document.querySelector(use.getAttribute('href'))),
      broken: [...document.images].filter((image) => seen(image) && !image.naturalWidth).length,
    };
  });
  assert.deepEqual(shown, {
    words: ['Connecting…', 'Scissors1', 'Rock2', 'Paper3', 'Play with a friend', 'menu'], pictures: true, broken: 0,
  });
  await ada.close();
});

people('a browser that does not know the script\'s language says so, one with a fault elsewhere does not', async (server) => {
  const ada = await device(browser, server, { name: 'Ada' });
  const newer = { contentType: 'text/javascript', body: 'export const newer = of the.year 2040;' };
  await ada.context.route('**/friend.js', (route) => route.fulfill(newer));
  const a = await ada.open();
  await a.waitForSelector('#old:not([hidden])');
  assert.match(await text(a, '#old'), /too old.*浏览器太旧/);
  assert.equal(await text(a, '#status'), '', 'it does not try for ever');
  // The browser tells such a fault without a word.
  await ada.close(/^$|SyntaxError/);

  // Something that was put into the page fails.
  const bob = await device(browser, server, { name: 'Bob' });
  await bob.context.addInitScript(() => {
    document.addEventListener('load', ({ target }) => { window.asked = window.asked || /old\.js$/.test(target.src); }, true);
    document.addEventListener('DOMContentLoaded', () => { throw new Error('an extension'); });
  });
  const b = await bob.open();
  await online(b);
  await b.waitForFunction(() => window.asked);
  assert.equal(await b.isVisible('#old'), false);
  await bob.close(/an extension/);
});

people('a link looks like an invitation, and the page can be installed', async (server) => {
  const page = await (await fetch(server.url)).text();
  const meta = (name) => new RegExp(`<meta property="${name}" content="([^"]+)"`).exec(page)?.[1];
  assert.match(meta('og:title'), /Rock, paper, scissors\?/);
  assert.ok(meta('og:description').length > 20);
  const manifest = await (await fetch(new URL('site.webmanifest', server.url))).json();
  assert.equal(manifest.display, 'standalone');
  for (const place of [meta('og:image'), ...manifest.icons.map(({ src }) => src), 'icon-180.png']) {
    const answer = await fetch(new URL(place, server.url));
    assert.equal(answer.status, 200, place);
    assert.match(answer.headers.get('content-type'), /^image\//, place);
  }
  assert.match(await (await fetch(new URL('robots.txt', server.url))).text(), /Disallow: .*room=/);
});

describe('the page', { concurrency: AT_ONCE }, () => cases.forEach((one) => test(...one)));

// The page in a real browser against the real server: what a player does, and what then is seen.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { serve, stopAll } from '../server.mjs';
import {
  DESKTOP, LOST, device, launch, link, meet, online, phase, says, shot, text, twin,
} from './lib.mjs';

/** People meet people, and a busy machine has time for what a test does within a round. */
const SLOWLY = ['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '6s'];

let browser;
let people; // a server where people meet people
let robots; // and one where they meet robots at once
before(async () => {
  browser = await launch();
  people = await serve(SLOWLY);
  robots = await serve(['--robot-after', '0', '--game-time', '6s']);
});
after(async () => {
  stopAll();
  await browser.close();
});

const both = (...pages) => (run) => Promise.all(pages.map(run));
const score = (page, side = '#me') => text(page, `${side} .score b`);
/** How the opponent's avatar is turned, as the browser computes it. */
const turned = (page) => page.evaluate(() => {
  const { animationName, rotate } = getComputedStyle(document.querySelector('#other .spin'));
  return animationName === 'spin' ? rotate : 'still';
});

test('two pages play each other, again, and part', async () => {
  const [ada, bob] = [
    await device(browser, people, { name: 'Ada' }),
    await device(browser, people, { name: 'Bob', avatar: 6, size: DESKTOP }),
  ];
  const [a, b] = [await ada.open(), await bob.open('applet/websocket/')];
  assert.equal(await turned(a), 'still');
  await meet(a, b);
  assert.equal(await text(a, '#other .name bdi'), 'Bob');
  assert.equal(await a.getAttribute('#other img', 'src'), 'avatars/6.svg');
  const first = await turned(a);
  assert.notEqual(first, 'still');
  await a.waitForFunction(
    (before) => getComputedStyle(document.querySelector('#other .spin')).rotate !== before, first,
  );
  await b.click('#hands button[value="1"]');
  await says(a, '#status', /(Bob has|Both have) picked/);
  assert.notEqual(await turned(a), 'still', 'it may still change its hand');
  await a.click('#hands button[value="3"]');
  await a.click('#hands button[value="2"]');
  await a.click('#faces button[value="4"]');
  await b.waitForSelector('#other .pop:not([hidden]) use[href="#face4"]', { state: 'attached' });
  await both(a, b)((page) => phase(page, 'between'));
  assert.equal(await turned(a), 'still', 'it came to rest');
  assert.equal(await text(a, '#outcome'), 'You win! Rock beats Scissors.');
  assert.equal(await text(b, '#outcome'), 'You lose Rock beats Scissors.');
  assert.deepEqual([await score(a), await score(b), await score(b, '#other')], ['1', '0', '1']);
  // By keyboard, which stays where it is.
  await b.focus('#play');
  await b.keyboard.press('Enter');
  await says(a, '#status', /Bob wants to play again/);
  await b.waitForSelector('#play:focus[aria-disabled=true]');
  await a.click('#play');
  await both(a, b)((page) => phase(page, 'playing'));
  await b.click('#leave');
  await says(a, '#status', /Bob gave up/);
  assert.equal(await turned(a), 'still', 'nobody is choosing any more');
  await a.click('#hands button[value="3"]');
  await phase(a, 'between');
  assert.equal(await score(a), '3', 'the second win in a row counts two');
  await a.click('#play');
  await phase(a, 'waiting');
  await a.click('#leave');
  await phase(a, 'free');
  await ada.close();
  await bob.close();
});

test('a new opponent is another one', async () => {
  const devices = [];
  for (const name of ['Ada', 'Bob', 'Cy']) devices.push(await device(browser, people, { name }));
  const [a, b, c] = await Promise.all(devices.map((each) => each.open()));
  await meet(a, b);
  await both(a, b)((page) => phase(page, 'between'));
  await online(c);
  await c.click('#play');
  await phase(c, 'waiting');
  await a.click('#new');
  await both(a, c)((page) => phase(page, 'playing'));
  assert.equal(await text(a, '#other .name bdi'), 'Cy');
  assert.equal(await text(c, '#other .name bdi'), 'Ada');
  await says(b, '#status', /Ada has left/);
  for (const each of devices) await each.close();
});

test('name and picture are chosen, seen by the other one, and remembered', async () => {
  const server = await serve(SLOWLY);
  const [ada, bob] = [
    await device(browser, server), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await online(a);
  const mine = async () => [await text(a, '#me .name bdi'), await a.getAttribute('#me img', 'src'),
    await text(a, '#profile bdi'), await a.getAttribute('#profile img', 'src')];
  const owned = (name, number) => [name, `avatars/${number}.svg`, name, `avatars/${number}.svg`];
  // A device that knows nothing yet makes something up, and keeps that.
  const made = await mine();
  assert.match(made.join(), /^Guest \d\d,avatars\/\d+\.svg,Guest \d\d,avatars\/\d+\.svg$/);
  await a.reload();
  await online(a);
  assert.deepEqual(await mine(), made);
  const pick = (number) => a.click(`#avatars label:has([value="builtin:${number}"])`);
  await a.click('#profile');
  await a.fill('#uname', 'Nobody');
  await pick(3);
  await a.keyboard.press('Escape');
  assert.deepEqual(await mine(), made, 'that was not meant');
  await a.click('#profile');
  assert.equal(await a.inputValue('#uname'), made[0]);
  await a.fill('#uname', 'Grace');
  await pick(6);
  await a.click('#card .primary');
  await says(a, '#me .name bdi', /Grace/);
  assert.deepEqual(await mine(), owned('Grace', 6));
  await meet(a, b);
  assert.equal(await text(b, '#other .name bdi'), 'Grace');
  assert.equal(await b.getAttribute('#other img', 'src'), 'avatars/6.svg');
  await a.reload();
  await phase(a, 'playing');
  assert.deepEqual(await mine(), owned('Grace', 6), 'remembered');
  // By keyboard: the arrows walk through the pictures.
  await a.focus('#profile');
  await a.keyboard.press('Enter');
  await a.keyboard.press('Tab');
  await a.keyboard.press('ArrowRight');
  await a.keyboard.press('Enter');
  await a.waitForSelector('#profile img[src="avatars/7.svg"]');
  assert.deepEqual(await mine(), owned('Grace', 7));
  const another = await ada.open();
  await online(another);
  assert.equal(await text(another, '#profile bdi'), 'Grace', 'on the device, not in the tab');
  assert.equal(await another.getAttribute('#profile img', 'src'), 'avatars/7.svg');
  await ada.close();
  await bob.close();
  await server.stop('SIGKILL');
});

test('a robot, by keyboard alone', async () => {
  const ada = await device(browser, robots, { name: 'Ada' });
  const a = await ada.open();
  await online(a);
  const focused = () => a.evaluate(() => {
    const { id, value, localName, parentElement } = document.activeElement;
    return id || (parentElement.id && `${parentElement.id} ${value || localName}`);
  });
  /** What the tabulator reaches from the first to the last, and then once more. */
  const walk = async () => {
    const order = [];
    await a.focus('#profile');
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
  assert.deepEqual(await named(), ['profile', ...table, 'play', 'invite',
    'enter input', 'enter button']);
  await a.focus('#play');
  await a.keyboard.press('Enter');
  await phase(a, 'playing');
  assert.deepEqual(await named(), ['profile', ...table, ...mood, 'leave']);
  await a.focus('#hands button');
  assert.match(await text(a, '#other .name'), /robot-\d+.*robot/);
  for (const key of ['1', '2', '3']) {
    await a.keyboard.press(key);
    await a.waitForSelector(`#hands button[value="${key}"][aria-pressed=true]`);
  }
  await phase(a, 'between');
  assert.equal(await text(a, '#me .hand span'), 'Paper');
  assert.equal(await a.isVisible('#new'), false, 'the robot is gone');
  await a.keyboard.press(' ');
  await phase(a, 'playing');
  await phase(a, 'between');
  // The card with the name, in and out.
  await a.focus('#profile');
  await a.keyboard.press('Enter');
  await a.keyboard.press('Control+A');
  await a.keyboard.type('Ada II 123');
  await a.keyboard.press('Enter');
  await says(a, '#profile bdi', /^Ada II 123$/);
  await says(a, '#me .name bdi', /^Ada II 123$/);
  assert.equal(await focused(), 'profile');
  await ada.close();
});

test('a reload in mid-round resumes it, with score and choice', async () => {
  const server = await serve([...SLOWLY, '--game-time', '8s']);
  const [ada, bob] = [
    await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await meet(a, b);
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await both(a, b)((page) => phase(page, 'between'));
  await a.click('#play');
  await b.click('#play');
  await both(a, b)((page) => phase(page, 'playing'));
  await a.keyboard.press('3');
  await says(b, '#status', /(Ada has|Both have) picked/);
  await a.goto('about:blank');
  await says(b, '#status', /Ada lost the connection/);
  assert.equal(await turned(b), 'still', 'nobody is there to choose');
  await a.goto(server.url);
  await phase(a, 'playing');
  await says(b, '#status', /(Ada has|Both have) picked/);
  assert.notEqual(await turned(b), 'still');
  assert.equal(await score(a), '1');
  assert.equal(await a.getAttribute('#hands button[value="3"]', 'aria-pressed'), 'true');
  assert.equal(await text(a, '#other .name bdi'), 'Bob');
  assert.notEqual(await turned(a), 'still');
  await b.keyboard.press('2');
  await both(a, b)((page) => phase(page, 'between'));
  assert.equal(await score(a), '3');
  await a.reload();
  await says(a, '#outcome', /You win/);
  await ada.close();
  await bob.close();
  await server.stop();
});

test('the server stops and starts: both come back by themselves, with their scores', async () => {
  const state = join(mkdtempSync(join(tmpdir(), 'roshambo-')), 'state.json');
  const flags = [...SLOWLY, '--state', state, '--drain-spread', '300ms'];
  const first = await serve(flags);
  const [ada, bob] = [
    await device(browser, first, { name: 'Ada' }), await device(browser, first, { name: 'Bob' }),
  ];
  const [a, b, c] = [await ada.open(), await bob.open(), await bob.open()];
  await online(c);
  await twin(c, first);
  await link(c, 'stopped');
  await meet(a, b);
  await a.keyboard.press('2');
  await b.keyboard.press('1');
  await says(a, '#status', /(Bob has|Both have) picked/);
  const stopped = first.stop();
  // Whoever wants in while the round still runs is refused, and hears why.
  await c.click('#play');
  await says(c, '#status', /restarting/);
  await c.close();
  await both(a, b)((page) => phase(page, 'between'));
  assert.match(await text(a, '#outcome'), /You win/, 'the running round ends');
  await says(a, '#status', /restarting/);
  await a.click('#play');
  await b.click('#play');
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
  await third.stop();
});

test('who cancels without a connection is not waiting when it is back', async () => {
  const server = await serve(SLOWLY);
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
  await online(broken);
  await broken.click('#play');
  await phase(broken, 'waiting');
  reachable = false;
  for (const socket of sockets.splice(0)) await socket.close();
  await says(broken, '#status', /Reconnecting/);
  await broken.click('#leave');
  reachable = true;
  await online(broken);
  await phase(broken, 'free');
  await online(b);
  await b.click('#play');
  await phase(b, 'waiting');
  await broken.click('#play');
  await both(broken, b)((page) => phase(page, 'playing'));
  // Given up without a connection, too; the reload in between does not forget it.
  reachable = false;
  for (const socket of sockets.splice(0)) await socket.close();
  await says(broken, '#status', /Reconnecting/);
  await broken.click('#leave');
  await broken.goto('about:blank');
  reachable = true;
  await broken.goto(server.url);
  await says(b, '#status', /Ada gave up/);
  await online(broken);
  await phase(broken, 'free');
  await ada.close(LOST);
  await bob.close();
  await server.stop('SIGKILL');
});

test('a friend comes by link; the round waits until both look', async () => {
  const [ada, bob] = [
    await device(browser, people, { name: 'Ada', permissions: ['clipboard-write', 'clipboard-read'] }),
    await device(browser, people, { name: 'Bob', size: DESKTOP }),
  ];
  const a = await ada.open();
  await online(a);
  await a.click('#invite');
  const code = await text(a, '#room strong:not(:empty)');
  assert.match(code, /^[2-9A-Z]{6}$/);
  assert.equal(new URL(a.url()).search, `?room=${code}`);
  await a.click('#copy');
  await says(a, '#copy', /Copied/);
  const address = await a.evaluate(() => navigator.clipboard.readText());
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
  await both(a, b)((page) => phase(page, 'playing'));
  await b.keyboard.press('2');
  await both(a, b)((page) => phase(page, 'between'));
  await a.reload();
  await online(a);
  await a.click('#play');
  await b.click('#play');
  await both(a, b)((page) => phase(page, 'playing'));
  await a.click('#leave');
  assert.equal(new URL(a.url()).search, '');
  await phase(b, 'between');
  await b.waitForSelector('#room:not([hidden])');
  assert.equal(await text(b, '#room strong'), code, 'the room stays open');
  await a.fill('#enter input', code.toLowerCase());
  await a.keyboard.press('Enter');
  await both(a, b)((page) => phase(page, 'playing'));
  const cy = await device(browser, people, { name: 'Cy' });
  const c = await cy.open(`?room=${code}`);
  await says(c, '#status', /Two are playing/);
  await ada.close();
  await bob.close();
  await cy.close();
});

test('a friend\'s link goes before a round that runs elsewhere', async () => {
  const names = ['Ada', 'Bob', 'Cy'];
  const devices = await Promise.all(names.map((name) => device(browser, people, { name })));
  const [a, b, c] = await Promise.all(devices.map((each) => each.open()));
  await online(c);
  await c.click('#invite');
  const code = await text(c, '#room strong:not(:empty)');
  await meet(a, b);
  await a.goto(`${people.url}?room=${code.toLowerCase()}`);
  await says(b, '#status', /Ada (gave up|has left)/);
  await says(a, '#other .name bdi', /Cy/);
  await both(a, c)((page) => phase(page, 'playing'));
  assert.equal(new URL(a.url()).search, `?room=${code}`);
  // The link of the room one sits in leads back into its round.
  await a.keyboard.press('2');
  await says(c, '#status', /(Ada has|Both have) picked/);
  await a.reload();
  await a.waitForSelector('#hands button[value="2"][aria-pressed=true]');
  await both(a, c)((page) => phase(page, 'between'));
  assert.match(await text(a, '#outcome'), /You win/);
  for (const each of devices) await each.close();
});

test('a name full of HTML, direction marks and emoji is text', async () => {
  const name = '<img src=x>\u202Eevil\u2066 &amp; 🦊🦊';
  const [ada, bob] = [
    await device(browser, people, { name }), await device(browser, people, { name: 'Bob' }),
  ];
  const [a, b] = [await ada.open(), await bob.open()];
  await meet(a, b);
  assert.equal(await text(b, '#other .name bdi'), name);
  assert.equal(await b.evaluate(() => document.querySelectorAll('main img').length), 2);
  await says(b, '#status', /img src=x.*🦊🦊\. Choose your hand/u);
  // The mark may turn its own name around, but nothing beside it.
  assert.equal(await b.evaluate(
    () => getComputedStyle(document.querySelector('#other bdi')).unicodeBidi,
  ), 'isolate');
  await shot(b, 'phone-20-name');
  await ada.close();
  await bob.close();
});

test('a picture from elsewhere is loaded only where the server says so', async () => {
  const elsewhere = 'https://pictures.invalid/me.png';
  for (const remote of [false, true]) {
    const server = await serve([...SLOWLY, ...(remote ? ['--remote-avatars'] : [])]);
    const [ada, bob] = [
      await device(browser, server, { name: 'Ada' }), await device(browser, server, { name: 'Bob' }),
    ];
    await ada.context.addInitScript(
      (address) => location.protocol === 'http:' && localStorage.setItem('roshambo.avatar', address),
      elsewhere,
    );
    const asked = [];
    await bob.context.route(elsewhere, (route) => {
      asked.push(route.request().url());
      return route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' });
    });
    await ada.context.route(elsewhere, (route) => route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }));
    const [a, b] = [await ada.open(), await bob.open()];
    await meet(a, b);
    await phase(b, 'between');
    assert.deepEqual(asked, remote ? [elsewhere] : []);
    assert.equal(await b.isVisible('#other img'), remote);
    await ada.close(remote ? /^left: https:\/\/pictures\.invalid/ : undefined);
    await bob.close(remote ? /^left: https:\/\/pictures\.invalid/ : undefined);
    await server.stop();
  }
});

test('a second tab is a second player, a duplicated one takes over', async () => {
  const ada = await device(browser, people, { name: 'Ada' });
  const [a, b] = [await ada.open(), await ada.open()];
  await meet(a, b);
  await phase(a, 'between');
  const copy = await twin(a, people);
  await link(a, 'stopped');
  await says(a, '#status', /another tab or window/);
  await a.click('#play');
  await online(a);
  await link(copy, 'stopped');
  await ada.close();
});

test('a countdown ends with its seconds, with its connection, and with its session', async () => {
  const server = await serve([...SLOWLY, '--game-time', '8s']);
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
  const timers = (page) => page.evaluate(() => window.pending.size);
  const [a, b] = [await ada.open(), await ada.open()];
  await meet(a, b);
  await says(a, '#count', /[1-8]/);
  const copy = await twin(a, server);
  await link(a, 'stopped');
  assert.deepEqual([await text(a, '#count'), await timers(a)], ['', 0]);
  await phase(copy, 'playing');
  await server.stop('SIGKILL');
  await link(b, 'retrying');
  await says(b, '#count', /^0$/);
  assert.ok(await timers(b) <= 1, 'at most the one of the next attempt');
  await ada.close(LOST);
});

test('in Chinese, and for those who want no motion', async () => {
  const ada = await device(browser, robots, { locale: 'zh-TW', reducedMotion: 'reduce' });
  const a = await ada.open();
  await online(a);
  assert.equal(await a.getAttribute('html', 'lang'), 'zh-CN');
  assert.match(await text(a, '#profile bdi'), /^玩家 \d\d$/);
  await a.click('#play');
  await phase(a, 'playing');
  await says(a, '#status', /出手/);
  assert.equal(await turned(a), 'still');
  const blinks = await a.evaluate(
    () => getComputedStyle(document.querySelector('#other .name')).animationName,
  );
  assert.equal(blinks, 'pulse', 'that the other one chooses is seen all the same');
  await phase(a, 'between');
  await says(a, '#outcome', /赢|输|平/);
  await ada.close();
});

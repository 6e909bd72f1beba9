// The page in Firefox and in WebKit: the same scenarios in both, each with two players.
//
// A driver only opens an address, runs a function in the page and taps a point; what a browser refuses
// and when the network is gone is up to what stands in front of the server.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { quietPort, serve, stopAll } from '../server.mjs';
import { firefox } from './engines/firefox.mjs';
import { front } from './engines/front.mjs';
import { Player } from './engines/player.mjs';
import { webkit } from './engines/webkit.mjs';

const FLAGS = ['--robot-after', '1m', '--rematch-wait', '1m', '--game-time', '10s', '--drain-timeout', '30s',
  '--drain-spread', '0'];

after(stopAll);

/** Each plays a hand, and both see how it ends. */
async function round(a, b, mine, theirs) {
  await a.click(`#hands button[value="${mine}"]`);
  await b.click(`#hands button[value="${theirs}"]`);
  await Promise.all([a, b].map((each) => each.is({ moment: 'points' })));
}
/** Two friends see each other in a room, and each says that the round may begin. */
async function together(...players) {
  for (const each of players) await each.says(/is here\. Ready\?/);
  for (const each of players) await each.click('#hands button[value="1"]');
  await playing(...players);
}
const playing = (...players) => Promise.all(players.map((each) => each.is({ phase: 'playing' })));

/** What is played one after the other, by two players whose pages are fresh or where they were left. */
const SCENARIOS = {
  async 'two players meet, and play again'(a, b, { url }) {
    await Promise.all([a, b].map((each) => each.open(url)));
    // A hand is the start button.
    for (const each of [a, b]) await each.click('#hands button[value="2"]');
    await playing(a, b);
    await round(a, b, 2, 1);
    assert.match(await a.text('#outcome'), /You win! Rock beats Scissors/);
    assert.match(await b.text('#outcome'), /You lose/);
    assert.deepEqual([await a.text('#me .score b'), await b.text('#me .score b')], ['1', '0']);
    await a.click('#hands button[value="3"]');
    await b.says(/wants to play again/);
    await b.click('#hands button[value="2"]');
    await playing(a, b);
    await Promise.all([a, b].map((each) => each.is({ moment: 'points' })));
    assert.match(await a.text('#outcome'), /You win! Paper beats Rock/, 'both hands were kept');
  },

  async 'a friend comes by link, and taps of habit end nothing'(a, b, { url }) {
    await a.click('#menu');
    await a.click('#leave');
    await a.says(/You left/);
    await a.there('#undo[hidden]');
    await b.says(/has left/);
    await a.click('#friend');
    await a.click('#invite');
    await a.there('#room:not([hidden]) #qr path[d]');
    const code = await a.text('#room strong');
    assert.match(code, /^[2-9A-Z]{6}$/);
    await b.open(`${url}?room=${code}`);
    await together(a, b);
    await round(a, b, 1, 3);
    for (const place of ['#hands button[value="1"]', '#hands button[value="2"]', '#hands button[value="3"]',
      '#faces button', '#more', '#menu']) {
      await a.tapTwice(place);
      assert.equal(await a.text('#room strong'), code, place);
      await a.escape();
    }
    await b.says(/wants to play again/);
    await b.tapTwice('#hands button[value="2"]');
    await playing(a, b);
    // In the round, at once and without looking.
    await b.tapTwice('#hands button[value="2"]');
    await b.tapTwice('#more');
    await b.escape();
    await Promise.all([a, b].map((each) => each.is({ moment: 'points' })));
    assert.match(await b.text('#outcome'), /You lose/, 'paper beats rock: nobody gave anything up');
    return { code };
  },

  async 'a reload within a round'(a, b, { url }, { code }) {
    await b.forget();
    // The hand is kept for the round, and shown as it begins.
    await a.click('#hands button[value="2"]');
    await b.click('#hands button[value="1"]');
    await playing(a, b);
    await b.says(/(has|Both have) picked/);
    await a.open(`${url}?room=${code}`);
    await a.is({ phase: 'playing' });
    await a.there('#hands button[value="2"][aria-pressed=true]');
    await Promise.all([a, b].map((each) => each.is({ moment: 'points' })));
    assert.match(await a.text('#outcome'), /You win! Rock beats Scissors/);
    return { code };
  },

  async 'the clock is set back within a round'(a, b, way, { code }) {
    for (const each of [a, b]) await each.click('#hands button[value="1"]');
    await playing(a, b);
    await a.run(() => {
      const { now } = Date;
      Date.now = () => now() - 3600000;
    });
    await round(a, b, 3, 2);
    assert.match(await a.text('#outcome'), /You win! Paper beats Rock/);
    return { code };
  },

  async 'the network is gone, and back'(a, b, { front: way }, { code }) {
    way.silence(true);
    for (const each of [a, b]) await each.run(() => dispatchEvent(new Event('offline')));
    for (const each of [a, b]) await each.says(/Reconnecting/);
    way.silence(false);
    for (const each of [a, b]) await each.run(() => dispatchEvent(new Event('online')));
    for (const each of [a, b]) await each.is({ link: 'online' });
    assert.equal(await a.text('#room strong'), code);
    return { code };
  },

  async 'the server restarts'(a, b, way, { code }) {
    await way.restart(async () => {
      for (const each of [a, b]) await each.says(/restarting/);
    });
    for (const each of [a, b]) await each.is({ link: 'online' });
    assert.equal(await a.text('#room strong'), code);
    for (const each of [a, b]) await each.click('#hands button[value="2"]');
    await playing(a, b);
    await Promise.all([a, b].map((each) => each.is({ moment: 'points' })));
  },

  async 'what a browser refuses stops no round'(a, b, { url, front: way }) {
    way.before(() => {
      const refuse = () => { throw new DOMException('not allowed', 'SecurityError'); };
      history.replaceState = refuse;
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: refuse });
      Object.defineProperty(navigator, 'clipboard', { value: { writeText: refuse } });
      Object.defineProperty(navigator, 'share', { value: () => Promise.reject(new Error('no')) });
      document.execCommand = refuse;
      window.AudioContext = window.webkitAudioContext = class {
        constructor() { refuse(); }
      };
      delete Element.prototype.animate;
      window.matchMedia = refuse;
    });
    await a.open(url);
    way.before('');
    await a.is({ phase: 'free', link: 'online' });
    await a.click('#friend');
    await a.click('#invite');
    await a.there('#room:not([hidden])');
    const code = await a.text('#room strong');
    await a.click('#copy');
    await a.there('#copy', /Copy it by hand/);
    await b.open(`${url}?room=${code}`);
    await together(a, b);
    await round(a, b, 2, 1);
    assert.match(await a.text('#outcome'), /You win/);
  },

  async 'against a robot'(a, b, { robots }) {
    await a.open(robots);
    await a.click('#hands button[value="2"]');
    await a.is({ phase: 'playing' });
    assert.match(await a.text('#other .name'), /robot/);
    await a.is({ moment: 'points' });
    assert.match(await a.text('#outcome'), /You (win|lose)|Draw/);
  },
};

/** A server behind something that can fall silent, which can restart. */
async function table() {
  const flags = [...FLAGS, '--store', join(mkdtempSync(join(tmpdir(), 'roshambo-')), 'roshambo.db')];
  const port = await quietPort();
  let server = await serve(flags, port);
  const others = await serve([...FLAGS, '--robot-after', '0']);
  const way = await front(port);
  return {
    url: way.url,
    front: way,
    robots: others.url,
    async restart(meanwhile) {
      await server.stop();
      await meanwhile();
      server = await serve(flags, port);
    },
    async close() {
      way.close();
      await Promise.all([server, others].map((each) => each.stop('SIGKILL')));
    },
  };
}

describe('engines', { concurrency: 2 }, () => {
  for (const [name, start] of [['Firefox', firefox], ['WebKit', webkit]]) {
    test(name, async (t) => {
      const [engine, way] = await Promise.all([start(), table()]);
      try {
        const [a, b] = (await Promise.all([engine.player(), engine.player()])).map((each) => new Player(each));
        let left = {};
        for (const [what, play] of Object.entries(SCENARIOS)) {
          const begun = Date.now();
          left = await play(a, b, way, left).catch((error) => {
            throw Object.assign(error, { message: `${what}: ${error.message}` });
          }) || {};
          t.diagnostic(`${name}: ${what}, ${Date.now() - begun} ms`);
        }
        await Promise.all([a.close(), b.close()]);
      } finally {
        await engine.close();
        await way.close();
      }
    });
  }
});

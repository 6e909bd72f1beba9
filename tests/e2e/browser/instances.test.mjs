// Two browsers at two servers that share a Redis, behind nginx with the site that is shipped: a friend's
// link leads from one server to the other, and when that one is killed both go on with their points.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cluster } from '../clients/lib/cluster.mjs';
import { Scene } from '../clients/lib/scene.mjs';
import { LOST, device, duel, invite, judged, launch, online, says, text, GREETED } from './lib.mjs';

let browser;
const scene = new Scene();
before(async () => {
  browser = await launch();
});
after(async () => {
  await scene.close();
  await browser.close();
});

test('two browsers at two servers meet through a link, and go on with their points when one server dies', async () => {
  const cluster = await Cluster.start(scene, ['--robot-after', '0', '--game-time', '6s']);
  const front = { url: `http://127.0.0.2:${cluster.front.plainPort}` };
  const [ada, bob] = [await device(browser, front, { name: 'Ada' }), await device(browser, front, { name: 'Bob' })];
  const are = (letter, what, count) => cluster.reaches(letter, `${count} ${what}`, (status) => status[what] === count);
  const a = await ada.open();
  const code = await invite(a);
  assert.match(code, /^A/, 'newcomers come to the first one');

  // He played at the other one before.
  await bob.context.addInitScript(() => {
    if (location.protocol === 'http:' && !sessionStorage.length) {
      sessionStorage.setItem('roshambo.session', `b.${'x'.repeat(22)}`);
    }
  });
  const b = await bob.open();
  await online(b);
  await are('b', 'open', 1);
  const asked = [];
  b.on('websocket', (socket) => asked.push(new URL(socket.url()).search));
  await b.goto(a.url());
  for (const page of [a, b]) await says(page, '#status', GREETED);
  assert.deepEqual(asked, ['?i=a'], 'the link leads to her');
  await are('b', 'open', 0);

  await duel(a, '2', b, '1');
  for (const page of [a, b]) await judged(page);
  const scores = async () => [await text(a, '#me .score b'), await text(b, '#me .score b')];
  assert.deepEqual(await scores(), ['1', '0']);
  await cluster.settled();
  const at = Date.now();
  await cluster.kill('a');
  await are('b', 'open', 2);
  for (const page of [a, b]) await online(page);
  console.log(`both were back ${Date.now() - at} ms after the kill`);
  // Their room is there as soon as the server that had it is known to be dead.
  await are('b', 'rooms', 1);
  await duel(a, '2', b, '1');
  for (const page of [a, b]) await judged(page);
  // Two more, because it is her second win in a row.
  assert.deepEqual(await scores(), ['3', '0']);
  for (const each of [ada, bob]) await each.close(LOST);
});

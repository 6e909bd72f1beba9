// The cloud function that signs players in, against a stand-in of WeChat's `code2Session`.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';

const { main } = createRequire(import.meta.url)('../../../src/client/signin/index.js');

const SETTINGS = {
  APPID: 'wx1', SECRET: 'the secret', KEY: 'k'.repeat(32), NAMES: 'n'.repeat(32),
};
const asked = [];
const wechat = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  asked.push([pathname, Object.fromEntries(searchParams)]);
  const code = searchParams.get('js_code');
  if (code === 'hangs up') return request.socket.destroy();
  const known = { openid: `o-${code}`, session_key: 'the session key' };
  const answer = { good: known, other: known, odd: { openid: 7 } }[code];
  return response.end(code === 'garbled' ? '<html>' : JSON.stringify(answer || { errcode: 40029 }));
});
await new Promise((listens) => wechat.listen(0, '127.0.0.1', listens));
after(() => wechat.close());
const CODE2SESSION = `http://127.0.0.1:${wechat.address().port}/sns/jscode2session`;

async function call(code, settings = {}) {
  const before = { ...process.env };
  Object.assign(process.env, SETTINGS, { CODE2SESSION }, settings);
  try {
    return await main({ code });
  } finally {
    process.env = before;
  }
}
const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

test('a good code becomes a token that the key signs and nobody learns anything from', async () => {
  const { token, ...rest } = await call('good', { AUDIENCE: 'me' });
  assert.deepEqual(rest, {});
  assert.deepEqual(asked.at(-1), ['/sns/jscode2session', {
    appid: 'wx1', secret: 'the secret', js_code: 'good', grant_type: 'authorization_code',
  }]);
  const [header, claims, signature] = token.split('.');
  const signed = createHmac('sha256', SETTINGS.KEY).update(`${header}.${claims}`);
  assert.equal(signature, signed.digest('base64url'));
  assert.equal(read(header).alg, 'HS256');
  const { sub, iat, exp, aud, ...more } = read(claims);
  assert.deepEqual([aud, more], ['me', {}]);
  assert.equal(exp - iat, 7200);
  assert.ok(Math.abs(Date.now() / 1000 - iat) < 60);
  assert.ok(sub.length <= 64 && !sub.includes('good'), sub);
  // The same player by another code, and another player; one key may change, the names stay.
  const again = read((await call('good', { KEY: 'x'.repeat(32) })).token.split('.')[1]);
  assert.deepEqual([again.sub, again.aud], [sub, undefined]);
  assert.notEqual(read((await call('other')).token.split('.')[1]).sub, sub);
});

test('a code that WeChat does not know, or an answer that is none, is no token', async () => {
  for (const code of ['bad', 'odd', 'garbled', 'hangs up', undefined, { toString: 7 }.x]) {
    const answer = await call(code);
    assert.deepEqual(Object.keys(answer), ['error'], JSON.stringify(answer));
    assert.ok(!JSON.stringify(answer).includes('the secret'));
  }
  for (const setting of ['APPID', 'SECRET', 'KEY', 'NAMES']) {
    const { error } = await call('good', { [setting]: '' });
    assert.match(error, /are needed/);
  }
});

/** The mini program's half, on a phone of this test's own. */
async function phone(wx, signIn = 'signin') {
  const path = new URL('../../../src/client/miniprogram/lib/signed.js', import.meta.url);
  const config = `const signIn = ${JSON.stringify(signIn)}; const cloudEnv = 'env-1';`;
  const text = readFileSync(path, 'utf8').replace(/^import .* from '..\/config.js';$/m, config);
  globalThis.wx = wx;
  // Each has a module of its own.
  return import(`data:text/javascript,${encodeURIComponent(`${text}// ${Math.random()}`)}`);
}

test('the mini program asks once before it connects, and waits no longer than three seconds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1e12 });
  t.mock.method(console, 'warn', () => {});
  const steps = [];
  let answer;
  const wx = {
    cloud: {
      init: ({ env }) => steps.push(`init ${env}`),
      callFunction: (call) => {
        steps.push(`${call.name} ${call.data.code}`);
        answer = call;
      },
    },
    login: ({ success }) => success({ code: `code${steps.length}` }),
  };
  let went = 0;
  const go = () => {
    went += 1;
  };
  const good = await phone(wx);
  good.ask(go);
  assert.deepEqual([steps.splice(0), went, good.signed()], [['init env-1', 'signin code1'], 0, '']);
  answer.success({ result: { token: 'a.b.c' } });
  t.mock.timers.tick(3000);
  assert.deepEqual([went, good.signed()], [1, 'a.b.c']);
  // An old one is renewed behind the back of whoever comes next.
  t.mock.timers.tick(30 * 60 * 1000);
  assert.deepEqual([good.signed(), steps.splice(0).length], ['a.b.c', 2]);
  assert.deepEqual([good.signed(), steps.length], ['a.b.c', 0]);
  answer.success({ result: { token: 'd.e.f' } });
  assert.deepEqual([good.signed(), went], ['d.e.f', 1]);
  // Late, refused, broken, and without a cloud: one plays all the same.
  const late = await phone(wx);
  late.ask(go);
  t.mock.timers.tick(2999);
  assert.equal(went, 1);
  t.mock.timers.tick(1);
  assert.equal(went, 2);
  answer.success({ result: { token: 'late' } });
  assert.deepEqual([went, late.signed()], [2, 'late']);
  for (const end of [
    (call) => call.success({ result: { error: 'no' } }), (call) => call.success({}), (call) => call.fail({}),
  ]) {
    const refused = await phone(wx);
    refused.ask(go);
    const before = went;
    end(answer);
    assert.deepEqual([went, refused.signed()], [before + 1, '']);
  }
  const off = await phone({ ...wx, login: ({ fail }) => fail({}) });
  off.ask(go);
  const without = await phone({});
  without.ask(go);
  const unnamed = await phone(wx, '');
  steps.length = 0;
  unnamed.ask(go);
  assert.deepEqual([went, unnamed.signed(), steps], [8, '', []]);
});

// A cloud function: the code of `wx.login` in, a signed token for roshambo out.
//
// Set these in its environment; none of them, nor the openid, nor the session key, may ever reach a
// client: whoever has KEY or SECRET can be anybody.
//
// APPID, SECRET  of your mini program
// KEY            a line of the server's --token-key
// NAMES          names your players: 32 random characters or more, never to be changed
// AUDIENCE       the server's --token-audience, if it has one

const { createHmac } = require('crypto');

const WECHAT = 'https://api.weixin.qq.com/sns/jscode2session';
const TTL_S = 2 * 3600;

const hmac = (key, text) => createHmac('sha256', key).update(text).digest('base64url');
const part = (claims) => Buffer.from(JSON.stringify(claims)).toString('base64url');

function sign(claims, key) {
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${body}.${hmac(key, body)}`;
}

const ask = (url) => new Promise((told, failed) => {
  const { get } = require(url.startsWith('https:') ? 'https' : 'http');
  get(url, { timeout: 5000 }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (more) => { text += more; });
    answer.on('end', () => { try { told(JSON.parse(text)); } catch (error) { failed(error); } });
  }).on('timeout', function late() { this.destroy(new Error('too late')); }).on('error', failed);
});

exports.main = async ({ code }) => {
  const {
    APPID, SECRET, KEY, NAMES, AUDIENCE, CODE2SESSION = WECHAT,
  } = process.env;
  if (!APPID || !SECRET || !KEY || !NAMES) return { error: 'APPID, SECRET, KEY and NAMES are needed' };
  const query = new URLSearchParams({
    appid: APPID, secret: SECRET, js_code: String(code), grant_type: 'authorization_code',
  });
  const { openid, errcode } = await ask(`${CODE2SESSION}?${query}`).catch(() => ({}));
  if (typeof openid !== 'string' || !openid) return { error: `WeChat knows no such code: ${errcode}` };
  const now = Math.floor(Date.now() / 1000);
  // Tokens can be read by whoever has them: the openid is not in there, but what only NAMES makes of it.
  const claims = { sub: hmac(NAMES, openid), iat: now, exp: now + TTL_S };
  if (AUDIENCE) claims.aud = AUDIENCE;
  return { token: sign(claims, KEY) };
};

// Tokens that other libraries make, for tests/tokens/made.json, which src/identity/tests.rs reads.
//
//     npm install --no-save jsonwebtoken@9.0.3 jose@5.10.0; pip install PyJWT==2.15.1
//     node tests/tokens/make.mjs > tests/tokens/made.json
//
// Run it where these are installed (NODE_PATH and PYTHON may say where). Absent: what is made of it.

import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.cwd()}/x.js`);
const KEY = 'a key of at least 32 bytes, 剪刀石头布';
const AUD = 'roshambo';
const NOW = 1767225600;
const CLAIMS = { sub: 'o-1 剪', name: 'Ann "石头"', avatar: 'builtin:3', iat: NOW, exp: NOW + 3600 };
const made = [];
const add = (by, how, token) => made.push({ by, how, token });

const jsonwebtoken = require('jsonwebtoken');
add('jsonwebtoken 9.0.3', 'plain', jsonwebtoken.sign(CLAIMS, KEY));
add('jsonwebtoken 9.0.3', 'its options', jsonwebtoken.sign({ name: CLAIMS.name, avatar: CLAIMS.avatar, iat: NOW }, KEY, {
  algorithm: 'HS256', subject: CLAIMS.sub, audience: [AUD, 'other'], expiresIn: '1h', notBefore: 0, keyid: '7', jwtid: 'x', issuer: 'me',
}));

const { SignJWT } = await import(pathToFileURL(require.resolve('jose')).href.replace('/node/cjs/index.js', '/node/esm/index.js'));
const secret = new TextEncoder().encode(KEY);
add('jose 5.10.0', 'plain', await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256' }).sign(secret));
add('jose 5.10.0', 'its setters', await new SignJWT({ name: CLAIMS.name, avatar: CLAIMS.avatar })
  .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: '7' }).setSubject(CLAIMS.sub).setAudience(AUD)
  .setIssuedAt(NOW).setNotBefore(NOW).setExpirationTime(NOW + 3600).setIssuer('me').setJti('x').sign(secret));

const python = `
import json, sys, datetime, jwt
claims, key = json.loads(sys.argv[1]), sys.argv[2]
tokens = [jwt.encode(claims, key)]
when = datetime.datetime.fromtimestamp(claims["exp"], datetime.timezone.utc)
more = dict(claims, exp=when, aud="roshambo", iss=None, extra={"a": [1, 2.5, None]})
del more["iss"]
tokens.append(jwt.encode(more, key, algorithm="HS256", headers={"kid": "7"}))
print(json.dumps(tokens))
`;
const tokens = execFileSync(process.env.PYTHON || 'python3', ['-c', python, JSON.stringify(CLAIMS), KEY]);
JSON.parse(tokens).forEach((token, index) => add('PyJWT 2.15.1', ['plain', 'its dates'][index], token));

process.stdout.write(`${JSON.stringify({ key: KEY, now: NOW, audience: AUD, made }, null, 2)}\n`);

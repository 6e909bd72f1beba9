// The page in the oldest browser that it promises to play in: Chromium 69 of 2018, which Qt WebEngine
// 5.12 brings. tests/run.sh oldest installs that beside this file.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serve, stopAll } from '../server.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const SHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url));
/** Without a screen, and as root without a sandbox; nothing but our own page is loaded. */
const QT = { QT_QPA_PLATFORM: 'offscreen', QTWEBENGINE_DISABLE_SANDBOX: '1' };

after(stopAll);

test('a round against a robot, from the first screen to the points', async () => {
  mkdirSync(SHOTS, { recursive: true });
  // Long enough to be looked at in its midst on a busy machine.
  const server = await serve(['--robot-after', '0', '--game-time', '8s']);
  const { stdout } = await promisify(execFile)(
    `${HERE}.venv/bin/python`, [`${HERE}oldest.py`, server.url, `${SHOTS}oldest.png`],
    { env: { ...process.env, ...QT } },
  );
  assert.match(stdout, /You (win|lose)|Draw/);
  await server.stop('SIGKILL');
});

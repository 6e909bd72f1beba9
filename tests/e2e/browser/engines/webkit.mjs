// WebKit, as Debian's WebKitGTK has it: MiniBrowser, by the W3C's WebDriver, on a screen that nobody sees.
//
// One driver has one browser, so each player has a driver of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quietPort } from '../../server.mjs';
import { PATIENCE_MS, PHONE } from '../lib.mjs';

const LOOK_MS = 50;
/** Where Debian puts the browser beside its library, newest first. */
const BROWSER = ['4.1', '4.0', '6.0']
  .map((version) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`).find(existsSync);

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

function start(command, args, options) {
  const child = spawn(command, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function end(child) {
  const gone = once(child, 'exit');
  if (child.kill()) await gone;
}

/** Asks a driver once: its answer's value, or an error. */
async function ask(port, method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method, body: body && JSON.stringify(body),
  });
  const { value } = await answer.json();
  if (value && value.error) throw new Error(`${method} ${path}: ${value.error} ${value.message}`);
  return value;
}

/** Settings of a desktop whose owner wants no motion: drawing it would take all of a small machine. */
function settings() {
  const folder = mkdtempSync(join(tmpdir(), 'roshambo-'));
  mkdirSync(join(folder, 'gtk-3.0'));
  writeFileSync(join(folder, 'gtk-3.0', 'settings.ini'), '[Settings]\ngtk-enable-animations=0\n');
  return folder;
}

/** A driver, once it answers. */
async function drive(screen) {
  const port = await quietPort();
  const child = start('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
    stdio: 'ignore',
    env: {
      ...process.env, DISPLAY: screen, LIBGL_ALWAYS_SOFTWARE: '1', XDG_CONFIG_HOME: settings(),
    },
  });
  for (const end = Date.now() + PATIENCE_MS; ;) {
    const status = await ask(port, 'GET', '/status').catch(() => null);
    if (status && status.ready) return { port, child };
    if (end < Date.now()) throw new Error('the driver does not answer');
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Starts a screen; `player()` is a fresh browser on it. */
export async function webkit() {
  const x = start('Xvfb', ['-displayfd', '3', '-screen', '0', '1024x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [display] = await Promise.race([once(x.stdio[3], 'data'), once(x, 'exit').then(() => {
    throw new Error('Xvfb does not start');
  })]);
  const screen = `:${String(display).trim()}`;
  const players = new Set();
  return {
    async player() {
      const { port, child } = await drive(screen);
      const { sessionId } = await ask(port, 'POST', '/session', {
        capabilities: {
          alwaysMatch: { 'webkitgtk:browserOptions': { binary: BROWSER, args: ['--automation'] } },
        },
      });
      players.add(child);
      const call = (method, path, body) => ask(port, method, `/session/${sessionId}${path}`, body);
      await call('POST', '/timeouts', { pageLoad: PATIENCE_MS, script: PATIENCE_MS });
      await call('POST', '/window/rect', { x: 0, y: 0, ...PHONE }).catch(() => {});
      return {
        open: (url) => call('POST', '/url', { url }),
        run: (script, ...args) => call('POST', '/execute/sync', {
          script: `return (${script})(...arguments)`, args,
        }),
        tap: (x, y) => call('POST', '/actions', {
          actions: [{
            type: 'pointer',
            id: 'finger',
            parameters: { pointerType: 'mouse' },
            actions: [
              { type: 'pointerMove', duration: 0, x: Math.round(x), y: Math.round(y), origin: 'viewport' },
              { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 },
            ],
          }],
        }),
        async close() {
          await call('DELETE', '').catch(() => {});
          await end(child);
          players.delete(child);
        },
      };
    },
    close: () => Promise.all([...players, x].map(end)),
  };
}

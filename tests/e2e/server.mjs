// Starts and stops the real server for the end-to-end tests.
//
// Absent: any waiting by time: the server says when it listens.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The binary under test; the test command names the one that it built. */
export const BINARY = process.env.ROSHAMBO_BIN
  || fileURLToPath(new URL('../../target/debug/roshambo', import.meta.url));

const running = new Set();

/** Ends what a failed test left behind, which would keep the test process alive. */
export function stopAll() {
  running.forEach((child) => child.kill('SIGKILL'));
}

// However this process ends; a signal alone would leave the servers behind.
process.on('exit', stopAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
// `node --test` that is told to end says nothing to the processes of its files: they look for it.
if (process.env.NODE_TEST_CONTEXT) {
  const runner = process.ppid;
  setInterval(() => process.ppid === runner || process.exit(1), 500).unref();
}

/** A free port below those that a system gives out by itself: nobody takes it while its server is gone. */
export async function quietPort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000);
    const server = createServer();
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (free) return new Promise((resolve) => server.close(() => resolve(port)));
  }
}

/** Runs the server with these flags and returns it once it listens. */
export async function serve(flags = [], port = 0) {
  const child = spawn(BINARY, ['--listen', `127.0.0.1:${port}`, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ROSHAMBO_STORE: 'memory' },
  });
  running.add(child);
  const gone = once(child, 'exit').finally(() => running.delete(child));
  const log = [];
  const listening = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        const address = /listening on 127\.0\.0\.1:(\d+)/.exec(line);
        if (address) resolve(Number(address[1]));
      });
    }
    child.on('error', reject);
    gone.then(() => reject(new Error(`the server ended at once:\n${log.join('\n')}`)), reject);
  });
  const own = await listening;
  return {
    port: own,
    url: `http://127.0.0.1:${own}/`,
    log,
    /** Ends it; SIGTERM lets it say goodbye. */
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await gone;
    },
  };
}

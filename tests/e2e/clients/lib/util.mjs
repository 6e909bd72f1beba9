// Waiting, and comparing bytes. Nothing about the game.

/** How long anything may take before it counts as missing: a busy machine is no failure. */
export const PATIENCE_MS = Number(process.env.ROSHAMBO_PATIENCE_MS ?? 60_000);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A promise that fails after PATIENCE_MS with what was waited for. */
export function within(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until `done()` is true, looking again and again: for counters that nobody announces. */
export async function until(done, what, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  while (!done()) {
    if (end < Date.now()) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** The same JSON text: key order counts. */
export function same(found, want, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: got ${a}, wanted ${b}`);
}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

/** Things that come one by one to somebody who waits for them. */
export class Inbox {
  items = [];
  /** The names of the last that came, with the time, for whoever waited in vain. */
  came = [];
  #waiting = [];

  push(item) {
    this.items.push(item);
    this.came = [...this.came.slice(-9), `${new Date().toISOString().slice(17)} ${item.name ?? JSON.stringify(item)}`];
    this.#waiting.shift()?.();
  }

  async next(what, ms = PATIENCE_MS) {
    if (this.items.length === 0) {
      await within(new Promise((resolve) => this.#waiting.push(resolve)), what, ms);
    }
    return this.items.shift();
  }

  /** The first one that is wanted, wherever it stands. */
  async pick(isWanted, what) {
    const found = () => this.items.findIndex(isWanted);
    await until(() => 0 <= found(), what).catch((error) => {
      throw new Error(`${error.message}; there is ${JSON.stringify(this.items)}`);
    });
    return this.items.splice(found(), 1)[0];
  }
}

/** Runs tasks, at most `limit` at a time. */
export async function pool(limit, tasks) {
  const queue = [...tasks];
  const worker = async () => {
    for (let task = queue.shift(); task; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

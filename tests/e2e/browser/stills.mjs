// Stills of a page: the elements that it shows at a moment, without script or connection, so that they
// can be drawn at every size and in every colour while the game itself goes on.

import { device } from './lib.mjs';

/** As the page was when it was in this state: `main` has these data, `says` matches its status, and
 * `selector` is there. Looked at and taken at once: some states last no longer than a look. */
export async function take(page, { selector = 'main', says = '', ...data } = {}) {
  const taken = await page.waitForFunction(([there, status, wanted]) => {
    const main = document.querySelector('main');
    const is = Object.entries(wanted).every(([name, values]) => values.includes(main.dataset[name]));
    const heard = new RegExp(status).test(document.querySelector('#status').textContent);
    if (!is || !heard || !document.querySelector(there)) return '';
    const copy = document.documentElement.cloneNode(true);
    // What is typed and chosen is no part of the markup.
    const inputs = copy.querySelectorAll('input');
    document.querySelectorAll('input').forEach(({ value, checked }, index) => {
      inputs[index].setAttribute('value', value);
      inputs[index].toggleAttribute('checked', checked);
    });
    copy.querySelectorAll('script, link[rel=modulepreload]').forEach((each) => each.remove());
    return `<!doctype html>${copy.outerHTML}`;
  }, [selector, says, data]);
  return taken.jsonValue();
}

/** A page that shows stills, one after the other; `insets` are the edges that the system keeps for
 * itself, in px. */
export async function mirror(browser, server, insets) {
  const own = await device(browser, server, { reducedMotion: 'no-preference' });
  let html = '';
  await own.context.route(`${server.url}still`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  if (insets) {
    await own.context.route(/\.css$/, async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text())
        .replace(/env\(safe-area-inset-(\w+)\)/g, (_, side) => `${insets[side] || 0}px`);
      return route.fulfill({ response: answer, body });
    });
  }
  const page = await own.context.newPage();
  return {
    page,
    async show(still) {
      html = still;
      await page.goto(`${server.url}still`);
    },
    /** In a window of this size and these colours. What moves has come to where it stays. */
    async at({ width, height }, colorScheme = 'light') {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.evaluate(async () => {
        await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
        for (const one of document.getAnimations()) {
          const { duration, endTime } = one.effect.getComputedTiming();
          if (endTime === Infinity) one.cancel();
          // The clock of a round stands somewhere in its midst.
          else if (one.animationName === 'round') [one.currentTime] = [duration * 0.4, one.pause()];
          else one.finish();
        }
      });
    },
    close: () => own.close(),
  };
}

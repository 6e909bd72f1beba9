// Makes the picture of the card that is sent to a friend, from the mini program's own drawings:
//
//   (cd tests/e2e/browser && npm ci) && node tests/e2e/miniprogram/card.mjs
//
// The platform shows it 5:4 and takes no SVG; pngquant (Debian's package of that name) makes it small.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from '../browser/lib.mjs';

const ROOT = fileURLToPath(new URL('../../../src/client/miniprogram/', import.meta.url));
const drawing = (name) => `data:image/svg+xml;base64,${readFileSync(`${ROOT}drawings/${name}.svg`).toString('base64')}`;

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 500, height: 400 } });
await page.setContent(`<style>
  body { margin: 0; height: 400px; position: relative; overflow: hidden; background: #fbe3c1; }
  .half { position: absolute; inset: 0; background: #dcebe3; clip-path: polygon(0 0, 100% 0, 100% 42%, 0 60%); }
  .seam { position: absolute; inset: 0; background: #fffdf8; clip-path: polygon(0 60%, 100% 42%, 100% 43.5%, 0 61.5%); }
  .arm { position: absolute; width: 250px; height: 480px; }
  .arm img { position: relative; z-index: 1; display: block; width: 250px; height: 250px; }
  .arm i { display: block; width: 86px; height: 260px; margin: -36px auto 0; border: 4px solid #3a2d2b; border-top-width: 14px; border-radius: 12px; background: #c6412b; box-sizing: border-box; }
  .mine { left: 78px; top: 132px; transform: rotate(12deg); }
  .theirs { right: 66px; bottom: 150px; transform: rotate(192deg); }
  .theirs i { background: #3f7f68; }
</style><div class="half"></div><div class="seam"></div>
<div class="arm theirs"><img src="${drawing('hand3')}"><i></i></div>
<div class="arm mine"><img src="${drawing('hand1')}"><i></i></div>`);
const picture = execFileSync('pngquant', ['--strip', '64', '-'], { input: await page.screenshot() });
writeFileSync(`${ROOT}share.png`, picture);
console.log(`share.png: ${picture.length} bytes`);
await browser.close();

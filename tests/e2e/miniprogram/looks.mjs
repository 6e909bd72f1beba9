// A page of the mini program as HTML: what its WXML shows now, under its WXSS, for a browser to draw.
//
// Near enough to see and to measure: the tags become elements of their own name, with the sizes that
// the platform gives to images, buttons and inputs; rpx become parts of the width.

import { readFileSync } from 'node:fs';
import { ROOT } from './phone.mjs';

const read = (path) => readFileSync(ROOT + path, 'utf8');
const TAGS = 'scroll-view|view|text|image|button|input|page';

/** The heights that the system's own bars take of a screen of these sizes, and what is left. */
export const SCREENS = [
  { name: '320x568', width: 320, height: 504, bottom: 0 },
  { name: '360x640', width: 360, height: 552, bottom: 0 },
  { name: '375x667', width: 375, height: 603, bottom: 0 },
  { name: '390x844', width: 390, height: 753, bottom: 34 },
];

/** What the platform itself says about its elements. */
const PLATFORM = `
  html, body { margin: 0; height: 100%; }
  wx-page { display: block; position: relative; min-height: 100%; font-family: sans-serif; }
  wx-view { display: block; }
  wx-scroll-view { display: block; overflow: hidden auto; }
  wx-text { display: inline; }
  wx-image { display: inline-block; width: 320px; height: 240px; overflow: hidden; background-position: center; background-repeat: no-repeat; }
  wx-button { display: block; position: relative; margin: 0 auto; padding: 8px 24px; width: 184px; border-radius: 4px; font-size: 17px; font-weight: 700; line-height: 1.41; text-align: center; box-sizing: border-box; overflow: hidden; background: #f2f2f2; }
  wx-input { display: block; height: 1.4rem; min-height: 1.4rem; overflow: hidden; line-height: 92rpx; }
`;

const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function styles(css, { width, bottom }) {
  return css
    .replace(/([\d.]+)rpx/g, (_, number) => `${(number * width) / 750}px`)
    .replace(/env\(safe-area-inset-(\w+)\)/g, (_, side) => `${side === 'bottom' ? bottom : 0}px`)
    .replace(/\/\*.*?\*\//gs, '')
    // Only in selectors: what stands before a brace.
    .replace(/[^{}]+(?=\{)/g, (selector) => (selector.includes('@') ? selector
      : selector.replace(new RegExp(`(^|[\\s,>])(${TAGS})(?=[\\s.,:>{]|$)`, 'g'), '$1wx-$2')));
}

function markup(nodes, files) {
  return nodes.map((node) => {
    if (!node.tag) return escape(node.text);
    const { src, mode, class: names = '', value, placeholder, ...others } = node.attributes;
    const aria = ['aria-role', 'aria-label'].filter((name) => others[name])
      .map((name) => ` data-${name}="${escape(others[name])}"`).join('');
    // The veil around a card listens, too, and is no button.
    const taps = node.tag === 'button' || (node.handlers.tap && others['aria-role']);
    const tap = taps ? ' data-tap' : '';
    const picture = src ? ` style="background-image: url(&quot;${files(src)}&quot;); background-size: ${
      mode === 'aspectFill' ? 'cover' : mode === 'aspectFit' ? 'contain' : '100% 100%'}"` : '';
    const text = node.tag === 'input' ? escape(value || placeholder || '') : markup(node.children, files);
    return `<wx-${node.tag} class="${escape(names)}"${aria}${tap}${picture}>${text}</wx-${node.tag}>`;
  }).join('');
}

/** The page that a phone shows now, as a document. */
export function html(phone, screen) {
  const css = styles(PLATFORM + read('app.wxss') + read(`${phone.page.route}.wxss`), screen);
  const files = (src) => {
    if (!src.startsWith('/')) return '';
    const type = src.endsWith('.svg') ? 'image/svg+xml' : 'image/png';
    return `data:${type};base64,${readFileSync(ROOT + src.slice(1)).toString('base64')}`;
  };
  return `<!doctype html><meta charset="utf-8"><style>${css}</style><wx-page>${
    markup(phone.tree(), files)}</wx-page>`;
}

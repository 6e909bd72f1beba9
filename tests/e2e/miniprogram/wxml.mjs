// Renders and audits WXML: enough of the language for this mini program, and nothing more.
//
// Absent: styles and layout, and everything that a page does not use. An unknown tag, attribute,
// name or handler is an error, which is the point: WeChat's tools would show nothing, silently.
//
// Not by miniprogram-simulate (1.6.2, with j-component): it renders custom components, no pages,
// leaves out what stands in a <template> (both sides of the table), and a binding or a handler that
// does not exist is as silent there; all that with 95 packages, 51 MB and closed binaries.

import { parseDocument } from 'htmlparser2';

/** The tags in use, and the attributes that they know beside the common ones. */
const TAGS = {
  block: [],
  button: ['open-type', 'disabled', 'bind:chooseavatar'],
  image: ['src', 'mode', 'binderror'],
  input: ['type', 'value', 'maxlength', 'placeholder', 'bindinput', 'bindblur', 'bindconfirm',
    'bindnicknamereview'],
  'scroll-view': ['scroll-y'],
  template: ['name', 'is', 'data'],
  text: ['user-select'],
  view: ['catchtap', 'hover-class'],
};
const COMMON = /^(class|bindtap|aria-(role|label|checked|disabled|hidden)|data-[a-z-]+|wx:(if|elif|else|for|key))$/;
const EVENT = /^(?:bind|catch):?(\w+)$/;

export function parse(source) {
  const roots = parseDocument(source, { xmlMode: true }).children;
  const templates = new Map();
  for (const node of roots) {
    if (node.name === 'template' && node.attribs.name) templates.set(node.attribs.name, node);
  }
  return { roots, templates };
}

/** An object that throws when asked for what it has not. */
function strict(value, where) {
  if (value === null || typeof value !== 'object') return value;
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol' || key in target) return strict(target[key], `${where}.${key}`);
      throw new Error(`${where} has no ${key}`);
    },
  });
}

/** The value of a text with {{…}}: of one expression alone its own type, else a string. */
function evaluate(text, scope) {
  const run = (expression, wrap) => {
    const names = new Proxy(scope, {
      has: (_, key) => typeof key === 'string',
      get(target, key) {
        if (key === Symbol.unscopables) return undefined;
        if (Object.hasOwn(target, key)) return strict(target[key], key);
        throw new Error(`there is no ${String(key)} in the page's data: {{${expression}}}`);
      },
    });
    return new Function('names', `with (names) { return ${wrap(expression)} }`)(names);
  };
  const alone = /^\{\{((?:(?!\}\}).)*)\}\}$/s.exec(text);
  if (alone) return run(alone[1], (expression) => `(${expression})`);
  return text.replace(/\{\{(.*?)\}\}/gs, (_, expression) => run(expression, (it) => `(${it})`));
}

function data(text, scope) {
  const fields = /^\{\{(.*)\}\}$/s.exec(text);
  if (!fields) throw new Error(`template data without braces: ${text}`);
  // The inside of the braces is the inside of an object.
  return evaluate(`{{{${fields[1]}}}}`.replace('{{{', '{{({').replace('}}}', '})}}'), scope);
}

/**
 * Renders nodes into [{ tag, attributes, handlers, children, text }]. With `all`, conditions are
 * evaluated but every branch is taken, so that no binding hides.
 */
export function render({ roots, templates }, scope, methods, all = false) {
  const nodes = (list, within) => {
    const found = [];
    let taken = false;
    for (const node of list) {
      if (node.type === 'text') {
        const text = evaluate(node.data.trim(), within);
        if (text !== '') found.push({ tag: '', text: String(text), children: [] });
        continue;
      }
      if (node.type !== 'tag') continue;
      if (!(node.name in TAGS)) throw new Error(`unknown tag <${node.name}>`);
      const { attribs } = node;
      if ('wx:if' in attribs) taken = Boolean(evaluate(attribs['wx:if'], within));
      else if ('wx:elif' in attribs) taken = !taken && Boolean(evaluate(attribs['wx:elif'], within));
      else taken = 'wx:else' in attribs ? !taken : true;
      if (taken || all) found.push(...repeated(node, within));
    }
    return found;
  };
  const repeated = (node, within) => {
    const list = node.attribs['wx:for'];
    if (list === undefined) return element(node, within);
    const items = evaluate(list, within);
    if (!Array.isArray(items) || (all && !items.length)) throw new Error(`nothing in ${list}`);
    const keys = items.map((item) => item[node.attribs['wx:key']]);
    if (new Set(keys).size !== items.length) throw new Error(`wx:key of ${list} is not unique`);
    return items.flatMap((item, index) => element(node, { ...within, item, index }));
  };
  const element = (node, within) => {
    if (node.name === 'template') {
      if (node.attribs.name) return [];
      const template = templates.get(node.attribs.is);
      if (!template) throw new Error(`there is no template ${node.attribs.is}`);
      return nodes(template.children, { ...data(node.attribs.data, within) });
    }
    const made = { tag: node.name, attributes: {}, handlers: {}, dataset: {}, children: [] };
    for (const [name, value] of Object.entries(node.attribs)) {
      if (!COMMON.test(name) && !TAGS[node.name].includes(name)) {
        throw new Error(`<${node.name}> knows no ${name}`);
      }
      const event = EVENT.exec(name);
      if (event) {
        if (typeof methods[value] !== 'function') throw new Error(`there is no method ${value}`);
        made.handlers[event[1]] = value;
      } else if (name.startsWith('data-')) {
        made.dataset[name.slice(5)] = evaluate(value, within);
      } else if (!name.startsWith('wx:')) {
        made.attributes[name] = evaluate(value, within);
      }
    }
    made.children = nodes(node.children, within);
    return node.name === 'block' ? made.children : [made];
  };
  return nodes(roots, scope);
}

/** All nodes of a rendered tree. */
export const everything = (tree) => tree.flatMap((node) => [node, ...everything(node.children)]);

/** All text of a rendered tree, as it would be read. */
export const textOf = (tree) => everything(tree).map((node) => node.text)
  .filter((text) => text !== undefined).join(' ');

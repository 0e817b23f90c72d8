// JSON shown as a tree of lines, with what a station added or changed marked.

import { el } from './dom.js';

/** Lines of pretty JSON of `value`; what differs from `before` gets the class `new`. */
export function tree(value, before, marked = true) {
  const lines = [];
  walk(value, before, '', '', lines, marked ? before !== undefined : false);
  return el('pre', { class: 'json', tabindex: '0' }, lines.map(([text, fresh]) =>
    fresh ? el('ins', {}, text + '\n') : el('span', {}, text + '\n')));
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function walk(value, before, indent, prefix, lines, compare, tail = '') {
  const fresh = compare && !same(value, before);
  if (value !== null && typeof value === 'object') {
    const list = Array.isArray(value);
    const entries = Object.entries(value);
    const [open, close] = list ? '[]' : '{}';
    if (!entries.length) {
      lines.push([`${indent}${prefix}${open}${close}${tail}`, fresh]);
      return;
    }
    const comparable = before !== null && typeof before === 'object';
    const whole = fresh && !comparable;
    lines.push([`${indent}${prefix}${open}`, whole]);
    entries.forEach(([key, child], index) => {
      const label = list ? '' : `${JSON.stringify(key)}: `;
      walk(child, comparable ? before[key] : undefined, `${indent}  `, label, lines, compare, index < entries.length - 1 ? ',' : '');
    });
    lines.push([`${indent}${close}${tail}`, whole]);
    return;
  }
  lines.push([`${indent}${prefix}${JSON.stringify(value)}${tail}`, fresh]);
}

// Small helpers to build the page. Text is only ever set as text.

/** Makes an element: attributes, `on…` listeners, `class`, `dataset`, then children (nodes or text). */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'class') node.className = value;
    else if (name === 'dataset') Object.assign(node.dataset, value);
    else if (name === 'value') node.value = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  add(node, children);
  return node;
}

/** Appends nodes and text, flattening lists and leaving out what is empty. */
export function add(node, children) {
  for (const child of [children].flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

/** Replaces all that a node holds. */
export function fill(node, ...children) {
  node.replaceChildren();
  return add(node, children);
}

/** A link within the page. */
export function link(href, text, attributes = {}) {
  return el('a', { href, 'data-link': true, ...attributes }, text);
}

/** Where commands find the servers. */
const WHERE = 'In the demo, after `. .local/demo/env`; in containers, in the shell of `docker compose run --rm nats-box` or behind `docker compose run --rm`.';

/** The terminal's way to see the same, with a button to copy it. */
export function command(text, label = 'In a terminal') {
  const code = el('code', { tabindex: '0' }, text);
  const button = el('button', {
    type: 'button', class: 'quiet', 'aria-label': `Copy: ${text}`,
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = 'Selected';
      }
      setTimeout(() => { button.textContent = 'Copy'; }, 1500);
    },
  }, 'Copy');
  const box = el('div', { class: 'command' }, el('span', { class: 'label', title: WHERE }, label), code, button);
  box.set = (next) => { code.textContent = next; button.setAttribute('aria-label', `Copy: ${next}`); };
  return box;
}

/** A short word at the corner of the page. */
export function toast(text, kind = 'good') {
  const note = el('div', { class: `toast ${kind}` }, text);
  document.getElementById('toasts').append(note);
  setTimeout(() => note.remove(), kind === 'bad' ? 9000 : 4000);
}

/** A verdict or category as a coloured chip. */
export function chip(text) {
  return el('span', { class: `chip ${String(text).replace(/[^a-z]/gi, '-')}` }, text);
}

/** The section that every view begins with. */
export function head(title, lead, ...more) {
  return el('div', { class: 'view-head' }, el('div', {}, el('h1', {}, title), el('p', { class: 'lead' }, lead)), ...more);
}

/** What a view shows where there is nothing yet. */
export function empty(text) {
  return el('p', { class: 'empty' }, text);
}

// Start, routes, theme, token.

import { hasToken, post, setToken } from './api.js';
import { el, fill, toast } from './dom.js';
import { live, on, start } from './live.js';
import * as dead from './dead.js';
import * as desk from './desk.js';
import * as journey from './journey.js';
import * as kitchen from './kitchen.js';
import * as line from './line.js';
import * as report from './report.js';
import * as tap from './tap.js';
import * as teach from './teach.js';

const routes = [
  [/^\/$/, line],
  [/^\/messages(?:\/(\d+))?$/, journey],
  [/^\/kitchen$/, kitchen],
  [/^\/desk$/, desk],
  [/^\/report$/, report],
  [/^\/tap$/, tap],
  [/^\/dead-letters$/, dead],
  [/^\/teach$/, teach],
];

const view = document.getElementById('view');
let leaving = new AbortController();

function show(path, focus) {
  leaving.abort();
  leaving = new AbortController();
  const [pattern, module] = routes.find(([pattern]) => pattern.test(path)) ?? routes[0];
  const argument = pattern.exec(path)?.[1];
  for (const anchor of document.querySelectorAll('nav a')) {
    const current = pattern.test(new URL(anchor.href).pathname);
    if (current) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
  view.replaceChildren();
  view.className = module.name ?? '';
  module.render(view, { argument, signal: leaving.signal, go });
  document.title = `${view.querySelector('h1')?.textContent ?? 'The line'} · GreenBite`;
  if (focus) view.focus({ preventScroll: true });
}

/** Goes to a view. */
export function go(path) {
  history.pushState(null, '', path);
  show(location.pathname, true);
  scrollTo(0, 0);
}

document.addEventListener('click', (event) => {
  const anchor = event.target.closest?.('a[data-link]');
  if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(anchor.getAttribute('href'));
});
addEventListener('popstate', () => show(location.pathname, true));

// Theme: the reader's choice, else dark.
const theme = document.getElementById('theme');
function setTheme(name) {
  document.documentElement.dataset.theme = name;
  theme.textContent = name === 'dark' ? 'Light' : 'Dark';
  theme.setAttribute('aria-label', `Change to the ${name === 'dark' ? 'light' : 'dark'} theme`);
  try {
    localStorage.setItem('greenbite-theme', name);
  } catch { /* storage may be closed to us: the choice lasts as long as the page */ }
  dispatchEvent(new Event('themechange'));
}
theme.addEventListener('click', () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
setTheme(new URLSearchParams(location.search).get('theme') ?? localStorage.getItem('greenbite-theme') ?? 'dark');

// Token: asked for once, kept for this tab.
const unlock = document.getElementById('unlock');
function showLock() {
  document.documentElement.dataset.write = hasToken() ? 'yes' : 'no';
  unlock.textContent = hasToken() ? 'Unlocked' : 'Read only';
  unlock.title = hasToken() ? 'This page may change things. Click to lock it.' : 'Enter the token to send, settle, pause and replay.';
}
unlock.addEventListener('click', () => {
  if (hasToken()) {
    setToken('');
    showLock();
    return;
  }
  const input = el('input', { type: 'password', name: 'token', autocomplete: 'off', required: true, 'aria-label': 'Token' });
  const dialog = el('dialog', { 'aria-label': 'Unlock' },
    el('form', {
      method: 'dialog',
      onsubmit: async (event) => {
        if (event.submitter?.value === 'cancel') return;
        event.preventDefault();
        setToken(input.value.trim());
        try {
          await post('/api/unlock');
          dialog.close();
        } catch (error) {
          setToken('');
          toast(error.message, 'bad');
        }
        showLock();
      },
    },
    el('h2', {}, 'Unlock'),
    el('p', {}, 'The dashboard printed a token when it started (or you set one). With it this page may send messages, settle reviews, pause stations and replay dead letters.'),
    input,
    el('div', { class: 'row end' },
      el('button', { value: 'cancel', formnovalidate: true, class: 'quiet' }, 'Cancel'),
      el('button', { value: 'unlock', class: 'primary' }, 'Unlock'))));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
});
showLock();
if (hasToken()) {
  post('/api/unlock').catch((error) => {
    if (error.status === 401 || error.status === 403) {
      setToken('');
      showLock();
    }
  });
}

const connection = document.getElementById('connection');
on('connection', (connected) => {
  connection.textContent = connected ? 'live' : 'reconnecting';
  connection.className = `connection ${connected ? 'up' : 'down'}`;
});

const deadCount = document.getElementById('dead-count');
on('state', (state) => {
  deadCount.hidden = !state.dead_letters.total;
  fill(deadCount, state.dead_letters.total);
});

// Long tasks, for the browser tests that watch how the page copes.
window.greenbite = { live, longTasks: [] };
if (globalThis.PerformanceObserver?.supportedEntryTypes?.includes('longtask')) {
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.greenbite.longTasks.push(entry.duration);
    if (window.greenbite.longTasks.length > 1000) window.greenbite.longTasks.shift();
  }).observe({ type: 'longtask', buffered: true });
}

show(location.pathname, false);
start();

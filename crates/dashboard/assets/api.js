// Requests to the server. What changes something carries the token; without it the page only reads.

import { toast } from './dom.js';
import { reach } from './reach.js';

let token = sessionStorage.getItem('greenbite-token') ?? '';

// The address printed at start carries the token behind '#', where no server ever sees it.
const given = /(?:^#|&)token=([^&]+)/.exec(location.hash);
if (given) {
  setToken(decodeURIComponent(given[1]));
  history.replaceState(null, '', location.pathname + location.search);
}

export function hasToken() {
  return token !== '';
}

/** What is said where somebody who has not unlocked the page wants to change something. */
export const LOCKED = 'This page is read only: unlock it first (top right).';

/** Whether this page may change something; says so where it may not. */
export function mayChange() {
  if (!hasToken()) toast(LOCKED, 'bad');
  return hasToken();
}

export function setToken(next) {
  token = next;
  if (next) sessionStorage.setItem('greenbite-token', next);
  else sessionStorage.removeItem('greenbite-token');
}

async function request(method, path, body) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers.Authorization = `Bearer ${token}`;
  const { response, text } = await reach(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    answer = { error: text };
  }
  if (!response.ok) {
    const failure = new Error(answer?.error ?? `The server answered ${response.status}.`);
    failure.status = response.status;
    throw failure;
  }
  return answer;
}

export const get = (path) => request('GET', path);
export const post = (path, body = {}) => request('POST', path, body);

/** Wraps a refresh so that one runs at a time, and a call that comes meanwhile runs it once more: what it asks for may have changed since it asked. */
export function oneAtATime(refresh) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        await refresh();
      }
    } finally {
      running = false;
    }
  };
}

// The live state: one connection for the whole page, whatever view is open.
//
// `events` arrive in batches with the stream's sequence as their id, so that the browser, when it
// reconnects, names the last one it saw and misses none. `state` comes once a second. `reset` says that
// this page was too slow, or away for too long: it starts over from a fresh snapshot.

import { get } from './api.js';
import { setCurrency } from './format.js';

const KEPT = 400;

export const live = {
  state: null,
  recent: [],
  lastSequence: 0,
  connected: false,
  received: 0,
};

const listeners = { events: new Set(), state: new Set(), connection: new Set() };

/**
 * Listens to `events`, `state` or `connection` until the signal aborts. No events at all, an empty list, mean that
 * the page begins from a snapshot: what a view fetched before may be out of date.
 */
export function on(kind, listener, signal) {
  listeners[kind].add(listener);
  signal?.addEventListener('abort', () => listeners[kind].delete(listener));
}

function tell(kind, value) {
  for (const listener of listeners[kind]) listener(value);
}

function connection(connected) {
  if (live.connected !== connected) {
    live.connected = connected;
    tell('connection', connected);
  }
}

function take(events) {
  const fresh = events.filter((event) => event.seq > live.lastSequence);
  if (!fresh.length) return;
  live.lastSequence = fresh[fresh.length - 1].seq;
  live.received += fresh.length;
  live.recent.push(...fresh);
  if (live.recent.length > KEPT) live.recent.splice(0, live.recent.length - KEPT);
  tell('events', fresh);
}

function takeState(state) {
  live.state = state;
  setCurrency(state.currency);
  tell('state', state);
}

async function snapshot() {
  const fresh = await get('/api/snapshot');
  live.recent = fresh.recent;
  live.lastSequence = fresh.last_sequence;
  takeState(fresh.state);
  tell('events', []);
}

let source;

function open() {
  source?.close();
  source = new EventSource(`/api/stream?after=${live.lastSequence}`);
  source.addEventListener('open', () => connection(true));
  source.addEventListener('error', () => {
    connection(false);
    // A closed source does not come back by itself (the server said no, or is gone for good).
    if (source.readyState === EventSource.CLOSED) setTimeout(start, 2000);
  });
  source.addEventListener('events', (message) => take(JSON.parse(message.data)));
  source.addEventListener('state', (message) => takeState(JSON.parse(message.data)));
  source.addEventListener('reset', start);
}

// A page that the browser keeps for its back button would keep a connection too, of the few that it has for a server.
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', (event) => { if (event.persisted) start(); });

export async function start() {
  source?.close();
  try {
    await snapshot();
    open();
  } catch (error) {
    // The pass by which this browser read has ended: the page that comes instead asks for a token.
    if (error.status === 401) location.reload();
    connection(false);
    setTimeout(start, 2000);
  }
}

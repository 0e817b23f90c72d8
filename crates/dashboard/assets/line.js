// The live line: seven stations as the README draws them, messages moving, and what waits where.

import { chip, command, el, fill, head, link } from './dom.js';
import { clock, count, money } from './format.js';
import { live, on } from './live.js';
import * as charts from './charts.js';

export const name = 'line';

const STATIONS = {
  ingest: { title: 'ingest', says: 'takes messages in' },
  classifier: { title: 'classifier', says: 'order, enquiry or neither' },
  extractor: { title: 'extractor', says: 'items and quantities' },
  'menu-validator': { title: 'menu-validator', says: 'every item against the menu' },
  registrar: { title: 'registrar', says: 'into the database' },
  answerer: { title: 'answerer', says: 'proposes answers' },
  notifier: { title: 'notifier', says: 'tells the kitchen' },
};

// Each edge is one subject; its lane is its place among those that run side by side.
const EDGES = [
  { topic: 'received.message', from: 'ingest', to: 'classifier', kind: 'flow' },
  { topic: 'classified.order', from: 'classifier', to: 'extractor', kind: 'order' },
  { topic: 'extracted.order', from: 'extractor', to: 'menu-validator', kind: 'order' },
  { topic: 'validated.accepted', from: 'menu-validator', to: 'registrar', kind: 'order' },
  { topic: 'validated.review', from: 'menu-validator', to: 'registrar', kind: 'review', lane: 0 },
  { topic: 'validated.rejected', from: 'menu-validator', to: 'registrar', kind: 'rejected', lane: 1 },
  { topic: 'extracted.unclear', from: 'extractor', to: 'registrar', kind: 'enquiry', lane: 2 },
  { topic: 'classified.enquiry', from: 'classifier', to: 'registrar', kind: 'enquiry', lane: 3 },
  { topic: 'classified.misc', from: 'classifier', to: 'registrar', kind: 'misc', lane: 4 },
  { topic: 'registered.order', from: 'registrar', to: 'notifier', kind: 'order', lane: 0 },
  { topic: 'registered.review', from: 'registrar', to: 'notifier', kind: 'review', lane: 1 },
  { topic: 'registered.enquiry', from: 'registrar', to: 'notifier', kind: 'enquiry', lane: 2 },
  { topic: 'registered.misc', from: 'registrar', to: 'notifier', kind: 'misc', lane: 3 },
  // The same enquiry, beside the notifier; what is found there the notifier shows.
  { topic: 'registered.enquiry', from: 'registrar', to: 'answerer', kind: 'enquiry' },
  { topic: 'answered.proposed', from: 'answerer', to: 'notifier', kind: 'enquiry' },
];

const LABELS = {
  'classified.enquiry': 'enquiry', 'classified.misc': 'misc', 'extracted.unclear': 'unclear',
  'validated.review': 'review', 'validated.rejected': 'rejected', 'validated.accepted': 'accepted',
};

// Below this width the line runs down the page.
const NARROW = 1080;
// Distance between two lanes, and the radius of a turn.
const LANE = 27;
const TURN = 14;

/** Where the cards are on a wide page: four in a row, registrar and notifier below on the right, the answerer below those. */
function placeWide(width, height) {
  const card = Math.round(width * 0.13);
  const at = {};
  ['ingest', 'classifier', 'extractor', 'menu-validator'].forEach((id, index) => {
    at[id] = { x: width * (0.014 + index * 0.172), y: 22, w: card, h: height(id) };
  });
  const high = Math.max(...Object.values(at).map((one) => one.h));
  for (const one of Object.values(at)) one.h = high;
  const below = 22 + high + 58;
  const low = Math.max(height('registrar'), height('notifier'), 5 * LANE + 22);
  at.registrar = { x: width * 0.685, y: below, w: card, h: low };
  at.notifier = { x: width * 0.986 - card, y: below, w: card, h: low };
  at.answerer = { x: width * 0.685, y: below + low + 40, w: card, h: height('answerer') };
  return { at, height: at.answerer.y + at.answerer.h + 24 };
}

/** Where the cards are on a narrow page: one below the other, the branches on their right. */
function placeTall(width, height) {
  const card = Math.min(232, width * 0.62);
  const x = Math.max(12, (width - card - 130) / 2);
  const at = {};
  let y = 16;
  for (const id of Object.keys(STATIONS)) {
    at[id] = { x, y, w: card, h: height(id) };
    y += at[id].h + (id === 'menu-validator' ? 64 : 40);
  }
  return { at, height: y - 40 + 16 };
}

const middle = (box) => [box.x + box.w / 2, box.y + box.h / 2];

/** The corners of an edge, and where its label stands. Ends lie below the cards, which cover them. */
function route(edge, at, tall) {
  const from = at[edge.from];
  const to = at[edge.to];
  const [fx, fy] = middle(from);
  const [tx, ty] = middle(to);
  if (edge.to === 'answerer' || edge.from === 'answerer') {
    // Down from the registrar on the left of the notifier's lanes, and over to the notifier from below.
    if (tall) return { points: [[fx - from.w * 0.42, fy], [tx - to.w * 0.42, ty]] };
    return { points: edge.to === 'answerer' ? [[fx, fy], [tx, ty]] : [[fx, fy], [tx, fy], [tx, ty]] };
  }
  if (edge.from === 'registrar') {
    if (tall) {
      const x = fx + (edge.lane - 1.5) * from.w / 5;
      return { points: [[x, fy], [x, ty]] };
    }
    const y = fy + (edge.lane - 1.5) * LANE;
    return { points: [[fx, y], [tx, y]] };
  }
  if (edge.to !== 'registrar') return { points: [[fx, fy], [tx, ty]] };
  if (tall && edge.from === 'menu-validator') {
    const x = fx + ((edge.lane ?? -1)) * from.w * 0.31;
    return { points: [[x, fy], [x, ty]], label: [x, (from.y + from.h + to.y) / 2] };
  }
  if (tall) {
    // Out on the right, down, and in again; who leaves first runs outermost.
    const lane = edge.lane - 2;
    const x = from.x + from.w + 64 + lane * 20;
    const out = from.y + from.h / 2 + (edge.lane === 3 ? -18 : 18) * (edge.from === 'classifier' ? 1 : 0);
    const into = to.y + to.h / 2 + (lane - 1) * 22;
    return { points: [[fx, out], [x, out], [x, into], [tx, into]], label: [from.x + from.w + 33, out] };
  }
  if (edge.lane === undefined) return { points: [[fx, fy], [tx, fy], [tx, ty]], label: [(from.x + from.w + tx) / 2, fy] };
  const y = ty + (edge.lane - 2) * LANE;
  const pair = { 'validated.review': 0.08, 'validated.rejected': -0.2, 'extracted.unclear': 0, 'classified.enquiry': 0.16, 'classified.misc': -0.16 };
  const x = fx + pair[edge.topic] * from.w;
  return { points: [[x, fy], [x, y], [tx, y]], label: [to.x - 42, y] };
}

/** A line through the points with rounded turns. */
function rounded(points) {
  let d = `M${points[0]}`;
  for (let index = 1; index < points.length - 1; index++) {
    const [before, corner, after] = points.slice(index - 1, index + 2);
    const towards = (target) => {
      const length = Math.hypot(target[0] - corner[0], target[1] - corner[1]);
      const part = Math.min(TURN, length / 2) / (length || 1);
      return [corner[0] + (target[0] - corner[0]) * part, corner[1] + (target[1] - corner[1]) * part];
    };
    d += `L${towards(before)}Q${corner} ${towards(after)}`;
  }
  return `${d}L${points[points.length - 1]}`;
}

const LEGEND = [['order', 'orders'], ['review', 'a person decides'], ['rejected', 'not on the menu'], ['enquiry', 'wants an answer'], ['misc', 'the rest']];

const MOST_SPARKS = 60;

export function render(view, { signal }) {
  const outcomes = el('dl', { class: 'outcomes' });
  const warning = el('div', { class: 'banner', role: 'alert', hidden: true });
  const drawing = el('div', { class: 'drawing', role: 'group', 'aria-label': 'The line: seven stations and what waits before each' });
  const edges = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  edges.setAttribute('aria-hidden', 'true');
  const sparks = el('canvas', { 'aria-hidden': 'true' });
  const labels = el('div', { class: 'edge-labels', 'aria-hidden': 'true' });
  drawing.append(edges, labels, sparks);

  const cards = new Map();
  for (const [id, station] of Object.entries(STATIONS)) {
    const card = stationCard(id, station);
    cards.set(id, card);
    drawing.append(card.node);
  }

  const log = el('ol', { class: 'log', tabindex: '0', 'aria-label': 'Latest events' });
  const tapCommand = command("nats sub 'greenbite.>'");
  const chartBox = el('section', { class: 'panel charts', 'aria-label': 'Charts' });

  view.append(
    head('The line', 'Every dot is a customer’s message on its way to the kitchen.', outcomes),
    warning, drawing,
    el('div', { class: 'columns' },
      el('section', { class: 'panel latest' },
        el('h2', {}, 'Latest events'), log, tapCommand),
      chartBox));

  const paths = new Map();
  let tall = false;

  function draw() {
    const width = drawing.clientWidth;
    if (!width) return;
    tall = width < NARROW;
    drawing.classList.toggle('tall', tall);
    const place = tall ? placeTall : placeWide;
    // Widths first: a card's height follows from its width.
    for (const [id, box] of Object.entries(place(width, () => 0).at)) cards.get(id).node.style.width = `${box.w}px`;
    const { at, height } = place(width, (id) => cards.get(id).height());
    drawing.style.height = `${height}px`;
    for (const [id, box] of Object.entries(at)) {
      const { style } = cards.get(id).node;
      style.left = `${box.x}px`;
      style.top = `${box.y}px`;
      style.minHeight = tall ? '' : `${box.h}px`;
    }
    edges.setAttribute('viewBox', `0 0 ${width} ${height}`);
    edges.replaceChildren();
    labels.replaceChildren();
    if (!tall) labels.append(el('ul', { class: 'legend' }, LEGEND.map(([kind, text]) => el('li', { class: kind }, text))));
    paths.clear();
    for (const edge of EDGES) {
      const { points, label } = route(edge, at, tall);
      const lines = ['edge glow', 'edge'].map((name) => {
        const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
        path.setAttribute('d', rounded(points));
        path.setAttribute('class', `${name} ${edge.kind}`);
        edges.append(path);
        return path;
      });
      const path = { path: lines[1], length: lines[1].getTotalLength(), kind: edge.kind };
      paths.set(edge.topic, [...(paths.get(edge.topic) ?? []), path]);
      if (label) {
        const node = el('span', { class: `edge-label ${edge.kind}` }, LABELS[edge.topic]);
        node.style.left = `${label[0]}px`;
        node.style.top = `${label[1]}px`;
        labels.append(node);
      }
    }
    const scale = Math.min(devicePixelRatio || 1, 2);
    sparks.width = width * scale;
    sparks.height = height * scale;
    sparks.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
  }

  const moving = [];
  let frame = 0;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const colours = {};
  function readColours() {
    const style = getComputedStyle(document.documentElement);
    for (const kind of ['flow', 'order', 'review', 'rejected', 'enquiry', 'misc']) colours[kind] = style.getPropertyValue(`--${kind}`).trim();
  }

  function spark(event) {
    const ways = paths.get(event.topic);
    // At a hundred messages a second every dot would be a blur: show a sample, the figures show all.
    if (!ways || still.matches || document.hidden || moving.length >= MOST_SPARKS) return;
    const [start, takes] = [performance.now() + Math.random() * 150, 700 + Math.random() * 200];
    moving.push(...ways.map((way) => ({ ...way, start, takes })));
    if (!frame) frame = requestAnimationFrame(step);
  }

  function step(now) {
    const context = sparks.getContext('2d');
    context.clearRect(0, 0, sparks.width, sparks.height);
    for (let index = moving.length - 1; index >= 0; index--) {
      const dot = moving[index];
      const progress = (now - dot.start) / dot.takes;
      if (progress >= 1) {
        moving.splice(index, 1);
        continue;
      }
      if (progress < 0) continue;
      const eased = progress < 0.5 ? 2 * progress * progress : 1 - (2 - 2 * progress) ** 2 / 2;
      const point = dot.path.getPointAtLength(dot.length * eased);
      context.fillStyle = colours[dot.kind];
      context.globalAlpha = 0.25;
      context.beginPath();
      context.arc(point.x, point.y, 9, 0, 7);
      context.fill();
      context.globalAlpha = 1;
      context.beginPath();
      context.arc(point.x, point.y, 4, 0, 7);
      context.fill();
    }
    frame = moving.length ? requestAnimationFrame(step) : 0;
  }

  function showState(state) {
    for (const [id, card] of cards) card.update(state.stations.find((station) => station.service === id), state);
    fill(outcomes, ['order', 'review', 'enquiry', 'misc', 'refused', 'discarded', 'open'].map((outcome) => {
      const number = state.outcomes[outcome] ?? 0;
      if (!number && ['refused', 'discarded'].includes(outcome)) return null;
      const title = { order: 'orders', review: 'reviews', enquiry: 'enquiries', misc: 'misc', open: 'on the way' }[outcome] ?? outcome;
      return el('div', { class: `outcome ${outcome}` }, el('dt', {}, title), el('dd', {}, count(number)));
    }), el('div', { class: 'outcome taken' }, el('dt', {}, 'taken'), el('dd', {}, money(state.order_total_cents))));
    const paused = state.stations.filter((station) => station.waiting);
    warning.hidden = !paused.length && !state.trouble;
    fill(warning, state.trouble ? el('p', {}, state.trouble) : null, paused.map((station) =>
      el('p', {}, el('strong', {}, station.service), ' waits: ', station.waiting)));
  }

  // The log stays with the newest unless the reader has scrolled away from it.
  let following = true;
  log.addEventListener('scroll', () => { following = log.scrollTop < 24; });
  let queued = false;
  function showLog() {
    if (queued) return;
    queued = true;
    // Nobody reads faster than this, however fast events come.
    setTimeout(() => {
      queued = false;
      if (!following || signal.aborted) return;
      fill(log, live.recent.slice(-40).reverse().map((event) => el('li', {},
        el('time', {}, clock(event.at)),
        link(`/messages/${event.id}`, `#${event.id}`, { class: 'id' }),
        chip(event.topic.split('.')[1]),
        el('span', { class: 'stage' }, event.topic),
        el('span', { class: 'why' }, event.reason ?? event.text ?? ''))));
    }, 400);
  }

  readColours();
  addEventListener('themechange', readColours, { signal });
  const observer = new ResizeObserver(draw);
  observer.observe(drawing);
  for (const card of cards.values()) observer.observe(card.body);
  signal.addEventListener('abort', () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
  });
  on('events', (events) => {
    for (const event of events) spark(event);
    showLog();
  }, signal);
  on('state', showState, signal);
  draw();
  showLog();
  if (live.state) showState(live.state);
  charts.render(chartBox, signal);
}

function stationCard(id, station) {
  const figure = (title) => {
    const value = el('dd', {}, '–');
    return { value, node: el('div', {}, el('dt', {}, title), value) };
  };
  const replicas = figure('replicas');
  const lag = figure('waiting');
  const rate = figure('per s');
  const work = figure('in work');
  const trouble = el('p', { class: 'trouble', hidden: true });
  const stateWord = el('span', { class: 'lamp' });
  const node = el('article', { class: 'station', dataset: { station: id }, 'aria-label': station.title },
    el('div', { class: 'station-body' },
      el('h2', {}, stateWord, station.title),
      el('p', { class: 'says' }, station.says),
      el('dl', {}, replicas.node, lag.node, work.node, rate.node),
      trouble));
  const body = node.firstElementChild;
  return {
    node,
    body,
    /** What the card needs, whatever it was given. */
    height: () => body.offsetHeight + 22,
    update(now) {
      if (!now) return;
      fill(replicas.value, count(now.replicas));
      fill(lag.value, count(now.lag));
      fill(work.value, count(now.in_work));
      fill(rate.value, now.rate >= 10 ? count(Math.round(now.rate)) : (now.rate ?? 0).toFixed(1));
      const state = now.waiting ? 'waits' : now.paused ? 'paused' : now.replicas ? 'up' : 'down';
      node.dataset.state = state;
      stateWord.title = state;
      lag.node.classList.toggle('high', now.lag > 50);
      const notes = [];
      if (now.paused) notes.push('paused by the class');
      if (now.waiting) notes.push(now.waiting);
      if (!now.replicas) notes.push('not running');
      if (now.redelivered) notes.push(`${now.redelivered} redelivered`);
      if (now.dead_letters) notes.push(now.dead_letters === 1 ? '1 dead letter' : `${count(now.dead_letters)} dead letters`);
      trouble.hidden = !notes.length;
      fill(trouble, notes.join(' · '));
    },
  };
}


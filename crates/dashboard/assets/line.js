// The live line: six stations as the README draws them, messages moving, and what waits where.

import { chip, command, el, fill, head, link } from './dom.js';
import { clock, count, money } from './format.js';
import { live, on } from './live.js';
import * as charts from './charts.js';

export const name = 'line';

// Places in per cent of the drawing, for a wide and for a tall page.
const STATIONS = {
  ingest: { title: 'ingest', says: 'takes messages in', wide: [8, 30], tall: [50, 6] },
  classifier: { title: 'classifier', says: 'order, enquiry or neither', wide: [26, 30], tall: [50, 21] },
  extractor: { title: 'extractor', says: 'items and quantities', wide: [44, 30], tall: [36, 39] },
  'menu-validator': { title: 'menu-validator', says: 'every item against the menu', wide: [62, 30], tall: [36, 57] },
  registrar: { title: 'registrar', says: 'into the database', wide: [80, 58], tall: [50, 76] },
  notifier: { title: 'notifier', says: 'tells the kitchen', wide: [93.5, 58], tall: [50, 93] },
};

// Each edge is one subject. `bend`: how far the curve leaves the straight line, wide and tall.
const EDGES = [
  { topic: 'received.message', from: 'ingest', to: 'classifier', kind: 'flow' },
  { topic: 'classified.order', from: 'classifier', to: 'extractor', kind: 'order' },
  { topic: 'extracted.order', from: 'extractor', to: 'menu-validator', kind: 'order' },
  { topic: 'validated.accepted', from: 'menu-validator', to: 'registrar', kind: 'order', via: { wide: [78, 26], tall: [22, 67] } },
  { topic: 'validated.review', from: 'menu-validator', to: 'registrar', kind: 'review', via: { wide: [72, 46], tall: [36, 67] } },
  { topic: 'validated.rejected', from: 'menu-validator', to: 'registrar', kind: 'rejected', via: { wide: [62, 57], tall: [50, 66] } },
  { topic: 'extracted.unclear', from: 'extractor', to: 'registrar', kind: 'enquiry', via: { wide: [44, 66], tall: [66, 55] } },
  { topic: 'classified.enquiry', from: 'classifier', to: 'registrar', kind: 'enquiry', via: { wide: [26, 78], tall: [82, 48] } },
  { topic: 'classified.misc', from: 'classifier', to: 'registrar', kind: 'misc', via: { wide: [24, 93], tall: [96, 48] } },
  { topic: 'registered.order', from: 'registrar', to: 'notifier', kind: 'order', via: { wide: [87, 44], tall: [38, 85] } },
  { topic: 'registered.review', from: 'registrar', to: 'notifier', kind: 'review', via: { wide: [87, 53], tall: [46, 85] } },
  { topic: 'registered.enquiry', from: 'registrar', to: 'notifier', kind: 'enquiry', via: { wide: [87, 63], tall: [54, 85] } },
  { topic: 'registered.misc', from: 'registrar', to: 'notifier', kind: 'misc', via: { wide: [87, 72], tall: [62, 85] } },
];

const LABELS = {
  'classified.enquiry': 'enquiry', 'classified.misc': 'misc', 'extracted.unclear': 'unclear',
  'validated.review': 'review', 'validated.rejected': 'rejected', 'validated.accepted': 'accepted',
  'classified.order': 'order', 'extracted.order': 'order', 'received.message': 'message',
};

const MOST_SPARKS = 60;

export function render(view, { signal }) {
  const outcomes = el('dl', { class: 'outcomes' });
  const warning = el('div', { class: 'banner', role: 'alert', hidden: true });
  const drawing = el('div', { class: 'drawing', role: 'group', 'aria-label': 'The line: six stations and what waits before each' });
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
      el('section', { class: 'panel' },
        el('h2', {}, 'Latest events'), log, tapCommand),
      chartBox));

  const paths = new Map();
  let tall = false;

  function draw() {
    const { width, height } = drawing.getBoundingClientRect();
    if (!width) return;
    tall = width < 760;
    drawing.classList.toggle('tall', tall);
    const at = ([x, y]) => [x * width / 100, y * height / 100];
    edges.setAttribute('viewBox', `0 0 ${width} ${height}`);
    edges.replaceChildren();
    labels.replaceChildren();
    paths.clear();
    for (const edge of EDGES) {
      const shape = tall ? 'tall' : 'wide';
      const from = at(STATIONS[edge.from][shape]);
      const to = at(STATIONS[edge.to][shape]);
      const via = edge.via ? at(edge.via[shape]) : [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
      // The control point that leads a quadratic curve through `via`.
      const bend = [2 * via[0] - (from[0] + to[0]) / 2, 2 * via[1] - (from[1] + to[1]) / 2];
      path.setAttribute('d', `M${from} Q${bend} ${to}`);
      path.setAttribute('class', `edge ${edge.kind}`);
      edges.append(path);
      paths.set(edge.topic, { path, length: path.getTotalLength(), kind: edge.kind });
      const text = LABELS[edge.topic];
      if (text && edge.via) {
        const label = el('span', { class: `edge-label ${edge.kind}` }, text);
        label.style.left = `${via[0]}px`;
        label.style.top = `${via[1]}px`;
        labels.append(label);
      }
    }
    for (const [id, card] of cards) {
      const [x, y] = at(STATIONS[id][tall ? 'tall' : 'wide']);
      card.node.style.left = `${x}px`;
      card.node.style.top = `${y}px`;
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
    const path = paths.get(event.topic);
    // At a hundred messages a second every dot would be a blur: show a sample, the figures show all.
    if (!path || still.matches || document.hidden || moving.length >= MOST_SPARKS) return;
    moving.push({ ...path, start: performance.now() + Math.random() * 150, takes: 700 + Math.random() * 200 });
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
    requestAnimationFrame(() => {
      queued = false;
      if (!following) return;
      fill(log, live.recent.slice(-60).reverse().map((event) => el('li', {},
        el('time', {}, clock(event.at)),
        link(`/messages/${event.id}`, `#${event.id}`, { class: 'id' }),
        chip(event.topic.split('.')[1]),
        el('span', { class: 'stage' }, event.topic),
        el('span', { class: 'why' }, event.reason ?? event.text ?? ''))));
    });
  }

  readColours();
  addEventListener('themechange', readColours, { signal });
  const observer = new ResizeObserver(draw);
  observer.observe(drawing);
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
    el('h2', {}, stateWord, station.title),
    el('p', { class: 'says' }, station.says),
    el('dl', {}, replicas.node, lag.node, work.node, rate.node),
    trouble);
  return {
    node,
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
      if (now.dead_letters) notes.push(`${now.dead_letters} dead letters`);
      trouble.hidden = !notes.length;
      fill(trouble, notes.join(' · '));
    },
  };
}


// The day in figures: what was sold, how orders were decided, how long they took.

import { get, oneAtATime } from './api.js';
import { command, el, empty, fill, head, toast } from './dom.js';
import { count, money } from './format.js';
import { on } from './live.js';

export const name = 'report';

const DAY_MS = 86400000;

export function render(view, { signal }) {
  const wanted = new URLSearchParams(location.search).get('day') ?? 'today';
  const day = el('input', { type: 'date', required: true, 'aria-label': 'Day' });
  const body = el('div', { class: 'report-body', 'aria-live': 'polite' });
  const facts = el('dl', { class: 'outcomes', 'aria-label': 'The day' });
  const terminal = command(`greenbite report --day ${wanted}`);
  const spreadsheet = command(`greenbite export orders --day ${wanted}`, 'As a spreadsheet');
  let shown = wanted;
  let steps = 0; // that were pressed before it was known from which day on
  const refresh = oneAtATime(async () => {
    const asked = shown;
    try {
      const figures = await get(`/api/report?day=${encodeURIComponent(asked)}`);
      if (asked !== shown) return; // another day was chosen meanwhile, and is asked for next
      day.value = figures.day;
      if (steps) {
        step(0);
        return;
      }
      fill(facts, summary(figures));
      fill(body, parts(figures));
    } catch (error) {
      toast(error.message, 'bad');
    }
  });
  const choose = (next) => {
    if (!next) return;
    shown = next;
    history.replaceState(null, '', `/report?day=${next}`);
    terminal.set(`greenbite report --day ${next}`);
    spreadsheet.set(`greenbite export orders --day ${next}`);
    // The next press counts from here, not from what is still on its way.
    day.value = next === 'today' ? '' : next;
    refresh();
  };
  day.addEventListener('change', () => choose(day.value));
  const step = (days) => {
    steps += days;
    if (!day.value) return;
    const next = new Date(Date.parse(day.value) + steps * DAY_MS);
    steps = 0;
    choose(next.toISOString().slice(0, 10));
  };
  view.append(
    head('The day in figures', 'By the restaurant\u2019s clock, from midnight to midnight.',
      el('div', { class: 'row' },
        el('button', { type: 'button', 'aria-label': 'The day before', onclick: () => step(-1) }, '←'), day,
        el('button', { type: 'button', 'aria-label': 'The day after', onclick: () => step(1) }, '→'),
        el('button', { type: 'button', onclick: () => choose('today') }, 'Today'))),
    el('section', { class: 'panel' }, facts), body,
    el('div', { class: 'commands' }, terminal, spreadsheet));
  refresh();
  let due = false;
  on('events', (events) => { due ||= events.length > 0; }, signal);
  const again = setInterval(() => {
    if (!due) return;
    due = false;
    refresh();
  }, 5000);
  signal.addEventListener('abort', () => clearInterval(again));
}

function summary({ total, fates, wrong }) {
  return [
    ['order', 'orders', count(total.orders)],
    ['order', 'money', money(total.cents)],
    ['', 'straight through', count(fates.straight_through)],
    ['review', 'asked', count(fates.asked)],
    ['', 'accepted at the desk', count(fates.accepted)],
    ['', 'of these corrected', count(wrong.corrected)],
    ['', 'refused at the desk', count(fates.refused)],
    ['review', 'still open', count(fates.open)],
    ['enquiry', 'not on the menu', count(fates.rejected)],
    ['', 'recalled', count(wrong.recalled)],
    ['', 'voided', `${count(wrong.voided.orders)} · ${money(wrong.voided.cents)}`],
  ].map(([kind, label, value]) => el('div', { class: `outcome ${kind}` }, el('dt', {}, label), el('dd', {}, value)));
}

function parts(figures) {
  return [
    panel('By the hour', hours(figures), 'whole'),
    el('div', { class: 'stack' },
      panel('By item', list(['item', 'sold', 'money'],
        figures.items.map((sold) => [sold.item, count(sold.quantity), money(sold.cents)]))),
      panel('Voided', list(['order', 'money', 'by', 'why'],
        figures.voids.map((one) => [one.order, money(one.cents), one.who, one.why]), 'None.', [1])),
      panel('Messages', times(figures.messages, 'None.'))),
    el('div', { class: 'stack' },
      panel('Minutes from the message', list(['until it is', 'orders', 'p50', 'p90'], [
        ['registered', ...minutes(figures.to_registered)], ['ready', ...minutes(figures.to_ready)]])),
      panel('By door', list(['came in by', 'orders', 'money'],
        figures.sources.map((door) => [door.source, count(door.orders), money(door.cents)]))),
      panel('Asked for, and not on the menu', times(figures.not_on_menu, 'Nothing.')),
      panel('Unanswered enquiries', times(figures.unanswered, 'Nobody asked.'))),
  ];
}

function panel(title, content, more = '') {
  return el('section', { class: `panel ${more}` }, el('h2', {}, title), content);
}

/** The hours from the first order to the last, with a bar for the money. */
function hours({ clock, hours }) {
  const busy = hours.map((hour) => hour.orders > 0);
  const first = busy.indexOf(true);
  if (first < 0) return empty('No orders on this day.');
  const most = Math.max(...hours.map((hour) => hour.cents), 1);
  const row = (hour, at) => el('tr', {}, el('td', { class: 'number' }, clock[at]),
    el('td', { class: 'number' }, count(hour.orders)), el('td', { class: 'number' }, money(hour.cents)),
    el('td', { class: 'share' }, bar(hour.cents / most)));
  return el('table', { class: 'list' },
    el('thead', {}, el('tr', {}, ['hour', 'orders', 'money'].map((text) => el('th', { scope: 'col', class: 'number' }, text)),
      el('td', { class: 'share' }))),
    el('tbody', {}, hours.map(row).slice(first, busy.lastIndexOf(true) + 1)));
}

function bar(share) {
  if (!share) return null;
  const node = el('span', { class: 'hour-bar', 'aria-hidden': 'true' });
  node.style.width = `${100 * share}%`;
  return node;
}

function minutes({ orders, p50, p90 }) {
  const one = (value) => (value === null ? '–' : value.toFixed(1));
  return [count(orders), one(p50), one(p90)];
}

function times(rows, none) {
  return list(['what', 'times'], rows.map((one) => [one.what.replace('_', ' '), count(one.times)]), none);
}

/** A table whose columns but the first are numbers, or those that are named. */
function list(header, rows, none = 'None.', numbers = header.map((_, at) => at).slice(1)) {
  if (!rows.length) return empty(none);
  const kind = (at) => (numbers.includes(at) ? 'number' : null);
  const title = (text, at) => el('th', { scope: 'col', class: kind(at) }, text);
  return el('table', { class: 'list' }, el('thead', {}, el('tr', {}, header.map(title))),
    el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell, at) => el('td', { class: kind(at) }, cell))))));
}

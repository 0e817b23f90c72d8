// One message's way through the line: where it waited, who decided what, and why.

import { get, oneAtATime } from './api.js';
import { chip, command, el, empty, fill, head, link, toast } from './dom.js';
import { clock, duration, moment, score, money } from './format.js';
import { preview } from './discord.js';
import { tree } from './json.js';
import { on } from './live.js';

export const name = 'journey';

// A phone has no room for these.
const COLUMNS = { Received: 'narrow-less', Took: 'number narrow-less' };

export function render(view, { argument, signal, go }) {
  if (!argument) {
    renderSearch(view, { signal, go });
    return;
  }
  const id = Number(argument);
  const body = el('div', { class: 'journey-body' }, empty('Looking it up …'));
  view.append(
    head(`Message #${id}`, 'Where it has been, what was decided and why.', searchForm(go)),
    body,
    el('div', { class: 'commands' },
      command(`nats sub 'greenbite.*.*.${id}'`, 'Live, in a terminal'),
      command(`greenbite journey ${id}`, 'Afterwards')));

  let shown = '';
  const refresh = oneAtATime(async () => {
    try {
      const journey = await get(`/api/messages/${id}`);
      const text = JSON.stringify(journey);
      if (text !== shown) {
        shown = text;
        const open = new Set([...body.querySelectorAll('details[open]')].map((node) => node.dataset.key));
        fill(body, page(journey));
        for (const node of body.querySelectorAll('details')) if (open.has(node.dataset.key)) node.open = true;
      }
    } catch (error) {
      fill(body, empty(error.status === 404 ? `There is no message #${id} yet.` : error.message));
    }
  });
  refresh();
  on('events', (events) => {
    if (!events.length || events.some((event) => event.id === id)) refresh();
  }, signal);
}

function searchForm(go) {
  const input = el('input', { type: 'text', inputmode: 'numeric', pattern: '[0-9]+', placeholder: 'number', 'aria-label': 'Message number', size: '8' });
  return el('form', {
    class: 'row', role: 'search',
    onsubmit: (event) => {
      event.preventDefault();
      if (/^\d+$/.test(input.value.trim())) go(`/messages/${input.value.trim()}`);
      else toast('A message has a number, such as 42.', 'bad');
    },
  }, input, el('button', { class: 'primary' }, 'Show its journey'));
}

function renderSearch(view, { signal, go }) {
  const rows = el('tbody');
  view.append(
    head('Journeys', 'Pick a message, or type its number.', searchForm(go)),
    el('section', { class: 'panel scroll' },
      el('table', { class: 'list' },
        el('caption', { class: 'visually-hidden' }, 'Latest messages'),
        el('thead', {}, el('tr', {}, ['Message', 'Received', 'What the customer wrote', 'Outcome', 'Took'].map((title) => el('th', { scope: 'col', class: COLUMNS[title] }, title)))),
        rows)),
    command("nats stream view GREENBITE --subject 'greenbite.received.message.*'"));
  const refresh = oneAtATime(async () => {
    try {
      const messages = await get('/api/messages');
      fill(rows, messages.map((message) => el('tr', {},
        el('td', {}, link(`/messages/${message.id}`, `#${message.id}`, { class: 'id' })),
        el('td', { class: COLUMNS.Received }, clock(message.received_at)),
        el('td', { class: 'words' }, message.text),
        el('td', {}, message.outcome ? chip(message.outcome) : 'on the way'),
        el('td', { class: COLUMNS.Took }, message.outcome_at ? duration(new Date(message.outcome_at) - new Date(message.received_at)) : ''))));
      if (!messages.length) fill(rows, el('tr', {}, el('td', { colspan: '5' }, empty('No message has come in yet.'))));
    } catch (error) {
      toast(error.message, 'bad');
    }
  });
  refresh();
  let due = false;
  on('state', () => {
    if (due) refresh();
    due = false;
  }, signal);
  on('events', () => { due = true; }, signal);
}

function page(journey) {
  const { row, steps } = journey;
  const trace = journey.trace_id && journey.trace_url
    ? el('a', { href: journey.trace_url, rel: 'noreferrer' }, journey.trace_id)
    : journey.trace_id ? el('code', {}, journey.trace_id) : '–';
  return [
    el('section', { class: 'panel message' },
      el('blockquote', { class: 'words' }, row.text),
      el('dl', { class: 'facts' },
        fact('Received', moment(row.received_at)), fact('By', row.source),
        row.customer ? fact('Customer', row.customer) : null,
        fact('Outcome', row.outcome ? chip(row.outcome) : 'on the way'),
        row.rejected_reason ? fact('Refused', row.rejected_reason) : null,
        fact('Publication', `generation ${row.generation}`),
        fact('Trace', trace))),
    steps.length ? timeline(journey) : empty('Nothing of it is on the bus (any more).'),
    (journey.dead_letters ?? []).map((letter) => el('section', { class: 'panel bad' },
      el('h2', {}, `Dead letter ${letter.code}`), el('p', {}, letter.reason), link('/dead-letters', 'To the dead letters'))),
    el('ol', { class: 'steps' }, steps.map((step, index) => stepCard(step, steps[index - 1]))),
  ];
}

function fact(title, value) {
  return el('div', {}, el('dt', {}, title), el('dd', {}, value));
}

function timeline({ steps }) {
  const start = steps[0].stored_at - (steps[0].took_us ?? 0) / 1000;
  const end = Math.max(steps[steps.length - 1].stored_at, start + 1);
  const total = end - start;
  const box = el('section', { class: 'panel timeline', 'aria-label': 'Time line' },
    el('h2', {}, `In all ${duration(total)}`));
  let previous = start;
  for (const step of steps) {
    const worked = Math.min((step.took_us ?? 0) / 1000, step.stored_at - previous);
    const waited = Math.max(0, step.stored_at - previous - worked);
    const lane = el('div', { class: 'lane' });
    const bar = (from, length, kind) => {
      const piece = el('span', { class: `span ${kind}` });
      piece.style.left = `${(from - start) / total * 100}%`;
      piece.style.width = `max(3px, ${length / total * 100}%)`;
      return piece;
    };
    if (step.took_us !== null && step.took_us !== undefined) lane.append(bar(previous, waited, 'waited'), bar(previous + waited, worked, 'worked'));
    else lane.append(bar(previous, step.stored_at - previous, 'worked'));
    box.append(el('div', { class: 'time-row' },
      el('span', { class: 'who' }, step.station, step.attempt > 1 ? el('span', { class: 'tries' }, ` try ${step.attempt}`) : null),
      lane,
      el('span', { class: 'times' }, `waited ${duration(waited)} · worked ${duration(worked)}`)));
    previous = step.stored_at;
  }
  return box;
}

function stepCard(step, before) {
  const lines = step.body.lines ?? step.body.registration?.lines;
  const candidates = (lines ?? []).filter((line) => line.candidates?.length);
  return el('li', { class: 'panel step' },
    el('div', { class: 'step-said' },
      el('h2', {}, step.station, ' → ', chip(step.topic.split('.')[1])),
      step.reason ? el('p', { class: 'reason' }, step.reason) : null,
      el('p', { class: 'meta' },
        clock(step.stored_at),
        step.decided_by ? ` · decided by ${step.decided_by}` : '',
        step.score !== null && step.score !== undefined ? ` · score ${score(step.score)}` : '',
        step.attempt ? ` · try ${step.attempt}` : '',
        step.menu_version ? ` · menu ${step.menu_version.slice(0, 8)}` : ''),
      candidates.length ? weighed(candidates) : null,
      step.body.delivery ? preview(step.body.delivery.payload) : null),
    el('div', { class: 'step-added' }, el('h3', {}, before ? 'What it added' : 'What came in'), tree(added(step, before))),
    el('details', { dataset: { key: step.topic } },
      el('summary', {}, 'Input and output side by side'),
      el('div', { class: 'columns' },
        el('div', {}, el('h3', {}, before ? before.topic : 'the row'), before ? tree(before.body) : empty('A row of the table messages.')),
        el('div', {}, el('h3', {}, step.topic), tree(step.body, before?.body)))),
    el('details', { dataset: { key: `${step.topic}-headers` } },
      el('summary', {}, `Headers · sequence ${step.seq}`), tree(step.headers),
      command(`nats stream get GREENBITE ${step.seq}`)));
}

/** What of the event is new or otherwise than in the one before, beside the message and the trail. */
function added(step, before) {
  const fresh = Object.entries(step.body).filter(([key, value]) =>
    !['message', 'trail'].includes(key) && JSON.stringify(value) !== JSON.stringify(before?.body[key]));
  return fresh.length ? Object.fromEntries(fresh) : { message: step.body.message };
}

function weighed(lines) {
  return el('table', { class: 'list weighed' },
    el('caption', {}, 'What the validator weighed'),
    el('thead', {}, el('tr', {}, ['Candidate', 'Score', 'Price'].map((title, index) => el('th', { scope: 'col', class: index ? 'number' : '' }, title)))),
    lines.map((line) => el('tbody', {},
      el('tr', {}, el('th', { scope: 'rowgroup', colspan: '3', class: 'wish' },
        `${line.quantity} × “${line.phrase}” `, chip(line.verdict), el('div', { class: 'dim' }, line.reason))),
      line.candidates.map((candidate) => {
        const bar = el('span', { class: 'bar-fill' });
        bar.style.width = `${Math.round(candidate.score * 100)}%`;
        return el('tr', {},
          el('td', {}, el('strong', {}, candidate.name), el('div', { class: 'dim' }, candidate.description)),
          el('td', { class: 'number' }, score(candidate.score), el('span', { class: 'score-bar', 'aria-hidden': 'true' }, bar)),
          el('td', { class: 'number' }, money(candidate.price_cents)));
      }))));
}

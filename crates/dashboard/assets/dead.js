// Dead letters: what the line could not handle, why, and how to mend it.

import { get, mayChange, oneAtATime, post } from './api.js';
import { command, el, empty, fill, head, link, toast } from './dom.js';
import { moment } from './format.js';
import { on } from './live.js';
import { tree } from './json.js';

export const name = 'dead-letters';

export function render(view, { signal }) {
  const groups = el('div', { class: 'row' });
  const list = el('ol', { class: 'dead-list', 'aria-label': 'Dead letters' });
  view.append(
    head('Dead letters', 'Messages that a station could not handle. Nothing is lost: mend, replay or discard.'),
    groups, list,
    el('div', { class: 'commands' }, command('greenbite dlq list'), command("nats sub 'greenbite-dlq.>'", 'As they come')));

  let shown = '';
  const refresh = oneAtATime(async () => {
    try {
      const letters = await get('/api/dead-letters');
      const text = JSON.stringify(letters);
      if (text === shown) return;
      shown = text;
      const codes = Map.groupBy ? Map.groupBy(letters, (letter) => letter.code) : group(letters);
      fill(groups, [...codes].map(([code, some]) => el('button', {
        type: 'button', onclick: () => act('/api/dead-letters/replay', { code }, `All of ${code} are on their way again.`),
      }, `Replay all ${some.length} of ${code}`)));
      fill(list, letters.map(card));
      if (!letters.length) fill(list, el('li', {}, empty('No dead letters: all is well.')));
    } catch (error) {
      toast(error.message, 'bad');
    }
  });

  async function act(path, body, done) {
    if (!mayChange()) return;
    try {
      await post(path, body);
      toast(done);
      document.activeElement?.blur();
      refresh();
    } catch (error) {
      toast(error.message, 'bad');
    }
  }

  function card(letter) {
    const original = letter.payload.encoding === 'utf8' ? letter.payload.data : null;
    let parsed = null;
    try {
      parsed = JSON.parse(original);
    } catch { /* not JSON: that may be the very reason */ }
    const edit = el('textarea', { rows: '8', spellcheck: 'false', 'aria-label': 'The payload, to mend', value: parsed ? JSON.stringify(parsed, null, 2) : original ?? '' });
    return el('li', { class: 'panel', dataset: { sequence: letter.sequence } },
      el('h2', {}, el('a', { href: `/errors/${letter.code}`, target: '_blank', rel: 'noreferrer' }, letter.code), ` ${letter.title}`),
      el('p', { class: 'reason' }, letter.reason),
      el('p', { class: 'meta' }, `${letter.service} · ${letter.attempts === 1 ? '1 try' : `${letter.attempts} tries`} · ${moment(letter.at)} · `, el('code', {}, letter.subject), ' ',
        letter.message_id ? link(`/messages/${letter.message_id}`, 'journey') : null),
      el('details', { dataset: { key: letter.sequence } }, el('summary', {}, 'The original'),
        parsed ? tree(parsed) : el('pre', { class: 'json' }, original ?? `base64: ${letter.payload.data}`), el('h3', {}, 'Headers'), tree(letter.headers)),
      original === null ? null : el('details', {}, el('summary', {}, 'Edit and replay'), edit,
        el('button', { type: 'button', class: 'primary', onclick: () => act(`/api/dead-letters/${letter.sequence}/replay`, { payload: edit.value }, 'On its way again, as edited.') }, 'Replay as edited')),
      el('div', { class: 'row' },
        el('button', { type: 'button', class: 'primary', onclick: () => act(`/api/dead-letters/${letter.sequence}/replay`, {}, 'On its way again.') }, 'Replay'),
        el('button', { type: 'button', class: 'danger', onclick: () => confirm('Discard it for good?') && act(`/api/dead-letters/${letter.sequence}/discard`, {}, 'Discarded.') }, 'Discard')));
  }

  refresh();
  // The counts say when the list is another one; nobody asks for it before, nor while a person mends one.
  let known = '';
  const mending = () => list.contains(document.activeElement) && document.activeElement.matches('textarea');
  on('state', (state) => {
    const now = JSON.stringify(state.dead_letters);
    if (now === known || mending()) return;
    known = now;
    refresh();
  }, signal);
}

function group(letters) {
  const codes = new Map();
  for (const letter of letters) codes.set(letter.code, [...(codes.get(letter.code) ?? []), letter]);
  return codes;
}

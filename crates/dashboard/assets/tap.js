// The subject tap: what passes on a subject, as it passes.

import { command, el, empty, fill, head, link, toast } from './dom.js';
import { clock } from './format.js';
import { tree } from './json.js';

export const name = 'tap';

const KEPT = 100;
const EXAMPLES = ['greenbite.>', 'greenbite.classified.*.*', 'greenbite.*.order.*', 'greenbite.validated.review.*', 'greenbite-dlq.>'];

export function render(view, { signal }) {
  const subject = el('input', { type: 'text', value: new URLSearchParams(location.search).get('subject') ?? 'greenbite.>', spellcheck: 'false', autocapitalize: 'off', list: 'subjects', 'aria-label': 'Subject, with wildcards' });
  const filter = el('input', { type: 'search', placeholder: 'only those that contain …', 'aria-label': 'Filter' });
  const pause = el('button', { type: 'button', 'aria-pressed': 'false' }, 'Pause');
  const status = el('p', { class: 'lead', role: 'status' });
  const list = el('ol', { class: 'tap-list', 'aria-label': 'Events' });
  const hint = command(`nats sub '${subject.value}'`);
  view.append(
    head('Subject tap', 'What the bus carries. * stands for one token, > for all the rest.'),
    el('form', { class: 'row tap-form', onsubmit: (event) => { event.preventDefault(); open(); } },
      subject, el('datalist', { id: 'subjects' }, EXAMPLES.map((value) => el('option', { value }))),
      el('button', { class: 'primary' }, 'Tap'), filter, pause,
      el('button', { type: 'button', class: 'quiet', onclick: () => { kept = []; show(); } }, 'Clear')),
    el('div', { class: 'row' }, EXAMPLES.map((value) => el('button', { type: 'button', class: 'quiet code', onclick: () => { subject.value = value; open(); } }, value))),
    hint, status, list);

  let kept = [];
  let paused = false;
  let missed = 0;
  let source;
  let queued = false;

  function show() {
    const wanted = filter.value.toLowerCase();
    const open = new Set([...list.querySelectorAll('details[open]')].map((node) => node.dataset.key));
    const matching = kept.filter((event) => !wanted || JSON.stringify(event).toLowerCase().includes(wanted)).slice(0, 40);
    fill(list, matching.map((event) => {
      const key = String(event.seq);
      const id = event.subject.split('.').pop();
      const details = el('details', { dataset: { key } },
        el('summary', {}, el('time', {}, clock(event.at)), el('code', { class: 'subject' }, event.subject),
          el('span', { class: 'why' }, event.payload?.trail?.at(-1)?.reason ?? event.payload?.reason ?? '')));
      const body = () => {
        if (details.childElementCount === 1) details.append(el('h3', {}, 'Headers'), tree(event.headers), el('h3', {}, 'Payload'), tree(event.payload));
      };
      details.addEventListener('toggle', body);
      if (open.has(key)) {
        body();
        details.open = true;
      }
      return el('li', {}, details, /^\d+$/.test(id) ? link(`/messages/${id}`, 'journey', { class: 'to-journey', 'aria-label': `Journey of message ${id}` }) : null);
    }));
    if (!matching.length) fill(list, el('li', {}, empty('Nothing has passed yet.')));
    fill(status, paused ? `Paused; ${missed} passed meanwhile.` : `Showing the newest ${matching.length}.`);
  }

  function later() {
    if (queued) return;
    queued = true;
    setTimeout(() => {
      queued = false;
      if (!signal.aborted) show();
    }, 200);
  }

  function open() {
    source?.close();
    kept = [];
    hint.set(`nats sub '${subject.value}'`);
    history.replaceState(null, '', `/tap?subject=${encodeURIComponent(subject.value)}`);
    source = new EventSource(`/api/tap?subject=${encodeURIComponent(subject.value)}`);
    source.addEventListener('events', (message) => {
      const events = JSON.parse(message.data);
      if (paused) {
        missed += events.length;
        later();
        return;
      }
      kept = [...events.reverse(), ...kept].slice(0, KEPT);
      later();
    });
    source.addEventListener('refused', (message) => {
      source.close();
      toast(message.data, 'bad');
    });
    show();
  }

  pause.addEventListener('click', () => {
    paused = !paused;
    missed = 0;
    pause.setAttribute('aria-pressed', String(paused));
    fill(pause, paused ? 'Go on' : 'Pause');
    show();
  });
  filter.addEventListener('input', later);
  addEventListener('pagehide', () => source?.close(), { signal });
  addEventListener('pageshow', (event) => { if (event.persisted) open(); }, { signal });
  signal.addEventListener('abort', () => source?.close());
  open();
}

// Teach: run the simulation, send a message, stop a station and watch the lag grow.

import { mayChange, post } from './api.js';
import { command, el, fill, head, toast } from './dom.js';
import { count } from './format.js';
import { live, on } from './live.js';

export const name = 'teach';

export function render(view, { signal, go }) {
  let starting = false;
  const start = el('button', { class: 'primary', id: 'start' }, 'Start');
  const stop = el('button', { type: 'button', class: 'danger', id: 'stop', onclick: () => act('/api/simulation/stop', {}, 'Stopped.') }, 'Stop');
  const progress = el('progress', { max: '1', value: '0', 'aria-label': 'Progress of the simulation' });
  const said = el('p', { class: 'lead', role: 'status' });
  const log = el('ol', { class: 'log', tabindex: '0', 'aria-label': 'Log of the simulation' });
  const number = (label, id, value, min, max, step = 1) => {
    const input = el('input', { type: 'number', name: id, id, value, min, max, step, required: true });
    return { id, input, node: el('label', { for: id }, label, input) };
  };
  const fields = [
    number('smallest batch', 'min_batch', 1, 1, 50), number('largest batch', 'max_batch', 8, 1, 50),
    number('shortest pause, ms', 'min_pause_ms', 200, 0, 60000), number('longest pause, ms', 'max_pause_ms', 2000, 0, 600000),
    number('speed', 'speed', 1, 0.1, 1000, 0.1), number('how many', 'count', 100, 1, 100000), number('seed', 'seed', 7, 0, 4294967295),
  ];
  const simulation = el('form', {
    class: 'panel',
    onsubmit: async (event) => {
      event.preventDefault();
      starting = true;
      start.disabled = true;
      const begun = await act('/api/simulation/start', Object.fromEntries(fields.map((field) => [field.id, Number(field.input.value)])), 'Started.');
      starting = false;
      // Begun, the next state says when it may be started again; refused, it may be at once.
      if (!begun) start.disabled = live.state?.simulation.running ?? false;
    },
  }, el('h2', {}, 'Simulation'), el('div', { class: 'fields' }, fields.map((field) => field.node)),
  el('div', { class: 'row' }, start, stop, progress), said, log, command('greenbite simulate --count 100 --seed 7'));

  const words = el('textarea', { name: 'text', rows: '3', required: true, maxlength: '20000', id: 'own', placeholder: 'Two veggie burgers, one without onions, and a large lemonade' });
  const send = el('form', {
    class: 'panel',
    onsubmit: async (event) => {
      event.preventDefault();
      const answer = await act('/api/messages', { text: words.value }, 'Sent.');
      if (answer) go(`/messages/${answer.id}`);
    },
  }, el('h2', {}, 'A message of your own'), el('label', { for: 'own' }, 'What the customer writes'), words,
  el('div', { class: 'row' }, el('button', { class: 'primary' }, 'Send and follow it')),
  command("curl -H 'x-api-key: …' -H 'content-type: application/json' -d '{\"text\":\"two teas\"}' http://localhost:8080/messages"));

  const stations = el('ul', { class: 'switches' });
  const switches = el('section', { class: 'panel' }, el('h2', {}, 'Stop a station'),
    el('p', {}, 'A paused station reads no more: what it should do waits on the bus, and nothing is lost. Resume it and watch it drain. A pause ends by itself when this dashboard goes away.'),
    stations, command(`nats pub greenbite-control.extractor '{"pause_ms":30000,"by":"class"}'`, 'Pause one'),
    command('docker compose up -d --scale classifier=3', 'Scale one, in containers'),
    command('classifier --config .local/demo/classifier.toml', 'Scale one, in the demo'));

  const clear = el('section', { class: 'panel' }, el('h2', {}, 'A new class'),
    el('p', {}, 'Removes all messages, orders, reviews, enquiries, events and dead letters. The menu stays.'),
    el('button', {
      type: 'button', class: 'danger', id: 'clear',
      onclick: () => {
        if (prompt('This removes every message and every order. Type CLEAR to go on.') === 'CLEAR') act('/api/clear', { confirm: 'CLEAR' }, 'All clear.');
      },
    }, 'Clear the class’s data'));

  view.append(head('Teach', 'Make traffic, break things, and see what happens.'),
    el('div', { class: 'teach-grid' }, simulation, el('div', { class: 'stack' }, send, switches, clear)));

  async function act(path, body, done) {
    if (!mayChange()) return null;
    try {
      const answer = await post(path, body);
      toast(done);
      return answer ?? {};
    } catch (error) {
      toast(error.message, 'bad');
      return null;
    }
  }

  const buttons = new Map();
  let following = true;
  log.addEventListener('scroll', () => { following = log.scrollHeight - log.scrollTop - log.clientHeight < 24; });
  let logged = '';

  function show(state) {
    const run = state.simulation;
    start.disabled = run.running || starting;
    stop.disabled = !run.running;
    progress.max = Math.max(1, run.count);
    progress.value = run.sent;
    fill(said, run.running ? `${count(run.sent)} of ${count(run.count)} sent` : run.error ? run.error : run.count ? `Done: ${count(run.sent)} sent.` : 'Not running.');
    const text = run.log.join('\n');
    if (text !== logged) {
      logged = text;
      fill(log, run.log.map((line) => el('li', {}, line)));
      if (following) log.scrollTop = log.scrollHeight;
    }
    for (const station of state.stations) {
      let row = buttons.get(station.service);
      if (!row) {
        const button = el('button', {
          type: 'button',
          onclick: () => act(`/api/stations/${station.service}/${row.paused ? 'resume' : 'pause'}`, {}, row.paused ? 'It reads again.' : 'It reads no more.'),
        });
        const lag = el('span', { class: 'lag' });
        row = { button, lag, paused: false };
        buttons.set(station.service, row);
        stations.append(el('li', { dataset: { station: station.service } }, el('strong', {}, station.service), lag, button));
      }
      row.paused = station.paused;
      fill(row.lag, `${count(station.lag)} waiting · ${count(station.replicas)} running`);
      fill(row.button, station.paused ? 'Resume' : 'Pause');
      row.button.className = station.paused ? 'primary' : '';
      row.button.setAttribute('aria-label', `${station.paused ? 'Resume' : 'Pause'} ${station.service}`);
    }
  }
  on('state', show, signal);
  if (live.state) show(live.state);
}

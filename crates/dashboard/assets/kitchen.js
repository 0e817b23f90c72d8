// The kitchen's screen: what is to be made, oldest first, and what waits to be collected.
//
// The truth is in the database: the whole list is asked for whenever something happened, and every few seconds, so that
// a reload, a dropped connection or a bus that is away leave neither a double nor a gap. A press is kept in this
// browser until the server has answered it, and names the steps that it saw, so that it counts once.

import { LOCKED, get, mayChange, oneAtATime, post } from './api.js';
import { el, empty, fill, link, toast } from './dom.js';
import { on } from './live.js';

export const name = 'kitchen';

/** How often the list is asked for without a word from the bus. */
const LOOK_MS = 5000;
/** Between two tries to send a press that waits. */
const TRY_MS = 2000;
/** How long a press on a card does not count after it has come to its place, or become what it is: the second tap of two was meant for what was there before. */
const SETTLE_MS = 600;
/** How far a card has to have moved for that, in pixels. */
const MOVED = 12;
const NEXT = { accepted: ['start', 'Start'], preparing: ['ready', 'Ready'], ready: ['collect', 'Collected'] };
const SAID = { start: 'Start', ready: 'Ready', collect: 'Collected', recall: 'Recall', void: 'Void' };
const OPS = { add: '+', remove: 'NO', extra: 'EXTRA', light: 'LIGHT', note: '✎' };
const REASONS = ['The customer left', 'We are out of it', 'Ordered twice', 'We misread it'];

/** What this screen keeps in its browser. */
function kept(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`greenbite-kitchen-${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(`greenbite-kitchen-${key}`, JSON.stringify(value));
  } catch { /* storage may be closed to us: it lasts as long as the page */ }
}

const settings = { amber: 8, red: 15, sound: false, allDay: true, ...kept('settings', {}) };
/** Presses that the server has not answered, by order. */
const waiting = new Map(Object.entries(kept('waiting', {})).map(([number, press]) => [Number(number), press]));
/** Items that are ticked, by order. */
const ticks = new Map(Object.entries(kept('ticks', {})).map(([number, list]) => [Number(number), new Set(list)]));
let category = kept('category', '');
let newest = kept('newest', 0);

const keepWaiting = () => keep('waiting', Object.fromEntries(waiting));
const keepTicks = () => keep('ticks', Object.fromEntries([...ticks].map(([number, set]) => [number, [...set]])));
const who = () => localStorage.getItem('greenbite-name')?.trim() || 'kitchen';

export function render(view, { signal }) {
  let tickets = [];
  const cards = new Map(); // as they were drawn: what did not change stays, also under a finger
  const places = new Map(); // where each card is, and until when it settles there
  let ahead = 0; // the server's clock before this one's
  let trouble = '';
  let saidLocked = false;
  const board = el('div', { class: 'board', role: 'list', 'aria-label': 'To make' });
  const ready = el('div', { class: 'pass', role: 'list', 'aria-label': 'Ready to collect' });
  const allDay = el('ul', { class: 'all-day' });
  const filter = el('div', { class: 'row filter', role: 'group', 'aria-label': 'Category' });
  const says = el('p', { class: 'trouble', role: 'alert', hidden: true });
  const count = el('span', { class: 'lead' });
  const sound = el('button', { type: 'button', id: 'sound', onclick: () => { settings.sound = !settings.sound; keepSettings(); if (settings.sound) chime(); } });
  const dayButton = el('button', { type: 'button', id: 'all-day', onclick: () => { settings.allDay = !settings.allDay; keepSettings(); draw(); } }, 'All day');
  const day = el('section', { class: 'panel', 'aria-label': 'All day' }, el('h2', {}, 'All day'), allDay);
  const side = el('aside', {}, el('section', { 'aria-label': 'Ready' }, el('h2', {}, 'Ready'), ready), day);

  function keepSettings() {
    keep('settings', settings);
    sound.textContent = settings.sound ? 'Sound on' : 'Sound off';
    sound.setAttribute('aria-pressed', settings.sound);
    dayButton.setAttribute('aria-pressed', settings.allDay);
  }
  keepSettings();

  view.append(
    el('div', { class: 'kitchen-head' },
      el('h1', {}, 'Kitchen'), count, filter,
      el('div', { class: 'row' }, dayButton, sound, el('button', { type: 'button', id: 'settings', onclick: () => adjust(() => { keepSettings(); draw(); }) }, 'Settings'))),
    says, el('div', { class: 'kitchen-body' }, board, side));

  /** Asks for the list. */
  const refresh = oneAtATime(async () => {
    try {
      const answer = await get('/api/kitchen');
      ahead = new Date(answer.now) - Date.now();
      tickets = answer.tickets;
      trouble = tickets.length >= answer.most ? `These are the newest ${answer.most} orders that nobody has collected or voided. Older ones: greenbite order list.` : '';
      const open = new Set(tickets.map((ticket) => ticket.number));
      for (const number of [...ticks.keys()]) if (!open.has(number)) ticks.delete(number);
      keepTicks();
      const last = Math.max(newest, 0, ...open);
      if (last > newest) {
        if (newest && settings.sound) chime();
        newest = last;
        keep('newest', newest);
      }
    } catch (error) {
      trouble = `This list is from before: ${error.message}`;
    }
    draw();
  });

  /** Sends what waits, oldest first; what the server refuses is said and given up. */
  const send = oneAtATime(async () => {
    for (const [number, press] of [...waiting]) {
      try {
        await post(`/api/orders/${number}/steps`, press);
      } catch (error) {
        const locked = [401, 403].includes(error.status);
        if (locked && !saidLocked) toast(LOCKED, 'bad');
        saidLocked = locked;
        if (locked || !(error.status >= 400 && error.status < 500)) continue;
        toast(error.message, 'bad');
      }
      if (waiting.get(number) === press) waiting.delete(number);
      keepWaiting();
    }
    refresh();
  });

  function press(ticket, step, why) {
    // Whoever says why has read which order it is.
    if (waiting.has(ticket.number) || (!why && isSettling(ticket))) return;
    if (!mayChange()) return;
    waiting.set(ticket.number, { step, who: who(), after: ticket.steps, ...(why ? { why } : {}) });
    keepWaiting();
    draw();
    send();
  }

  const isSettling = (ticket) => performance.now() < (places.get(ticket.number)?.until ?? 0);

  /** Notes which cards came or moved, and shows that a press on them does not count yet. */
  function settle(shown) {
    let settling = false;
    for (const ticket of shown) {
      const { node } = cards.get(ticket.number);
      const box = node.getBoundingClientRect();
      const place = { left: box.left + scrollX, top: box.top + scrollY, state: ticket.state };
      const before = places.get(ticket.number);
      const same = before && before.state === place.state && Math.hypot(before.left - place.left, before.top - place.top) < MOVED;
      places.set(ticket.number, { ...place, until: same ? before.until : performance.now() + SETTLE_MS });
      node.classList.toggle('settling', isSettling(ticket));
      settling ||= isSettling(ticket);
    }
    for (const number of [...places.keys()]) if (!shown.some((ticket) => ticket.number === number)) places.delete(number);
    clearTimeout(settled);
    if (settling) settled = setTimeout(() => settle(shown), SETTLE_MS / 4);
  }
  let settled = 0;

  function tick(ticket, at) {
    if (isSettling(ticket)) return;
    const set = ticks.get(ticket.number) ?? new Set();
    if (!set.delete(at)) set.add(at);
    ticks.set(ticket.number, set);
    keepTicks();
    draw();
  }

  const acts = { press, tick };

  function draw() {
    const focused = document.activeElement?.closest?.('.kitchen-ticket')?.dataset.order;
    const part = document.activeElement?.dataset?.part;
    const inside = tickets.some((ticket) => String(ticket.number) === focused);
    const unseen = [...waiting].filter(([number]) => !tickets.some((ticket) => ticket.number === number));
    const told = [trouble, unseen.length ? `Waits to be sent: ${unseen.map(([number, held]) => `${SAID[held.step]} ${number}`).join(', ')}` : ''].filter(Boolean).join(' ');
    says.hidden = !told;
    says.textContent = told;
    const categories = [...new Set(tickets.flatMap((ticket) => ticket.lines.map((line) => line.category)).filter(Boolean))].sort();
    if (category && !categories.includes(category)) categories.push(category);
    fill(filter, categories.length > 1 || category ? ['', ...categories].map((one) => el('button', {
      type: 'button', 'aria-pressed': String(one === category), onclick: () => { category = one; keep('category', one); draw(); },
    }, one || 'All')) : null);
    const mine = (ticket) => !category || ticket.lines.some((line) => line.category === category);
    const shown = tickets.filter(mine);
    const toMake = shown.filter((ticket) => ticket.state !== 'ready');
    const done = shown.filter((ticket) => ticket.state === 'ready');
    const now = Date.now() + ahead;
    count.textContent = `${toMake.length} to make, ${done.length} ready`;
    const cardOf = (ticket) => {
      const key = JSON.stringify([ticket, waiting.get(ticket.number), [...ticks.get(ticket.number) ?? []], category, settings]);
      const old = cards.get(ticket.number);
      const node = old?.key === key ? old.node : card(ticket, now, acts);
      cards.set(ticket.number, { key, node });
      return node;
    };
    arrange(board, toMake.length ? toMake.map(cardOf) : [empty('Nothing to make.')]);
    arrange(ready, done.length ? done.map(cardOf) : [empty('Nothing waits.')]);
    for (const number of [...cards.keys()]) if (!shown.some((ticket) => ticket.number === number)) cards.delete(number);
    fill(allDay, totals(toMake).map(([item, number]) => el('li', {}, el('strong', {}, number), el('span', {}, item))));
    day.hidden = !settings.allDay || !toMake.length;
    settle(shown);
    if (inside && document.activeElement?.closest?.('.kitchen-ticket')?.dataset.order !== focused) {
      const again = view.querySelector(`.kitchen-ticket[data-order="${focused}"]`);
      (again?.querySelector(`[data-part="${part}"]`) ?? again)?.focus({ preventScroll: true });
    }
  }

  on('events', (events) => {
    if (!events.length || events.some((event) => event.topic === 'registered.order' || event.topic.startsWith('kitchen.'))) refresh();
  }, signal);
  on('connection', (connected) => { if (connected) refresh(); }, signal);
  const timers = [setInterval(refresh, LOOK_MS), setInterval(() => { if (waiting.size) send(); }, TRY_MS), setInterval(() => age(view, Date.now() + ahead), 1000)];
  signal.addEventListener('abort', () => {
    timers.forEach(clearInterval);
    clearTimeout(settled);
  });
  document.addEventListener('keydown', (event) => keys(event, view, () => tickets, acts), { signal });
  refresh();
  if (waiting.size) send();
}

/** Has a node hold these and no others, in this order, and touches none that is in its place. */
function arrange(node, wanted) {
  for (const child of [...node.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, at) => { if (node.children[at] !== child) node.insertBefore(child, node.children[at] ?? null); });
}

/** How many of each item are still to make, most first. */
function totals(tickets) {
  const sums = new Map();
  for (const ticket of tickets) {
    ticket.lines.forEach((line, at) => {
      if (ticks.get(ticket.number)?.has(at) || (category && line.category !== category)) return;
      const item = [line.size, line.item].filter(Boolean).join(' ');
      sums.set(item, (sums.get(item) ?? 0) + line.quantity);
    });
  }
  return [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

/** Words of a customer with those that name an allergen, or an allergy, in their colour. */
function marked(words) {
  return words.map((piece) => (piece.allergen || piece.warns ? el('mark', { class: 'allergy', title: piece.allergen ?? 'allergy' }, piece.text) : piece.text));
}

function wish(ticket, modifier) {
  // "extra cheese" is a wish like others; that something must not be in it, or a note, may be about an allergy.
  const about = ['remove', 'light', 'note'].includes(modifier.op) && ticket.delicate.includes(modifier.name);
  return el('li', { class: `wish ${modifier.op}${about ? ' allergy' : ''}` }, el('span', { class: 'op' }, OPS[modifier.op] ?? modifier.op), ' ', modifier.name);
}

function line(ticket, one, at, acts) {
  const ticked = ticks.get(ticket.number)?.has(at) ?? false;
  const other = category && one.category !== category;
  return el('li', { class: `item${ticked ? ' ticked' : ''}${other ? ' other' : ''}` },
    el('button', { type: 'button', class: 'tick', 'data-part': `tick-${at}`, 'aria-pressed': String(ticked), onclick: () => acts.tick(ticket, at) },
      el('span', { class: 'quantity' }, one.quantity),
      el('span', { class: 'what' }, one.size ? el('span', { class: 'size' }, `${one.size} `) : null, one.item)),
    one.modifiers.length ? el('ul', { class: 'wishes' }, one.modifiers.map((modifier) => wish(ticket, modifier))) : null);
}

function card(ticket, now, acts) {
  const held = waiting.get(ticket.number);
  const [step, label] = NEXT[ticket.state];
  const allergens = ticket.warning;
  const button = (text, part, kind, onclick) => el('button', { type: 'button', class: kind, 'data-part': part, disabled: !!held, onclick }, text);
  const minutes = el('time', { class: 'age', 'data-since': ticket.created_at, datetime: ticket.created_at });
  const node = el('article', { class: `kitchen-ticket ${ticket.state}`, role: 'listitem', tabindex: '0', dataset: { order: ticket.number }, 'aria-label': `Order ${ticket.number}, ${ticket.state}` },
    el('header', {}, el('h2', {}, ticket.number), el('span', { class: 'state' }, ticket.state === 'accepted' ? 'new' : ticket.state === 'preparing' ? 'cooking' : 'ready'), minutes),
    allergens ? el('p', { class: 'warning' }, '⚠ ALLERGY', allergens.length ? `: ${allergens.join(', ')}` : '') : null,
    el('ol', { class: 'items' }, ticket.lines.map((one, at) => line(ticket, one, at, acts))),
    ticket.customer ? el('p', { class: 'customer' }, ticket.customer) : null,
    held ? el('p', { class: 'held', role: 'status' }, `${SAID[held.step]}: waits to be sent…`) : null,
    el('footer', {},
      button(label, step, 'primary next', () => acts.press(ticket, step)),
      ticket.state === 'ready' ? button('Recall', 'recall', '', () => acts.press(ticket, 'recall')) : button('Void', 'void', 'danger', () => callOff(ticket, acts)),
      el('button', { type: 'button', class: 'why', 'data-part': 'why', 'aria-label': `Message, order ${ticket.number}`, onclick: () => explain(ticket) }, 'Message')));
  colour(minutes, node, now);
  return node;
}

/** Minutes since the order came, and the colour that they turn. */
function colour(minutes, ticket, now) {
  const seconds = Math.max(0, Math.floor((now - new Date(minutes.dataset.since)) / 1000));
  const passed = seconds / 60;
  minutes.textContent = passed < 60 ? `${Math.floor(passed)}:${String(seconds % 60).padStart(2, '0')}` : `${Math.floor(passed / 60)} h ${Math.floor(passed % 60)} min`;
  ticket.dataset.age = ticket.classList.contains('ready') ? 'done' : passed >= settings.red ? 'red' : passed >= settings.amber ? 'amber' : 'fresh';
}

function age(view, now) {
  for (const minutes of view.querySelectorAll('.age')) colour(minutes, minutes.closest('.kitchen-ticket'), now);
}

/** A dialog that goes when it is closed. */
function ask(label, ...children) {
  const dialog = el('dialog', { class: 'kitchen-dialog', 'aria-label': label }, el('h2', {}, label), children);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** The customer's words, and why the line read them so. */
async function explain(ticket) {
  const reasons = el('ol', { class: 'reasons' }, el('li', {}, ticket.reason));
  const dialog = ask(`Order ${ticket.number}`,
    el('blockquote', { class: 'words' }, marked(ticket.words)),
    el('ul', { class: 'read' }, ticket.lines.map((one) => el('li', {}, `“${one.phrase}” → ${one.quantity} × ${[one.size, one.item].filter(Boolean).join(' ')}`))),
    reasons,
    el('div', { class: 'row end' }, link(`/messages/${ticket.message_id}`, 'Its whole journey', { onclick: () => dialog.close() }),
      el('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'Close')));
  try {
    const { steps } = await get(`/api/messages/${ticket.message_id}`);
    const told = steps.filter((step) => step.reason && /^(classified|extracted|validated|kitchen)/.test(step.topic));
    if (told.length) fill(reasons, told.map((step) => el('li', {}, el('span', { class: 'dim' }, `${step.topic.startsWith('kitchen') ? step.decided_by : step.station}: `), step.reason)));
  } catch { /* without the bus there is the reason that the order itself has */ }
}

/** Asks why an order is called off. */
function callOff(ticket, acts) {
  const why = el('input', { type: 'text', name: 'why', required: true, maxlength: '300', 'aria-label': 'Why' });
  const opened = performance.now();
  const end = (reason) => {
    // The second tap of two meant the ticket, not what opened over it.
    if (performance.now() - opened < SETTLE_MS) return;
    dialog.close();
    acts.press(ticket, 'void', reason);
  };
  const dialog = ask(`Void order ${ticket.number}: why?`,
    el('div', { class: 'choices' }, REASONS.map((reason) => el('button', { type: 'button', onclick: () => end(reason) }, reason))),
    el('form', { onsubmit: (event) => { event.preventDefault(); if (why.value.trim()) end(why.value.trim()); } },
      why, el('div', { class: 'row end' },
        el('button', { type: 'button', onclick: () => dialog.close() }, 'Keep it'),
        el('button', { class: 'danger' }, 'Void'))));
}

/** Name, and the minutes at which a ticket turns. */
function adjust(changed) {
  const field = (label, attributes) => el('label', {}, label, el('input', attributes));
  const form = el('form', {
    class: 'fields',
    onsubmit: (event) => {
      event.preventDefault();
      const data = new FormData(form);
      settings.amber = Number(data.get('amber'));
      settings.red = Math.max(Number(data.get('red')), settings.amber);
      localStorage.setItem('greenbite-name', data.get('who'));
      dialog.close();
      changed();
    },
  },
  field('Who presses', { name: 'who', maxlength: '80', value: who() }),
  field('Amber after minutes', { name: 'amber', type: 'number', min: '1', max: '600', required: true, value: settings.amber }),
  field('Red after minutes', { name: 'red', type: 'number', min: '1', max: '600', required: true, value: settings.red }),
  el('button', { class: 'primary' }, 'Done'));
  const dialog = ask('Settings of this screen', form,
    el('p', { class: 'dim' }, 'Keys: arrows go from ticket to ticket, Enter takes the next step, 1 to 9 tick an item, W shows the message, R recall, V void.'));
}

/** One short sound, made here: no file, and nothing to wait for. */
function chime() {
  try {
    const audio = new AudioContext();
    const volume = audio.createGain();
    volume.gain.setValueAtTime(0.4, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.9);
    volume.connect(audio.destination);
    [880, 1320].forEach((pitch, at) => {
      const tone = audio.createOscillator();
      tone.frequency.value = pitch;
      tone.connect(volume);
      tone.start(audio.currentTime + at * 0.18);
      tone.stop(audio.currentTime + 0.9);
    });
    setTimeout(() => audio.close(), 1500);
  } catch { /* a browser that nobody has touched yet stays silent */ }
}

/** One hand on a keyboard: where the focus is on a ticket, a key is a press. */
function keys(event, view, tickets, acts) {
  // A key that is held down is one press, wherever the focus goes meanwhile.
  if (event.repeat && !event.key.startsWith('Arrow') && event.target.matches('button, .kitchen-ticket')) {
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') || event.target.matches('input, select, textarea')) return;
  const cards = [...view.querySelectorAll('.kitchen-ticket')];
  const at = cards.indexOf(document.activeElement?.closest('.kitchen-ticket'));
  const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (move) {
    event.preventDefault();
    cards[at < 0 ? 0 : Math.min(Math.max(at + move, 0), cards.length - 1)]?.focus();
    return;
  }
  const ticket = at < 0 ? null : tickets().find((one) => String(one.number) === cards[at].dataset.order);
  if (!ticket || (event.key === 'Enter' && document.activeElement !== cards[at])) return;
  const key = event.key.toLowerCase();
  const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : -1;
  if (key === 'enter') acts.press(ticket, NEXT[ticket.state][0]);
  else if (key === 'r' && ticket.state === 'ready') acts.press(ticket, 'recall');
  else if (key === 'v' && ticket.state !== 'ready' && !waiting.has(ticket.number)) callOff(ticket, acts);
  else if (key === 'w') explain(ticket);
  else if (digit >= 0 && digit < ticket.lines.length) acts.tick(ticket, digit);
  else return;
  event.preventDefault();
}

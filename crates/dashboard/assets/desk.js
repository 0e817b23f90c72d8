// The order desk: orders as they come, reviews that a person settles, enquiries to answer.

import { get, mayChange, oneAtATime, post } from './api.js';
import { chip, command, el, empty, fill, head, link, toast } from './dom.js';
import { clock, money, score } from './format.js';
import { on } from './live.js';

export const name = 'desk';

export function render(view, { signal }) {
  const orders = el('div', { class: 'tickets' });
  const reviews = el('div', { class: 'tickets' });
  const enquiries = el('div', { class: 'tickets' });
  const total = el('span', { class: 'lead' });
  view.append(
    head('Order desk', 'What the kitchen cooks, what waits for you, what wants an answer.'),
    el('div', { class: 'desk-columns' },
      el('section', { 'aria-label': 'Reviews' }, el('h2', {}, 'For you to decide'), reviews),
      el('section', { 'aria-label': 'Orders' }, el('h2', { class: 'line-head' }, 'Orders', total), orders),
      el('section', { 'aria-label': 'Enquiries' }, el('h2', {}, 'Enquiries'), enquiries)),
    el('div', { class: 'commands' },
      command("nats sub 'greenbite.registered.>'"),
      command('greenbite export orders --day today', 'As a spreadsheet')));

  const refresh = oneAtATime(async () => {
    try {
      const desk = await get('/api/desk');
      fill(total, `${desk.order_count} orders, ${money(desk.order_total_cents)}`);
      fill(orders, desk.orders.map(orderTicket));
      fill(reviews, desk.reviews.map((review) => reviewTicket(review, refresh)));
      fill(enquiries, desk.enquiries.map(enquiryTicket));
      if (!desk.orders.length) fill(orders, empty('No orders yet.'));
      if (!desk.reviews.length) fill(reviews, empty('Nothing to decide.'));
      if (!desk.enquiries.length) fill(enquiries, empty('Nobody asks.'));
    } catch (error) {
      toast(error.message, 'bad');
    }
  });
  refresh();
  let due = false;
  on('events', (events) => {
    if (!events.length || events.some((event) => event.topic.startsWith('registered.'))) due = true;
  }, signal);
  // A person who is in the middle of a decision keeps the form that he or she has.
  const deciding = () => reviews.contains(document.activeElement) && document.activeElement.matches('select, input');
  on('state', () => {
    if (due && !deciding()) {
      due = false;
      refresh();
    }
  }, signal);
}

function lines(list) {
  return el('ul', { class: 'lines' }, list.map((line) => el('li', {},
    el('div', { class: 'line-head' },
      el('span', {}, el('strong', {}, `${line.quantity} × ${line.item}`), line.size ? ` ${line.size}` : ''),
      el('span', { class: 'price' }, money(line.total_cents))),
    wishes(line.modifiers))));
}

const OPS = { add: '+', remove: 'no', extra: 'extra', light: 'light' };

function wishes(modifiers) {
  if (!modifiers?.length) return null;
  return el('div', { class: 'mods' }, modifiers.map((modifier) => el('span', { class: `mod ${modifier.op}` }, `${OPS[modifier.op]} ${modifier.name}`)));
}

function footer(item) {
  return el('footer', {}, link(`/messages/${item.message_id}`, `message #${item.message_id}`), ' · ', clock(item.created_at));
}

function orderTicket(order) {
  return el('article', { class: 'ticket order' },
    el('header', {}, el('h3', {}, `Order ${order.number}`), el('strong', { class: 'price' }, money(order.total_cents))),
    lines(order.lines), el('p', { class: 'words' }, order.text), footer(order));
}

function enquiryTicket(enquiry) {
  return el('article', { class: 'ticket enquiry' },
    el('header', {}, el('h3', {}, `Enquiry ${enquiry.number}`), chip(enquiry.topic.replace('_', ' '))),
    el('p', { class: 'words' }, enquiry.text),
    el('p', { class: 'reason' }, enquiry.reason),
    enquiry.proposed_reply ? el('p', { class: 'reply' }, el('strong', {}, 'Proposed reply: '), enquiry.proposed_reply) : null,
    footer(enquiry));
}

function reviewTicket(review, refresh) {
  const who = el('input', { type: 'text', required: true, placeholder: 'your name', autocomplete: 'name', 'aria-label': 'Your name', maxlength: '80', value: localStorage.getItem('greenbite-name') ?? '' });
  const choices = [];
  const rows = review.lines.map((line, index) => {
    const options = [...new Map([
      ...(line.matched ? [[line.matched.slug, line.matched.name]] : []),
      ...line.candidates.map((candidate) => [candidate.slug, `${candidate.name}, ${money(candidate.price_cents)}, score ${score(candidate.score)}`]),
    ])];
    const select = el('select', { 'aria-label': `Item for ${line.phrase}` },
      options.map(([slug, label]) => el('option', { value: slug }, label)),
      el('option', { value: '' }, 'leave this line out'));
    choices.push(() => ({ line: index, slug: select.value || null }));
    return el('li', {},
      el('div', { class: 'line-head' }, el('strong', {}, `${line.quantity} × “${line.phrase}”`), chip(line.verdict)),
      el('div', { class: 'dim' }, line.reason),
      wishes(line.modifiers),
      select);
  });
  const settle = async (decision) => {
    if (!mayChange()) return;
    if (!who.value.trim()) {
      who.focus();
      toast('Say who decides.', 'bad');
      return;
    }
    localStorage.setItem('greenbite-name', who.value.trim());
    try {
      await post(`/api/reviews/${review.message_id}/settle`, { by: who.value.trim(), decision, lines: choices.map((choice) => choice()) });
      toast(decision === 'accept' ? 'On its way to the kitchen.' : 'Refused: it becomes an enquiry.');
      document.activeElement?.blur();
      refresh();
    } catch (error) {
      toast(error.message, 'bad');
    }
  };
  return el('article', { class: 'ticket review', dataset: { review: review.number } },
    el('header', {}, el('h3', {}, `Review ${review.number}`)),
    el('p', { class: 'words' }, review.text),
    el('p', { class: 'reason' }, review.reason),
    el('ul', { class: 'lines' }, rows),
    el('div', { class: 'row decide' }, who,
      el('button', { type: 'button', class: 'primary', onclick: () => settle('accept') }, 'To the kitchen'),
      el('button', { type: 'button', class: 'danger', onclick: () => settle('refuse') }, 'Refuse')),
    footer(review));
}

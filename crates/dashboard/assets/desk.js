// The order desk: orders as they come, reviews that a person settles, enquiries that a person answers, and what may be
// learned from the answers.

import { get, mayChange, oneAtATime, post } from './api.js';
import { chip, command, el, empty, fill, head, link, toast } from './dom.js';
import { clock, money, score } from './format.js';
import { on } from './live.js';

export const name = 'desk';

export function render(view, { signal }) {
  const orders = el('div', { class: 'tickets' });
  const reviews = el('div', { class: 'tickets' });
  const enquiries = el('div', { class: 'tickets' });
  const drafts = el('div', { class: 'tickets' });
  const total = el('span', { class: 'lead' });
  view.append(
    head('Order desk', 'What the kitchen cooks, what waits for you, what wants an answer.'),
    el('div', { class: 'desk-columns' },
      el('section', { 'aria-label': 'Reviews' }, el('h2', {}, 'For you to decide'), reviews),
      el('section', { 'aria-label': 'Orders' }, el('h2', { class: 'line-head' }, 'Orders', total), orders),
      el('section', { 'aria-label': 'Enquiries' }, el('h2', {}, 'Enquiries'), enquiries,
        el('h2', {}, 'To be learned'), drafts)),
    el('div', { class: 'commands' },
      command("nats sub 'greenbite.registered.>'"),
      command('greenbite export orders --day today', 'As a spreadsheet')));

  const refresh = oneAtATime(async () => {
    try {
      const desk = await get('/api/desk');
      fill(total, `${desk.order_count} orders, ${money(desk.order_total_cents)}`);
      fill(orders, desk.orders.map(orderTicket));
      if (!desk.orders.length) fill(orders, empty('No orders yet.'));
      // A person who is in the middle of a decision keeps the forms that he or she has.
      const forms = (node, list, ticket, none) => {
        if (!busy(node)) fill(node, list.length ? list.map((one) => ticket(one, refresh)) : empty(none));
      };
      forms(reviews, desk.reviews, reviewTicket, 'Nothing to decide.');
      forms(enquiries, desk.enquiries, enquiryTicket, 'Nobody asks.');
      forms(drafts, desk.drafts, draftTicket, 'Nothing: answers of your own come here, to be confirmed.');
    } catch (error) {
      toast(error.message, 'bad');
    }
  });
  refresh();
  let due = false;
  on('events', (events) => {
    if (!events.length || events.some((event) => /^(registered|answered)\./.test(event.topic))) due = true;
  }, signal);
  on('state', () => {
    if (!due) return;
    // What was kept is drawn anew when it is done with.
    due = [reviews, enquiries, drafts].some(busy);
    refresh();
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

/** Whether somebody is in there, or has begun to write. */
function busy(node) {
  const inside = node.contains(document.activeElement) && document.activeElement.matches('select, input, textarea');
  return inside || [...node.querySelectorAll('textarea')].some((box) => box.value !== box.defaultValue);
}

/** Where one writes; line ends as browsers have them, or it would look written in from the start. */
function writingBox(label, text) {
  return el('textarea', { rows: '3', maxlength: '2000', placeholder: label, 'aria-label': label }, text.replace(/\r\n?/g, '\n'));
}

/** Where one says who decides; kept for the next time. */
function nameField() {
  return el('input', { type: 'text', required: true, placeholder: 'your name', autocomplete: 'name', 'aria-label': 'Your name', maxlength: '80', value: localStorage.getItem('greenbite-name') ?? '' });
}

/** The name in that field; nothing, and a word about it, where it is empty. */
function nameIn(field) {
  const name = field.value.trim();
  if (!name) {
    field.focus();
    toast('Say who decides.', 'bad');
  } else localStorage.setItem('greenbite-name', name);
  return name;
}

/** Sends a decision; what was written is done with then. */
async function decide(path, body, said, box, refresh) {
  try {
    await post(path, body);
    toast(said);
  } catch (error) {
    toast(error.message, 'bad');
    // Somebody else was quicker: what was written here comes too late.
    if (![404, 409].includes(error.status)) return;
  }
  box.defaultValue = box.value;
  document.activeElement?.blur();
  refresh();
}

function enquiryTicket(enquiry, refresh) {
  const top = [
    el('header', {}, el('h3', {}, `Enquiry ${enquiry.number}`), chip(enquiry.topic.replace('_', ' '))),
    el('p', { class: 'words' }, enquiry.text),
    el('p', { class: 'reason' }, enquiry.reason),
  ];
  const ticket = (...rest) => el('article', { class: 'ticket enquiry', dataset: { enquiry: enquiry.number } }, ...top, ...rest, footer(enquiry));
  if (enquiry.answered_by) return ticket(el('p', { class: 'reply' }, el('strong', {}, `${enquiry.answered_by}: `), enquiry.answer));
  const who = nameField();
  const box = writingBox('Your answer', enquiry.proposed ?? '');
  const send = () => {
    if (!mayChange()) return;
    const by = nameIn(who);
    if (by) decide(`/api/enquiries/${enquiry.message_id}/answer`, { by, text: box.value }, 'Answered.', box, refresh);
  };
  return ticket(
    enquiry.comes_from ? el('p', { class: 'dim' }, `Proposed from ${enquiry.comes_from}`) : null,
    enquiry.careful ? el('p', { class: 'reason' }, 'About health: confirm it before the customer gets it.') : null,
    box,
    el('div', { class: 'row decide' }, who, el('button', { type: 'button', class: 'primary', onclick: send }, 'This is the answer')));
}

function draftTicket(draft, refresh) {
  const who = nameField();
  const box = writingBox('The question, in general words', draft.questions[0]);
  const path = `/api/knowledge/${encodeURIComponent(draft.id)}`;
  const confirm = () => {
    if (!mayChange()) return;
    const by = nameIn(who);
    if (by) decide(`${path}/confirm`, { by, question: box.value }, 'Learned: whoever asks so is answered so.', box, refresh);
  };
  const discard = () => {
    if (mayChange()) decide(`${path}/discard`, {}, 'Nothing is learned from it.', box, refresh);
  };
  return el('article', { class: 'ticket enquiry', dataset: { draft: draft.id } },
    el('header', {}, el('h3', {}, draft.id), chip(draft.language)),
    box,
    el('p', { class: 'reply' }, draft.answer),
    el('div', { class: 'row decide' }, who,
      el('button', { type: 'button', class: 'primary', onclick: confirm }, 'Confirm'),
      el('button', { type: 'button', onclick: discard }, 'Discard')));
}

function reviewTicket(review, refresh) {
  const who = nameField();
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
    const by = nameIn(who);
    if (!by) return;
    try {
      await post(`/api/reviews/${review.message_id}/settle`, { by, decision, lines: choices.map((choice) => choice()) });
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

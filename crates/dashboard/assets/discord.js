// A notification as Discord shows it.

import { el } from './dom.js';

/** Discord's payload as the card that a cook sees. */
export function preview(payload) {
  return el('div', { class: 'discord' },
    payload.content ? el('p', {}, markdown(payload.content)) : null,
    (payload.embeds ?? []).map((embed) => {
      const card = el('div', { class: 'embed' },
        embed.author ? el('div', { class: 'embed-author' }, embed.author.name) : null,
        embed.title ? el('div', { class: 'embed-title' }, markdown(embed.title)) : null,
        embed.description ? el('div', { class: 'embed-text' }, markdown(embed.description)) : null,
        el('div', { class: 'embed-fields' }, (embed.fields ?? []).map((field) =>
          el('div', { class: field.inline ? 'inline' : '' },
            el('div', { class: 'embed-name' }, markdown(field.name)), el('div', { class: 'embed-text' }, markdown(field.value))))),
        embed.footer ? el('div', { class: 'embed-footer' }, embed.footer.text) : null);
      if (Number.isInteger(embed.color)) card.style.borderLeftColor = `#${embed.color.toString(16).padStart(6, '0')}`;
      return card;
    }));
}

/** The part of Discord's markdown that the notifier writes: bold, italics, quotes, headings, escapes. */
function markdown(text) {
  return String(text).split('\n').map((line) => {
    const quote = /^>\s?/.exec(line);
    const heading = /^(#{1,3})\s/.exec(line);
    const body = inline(line.slice((quote ?? heading)?.[0].length ?? 0));
    return el('div', { class: quote ? 'quote' : heading ? `heading h${heading[1].length}` : '' }, body.length ? body : '\u00a0');
  });
}

function inline(line) {
  const out = [];
  let text = '';
  const flush = () => {
    if (text) out.push(text);
    text = '';
  };
  for (let at = 0; at < line.length; at++) {
    if (line[at] === '\\' && at + 1 < line.length && /[^\w\s]/.test(line[at + 1])) {
      text += line[++at];
      continue;
    }
    const mark = ['**', '__', '~~', '*', '_', '`'].find((mark) => line.startsWith(mark, at));
    if (mark) {
      let end = at + mark.length;
      while (end < line.length && !line.startsWith(mark, end)) end += line[end] === '\\' ? 2 : 1;
      if (end < line.length) {
        flush();
        const tag = { '**': 'strong', __: 'u', '~~': 's', '*': 'em', _: 'em', '`': 'code' }[mark];
        out.push(el(tag, {}, inline(line.slice(at + mark.length, end))));
        at = end + mark.length - 1;
        continue;
      }
    }
    text += line[at];
  }
  flush();
  return out;
}

// Numbers and times as people read them.

let currency = '$';

/** A sign, printed before an amount, or a code, printed after it. */
export function setCurrency(name) {
  if (name) currency = name;
}

export function money(cents) {
  const amount = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 }).format(Math.abs(cents) / 100);
  const sign = cents < 0 ? '-' : '';
  return /^\p{L}+$/u.test(currency) ? `${sign}${amount} ${currency}` : `${sign}${currency}${amount}`;
}

export function clock(time) {
  return new Date(time).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

export function moment(time) {
  return new Date(time).toLocaleString();
}

/** Milliseconds as 0.4 ms, 12 ms, 1.3 s, 2 min. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '–';
  if (ms < 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3600000) return `${Math.round(ms / 60000)} min`;
  return `${(ms / 3600000).toFixed(1)} h`;
}

export function count(number) {
  return new Intl.NumberFormat().format(number ?? 0);
}

export function score(value) {
  return value === null || value === undefined ? '' : value.toFixed(2);
}

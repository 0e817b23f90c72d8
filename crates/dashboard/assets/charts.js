// Messages by outcome and how long each stage takes, over the last minutes.

import uPlot from './vendor/uplot/uPlot.esm.js';
import { get } from './api.js';
import { el, fill } from './dom.js';

const OUTCOMES = ['order', 'review', 'enquiry', 'misc'];
// Two minutes at least: a chart of one bar says little.
const FEWEST = 24;
const STAGES = ['classified', 'extracted', 'validated', 'registered', 'notified'];

export function render(box, signal) {
  const outcomes = el('div', { class: 'chart' });
  const latency = el('div', { class: 'chart' });
  const table = el('div', { class: 'visually-hidden' });
  fill(box, el('h2', {}, 'Messages by outcome, each 5 s'), outcomes, el('h2', {}, 'Time from stage to stage, median ms'), latency, table);

  let plots = [];
  let data = null;

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }

  function options(width, series, scale) {
    const grid = { stroke: colour('grid'), width: 1 };
    const axis = { stroke: colour('muted'), grid, ticks: grid, font: '13px system-ui' };
    return {
      width, height: 190, series: [{}, ...series],
      scales: { x: { time: true }, y: scale },
      axes: [{ ...axis }, { ...axis, size: 44 }],
      cursor: { points: { size: 6 } },
      legend: { live: true },
    };
  }

  /** What there is to draw, from the first message on. */
  function drawn() {
    const { times } = data;
    const any = times.findIndex((_, at) => OUTCOMES.some((name) => data.outcomes[name]?.[at]));
    const from = Math.max(0, Math.min(any < 0 ? times.length : any, times.length - FEWEST));
    const since = (values) => values.slice(from);
    // Stacked: each series is drawn over the sum of those after it.
    const stacked = OUTCOMES.map((_, index) => since(times.map((_, at) =>
      OUTCOMES.slice(index).reduce((sum, name) => sum + (data.outcomes[name]?.[at] ?? 0), 0))));
    const medians = STAGES.map((name) => since(data.latency[name] ?? times.map(() => null)));
    const counts = Object.fromEntries(OUTCOMES.map((name) => [name, since(data.outcomes[name] ?? [])]));
    return { outcomes: [since(times), ...stacked], latency: [since(times), ...medians], counts };
  }

  let counts = {};

  function show() {
    if (!data || !box.isConnected) return;
    const now = drawn();
    counts = now.counts;
    plots[0].setData(now.outcomes);
    plots[1].setData(now.latency);
    fill(table, `Messages by outcome in the last minutes: ${OUTCOMES.map((name) =>
      `${name} ${counts[name].reduce((sum, value) => sum + value, 0)}`).join(', ')}.`);
  }

  function build() {
    for (const plot of plots) plot.destroy();
    plots = [];
    if (!data || !box.isConnected) return;
    const width = Math.max(260, box.clientWidth - 40);
    const bars = uPlot.paths.bars({ size: [0.7, 40] });
    plots.push(new uPlot(options(width, OUTCOMES.map((name, index) => ({
      label: name, fill: colour(name), stroke: colour(name), width: 0, paths: bars, points: { show: false },
      value: (_, __, ___, at) => (at === null || at === undefined ? '–' : counts[name]?.[at] ?? 0),
      index,
    })), { range: (_, __, most) => [0, Math.max(4, (most ?? 0) * 1.1)] }), null, outcomes));
    plots.push(new uPlot(options(width, STAGES.map((name, index) => ({
      label: name, stroke: colour(`series-${index + 1}`), width: 2, spanGaps: true, points: { show: false },
      value: (_, value) => (value === null || value === undefined ? '–' : `${value.toFixed(1)} ms`),
    })), { range: (_, __, most) => [0, Math.max(5, (most ?? 0) * 1.1)] }), null, latency));
    show();
  }

  async function refresh() {
    if (document.hidden) return;
    try {
      data = await get('/api/charts');
      if (plots.length) show();
      else build();
    } catch { /* the connection lamp says so */ }
  }

  refresh();
  const timer = setInterval(refresh, 5000);
  const observer = new ResizeObserver(() => build());
  observer.observe(box);
  addEventListener('themechange', build, { signal });
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    observer.disconnect();
    for (const plot of plots) plot.destroy();
  });
}

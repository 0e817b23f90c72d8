// Shows a token once; the browser then reads by the pass that the server gives for it.

import { reach } from './reach.js';

const refused = document.getElementById('refused');

async function enter(token) {
  const { response, text } = await reach('/api/enter', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
    body: '{}',
  });
  let answer = {};
  try {
    answer = JSON.parse(text);
  } catch { /* the status says enough */ }
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}.`);
  // What changes things is kept for this tab alone, as it is on the page itself.
  if (answer.owner) sessionStorage.setItem('greenbite-token', token);
  else sessionStorage.removeItem('greenbite-token');
  location.reload();
}

document.getElementById('enter').addEventListener('submit', (event) => {
  event.preventDefault();
  enter(document.getElementById('token').value.trim()).catch((error) => { refused.textContent = error.message; });
});

// The address printed at start carries the token behind '#', where no server ever sees it.
const given = /(?:^#|&)token=([^&]+)/.exec(location.hash);
if (given) {
  history.replaceState(null, '', location.pathname + location.search);
  enter(decodeURIComponent(given[1])).catch((error) => { refused.textContent = error.message; });
}

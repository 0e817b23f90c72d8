// The way to the server: one time-out, and words for whoever stands before a screen that does not get an answer.

/** How long an answer is waited for. */
const PATIENCE_MS = 8000;

/** Fetches and reads an answer as text; says in plain words that there is none. */
export async function reach(path, options) {
  try {
    const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    return { response, text: await response.text() };
  } catch (error) {
    if (error.name === 'TimeoutError') {
      const late = `GreenBite has not answered for ${PATIENCE_MS / 1000} seconds.`;
      throw new Error(options?.method === 'POST' ? `${late} It may have been done all the same: look before you press again.` : late);
    }
    throw new Error('GreenBite cannot be reached. Is this device on the network?');
  }
}

// Waiting for things to happen. A limit only ends a hang: nothing passes or fails by the clock.

const LIMIT_MS = 30_000;
const PAUSE_MS = 15;

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

/** Waits until `condition` gives something true, and returns it. `state` is shown when it never does. */
async function until(what, condition, state = () => undefined) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      const { child, ...shown } = state() ?? {};
      throw new Error(`waited in vain for ${what}: ${JSON.stringify(shown)}`);
    }
    await pause();
  }
}

/** The promise's value, or an error that says what did not happen. */
function within(what, promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

module.exports = { until, within };

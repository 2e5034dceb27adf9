/**
 * Preloaded into a server that is to run at another time: `CLOCK_SHIFT_MS` is added to what the
 * clock says. So a history of weeks comes about by real calls, in seconds.
 */
const shift = Number(process.env['CLOCK_SHIFT_MS'] ?? 0)
const real = Date.now
Date.now = () => real() + shift

/** The longest timer in milliseconds that Node takes: one beyond it fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

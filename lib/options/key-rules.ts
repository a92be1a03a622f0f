import type { RedisOptions } from 'ioredis';
import type { Condition, ConnectionDraft } from './connection-draft.js';
import type { BackplaneSettings } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { suggestion } from './suggestion.js';

/** Checks the value of one key and writes it to the draft. Throws a ConnectionStringError, which never shows the value. */
export type KeyRule = (draft: ConnectionDraft, value: string, key: string) => void;

type Setter<T> = (draft: ConnectionDraft, value: T, key: string) => void;

/** Rules by lower-case key. `key` has the documented spelling. */
export type KeyTable = ReadonlyMap<string, { readonly key: string; readonly rule: KeyRule }>;

/** The numbers that a key accepts, both ends included. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}

/** Milliseconds, up to the longest delay of Node's timers. */
export const MILLISECONDS: Range = { min: 1, max: 2_147_483_647, unit: 'milliseconds' };

/** Seconds, up to the longest delay of Node's timers. StackExchange.Redis uses -1 for the default. */
export const SECONDS: Range = { min: -1, max: 2_147_483, unit: 'seconds' };

/** Database numbers. Redis has no upper limit; this one is far beyond any real setup. */
export const DATABASES: Range = { min: 0, max: 65_535 };

const BOOLEANS = new Map<string, boolean>([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
]);

const PROTOCOLS = new Map<string, RedisOptions['protocol']>([
  ['2', 2],
  ['resp2', 2],
  ['3', 3],
  ['resp3', 3],
]);

/** Creates a table in which keys are found in any letter case. */
export function keyTable(rules: Readonly<Record<string, KeyRule>>): KeyTable {
  return new Map(Object.entries(rules).map(([key, rule]) => [key.toLowerCase(), { key, rule }]));
}

/** Sets the ioredis option of this name. */
export function redisOption<K extends keyof RedisOptions>(name: K): Setter<RedisOptions[K]> {
  return (draft, value) => {
    draft.redis[name] = value;
  };
}

/** Sets the backplane setting of this name. */
export function backplaneSetting<K extends keyof BackplaneSettings>(name: K): Setter<BackplaneSettings[K]> {
  return (draft, value) => {
    draft.backplane[name] = value;
  };
}

/** A string. An empty one counts as absent. */
export function text(set: Setter<string>): KeyRule {
  return (draft, value, key) => {
    if (value !== '') set(draft, value, key);
  };
}

/** A boolean: true/false, yes/no, on/off or 1/0. */
export function flag(set: Setter<boolean>): KeyRule {
  return choice('true or false', BOOLEANS, set);
}

/** The RESP version: `2` or `3`, or `resp2` or `resp3`. */
export const protocol: KeyRule = choice('2 or 3', PROTOCOLS, redisOption('protocol'));

/** One of several words, in any letter case. */
export function choice<T>(expected: string, words: ReadonlyMap<string, T>, set: Setter<T>): KeyRule {
  return (draft, value, key) => {
    const chosen = words.get(value.toLowerCase());
    if (chosen === undefined) throw new ConnectionStringError(`"${key}" must be ${expected}.`, key);
    set(draft, chosen, key);
  };
}

/** A whole number in a range. */
export function whole(range: Range, set: Setter<number>): KeyRule {
  const { min, max, unit } = range;
  const expected = `a whole number ${unit ? `of ${unit} ` : ''}from ${min} to ${max}`;
  return (draft, value, key) => {
    const number = /^-?\d{1,10}$/.test(value) ? Number(value) : NaN;
    if (!(number >= min && number <= max)) {
      throw new ConnectionStringError(`"${key}" must be ${expected}.`, key);
    }
    set(draft, number, key);
  };
}

/** A key without effect, with a warning if the user should know that. */
export function ignored(warning?: string): KeyRule {
  return (draft, _value, key) => {
    if (warning) draft.warnings.push(`"${key}" is ignored: ${warning}`);
  };
}

/** A flag without effect, with a warning if it is true. */
export function ignoredIfTrue(warning: string): KeyRule {
  const warn = ignored(warning);
  return flag((draft, on, key) => {
    if (on) warn(draft, '', key);
  });
}

/** An unsupported key. Only the `harmless` values (in lower case), which request nothing, are accepted. */
export function refused(reason: string, ...harmless: string[]): KeyRule {
  return (_draft, value, key) => {
    if (harmless.includes(value.toLowerCase())) return;
    throw new ConnectionStringError(`"${key}" is not supported: ${reason}`, key);
  };
}

/** Adds a warning if the connection turns out to use no TLS, or no sentinels. */
export function onlyWith(needs: Condition, rule: KeyRule): KeyRule {
  return (draft, value, key) => {
    rule(draft, value, key);
    draft.conditional.push({ key, needs });
  };
}

/**
 * Creates the error for an unknown key.
 *
 * @param key the key as written
 * @param where names the position in the string, in case the key must not be quoted
 * @param suspect whether the key may be the rest of a password that contains a separator
 * @param known the known keys
 */
export function unknownKey(
  key: string,
  where: string,
  suspect: boolean,
  known: KeyTable,
): ConnectionStringError {
  // A pasted access key can look like `key=` too, so only short keys that consist of letters are quoted.
  const meant = suggestion(
    key,
    [...known.values()].map((entry) => entry.key),
  );
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  const quotable = !suspect && /^\$?[a-z]{1,30}$/i.test(key);
  return quotable
    ? new ConnectionStringError(
        `"${key}" is not a known key${hint || '. Correct its spelling or leave it out.'}`,
        key,
      )
    : new ConnectionStringError(
        `${where} has an unknown key (not shown, because it could be part of a password).`,
      );
}

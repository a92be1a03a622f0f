import type { RedisOptions } from 'ioredis';
import type { Condition, ConnectionDraft } from './connection-draft.js';
import type { BackplaneSettings } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';
import { suggestion } from './suggestion.js';

/** Takes one key's value into the draft. Throws ConnectionStringError, which names the key and not the value. */
export type KeyRule = (draft: ConnectionDraft, value: string, key: string) => void;

type Setter<T> = (draft: ConnectionDraft, value: T, key: string) => void;

/** Rules by lower-case key, each with the key as it is documented. */
export type KeyTable = ReadonlyMap<string, { readonly key: string; readonly rule: KeyRule }>;

/** Which numbers a key takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}

/** A time that Node's timers can wait, in milliseconds. */
export const MILLISECONDS: Range = { min: 1, max: 2_147_483_647, unit: 'milliseconds' };

/** A time in whole seconds that Node's timers can wait; -1 is there for those who ask for the default so. */
export const SECONDS: Range = { min: -1, max: 2_147_483, unit: 'seconds' };

/** Redis can be set to have any number of databases; this is more than anyone has. */
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

/** Makes a table in which keys are found in any letter case. */
export function keyTable(rules: Readonly<Record<string, KeyRule>>): KeyTable {
  return new Map(Object.entries(rules).map(([key, rule]) => [key.toLowerCase(), { key, rule }]));
}

/** Puts a value into the ioredis option of that name. */
export function redisOption<K extends keyof RedisOptions>(name: K): Setter<RedisOptions[K]> {
  return (draft, value) => {
    draft.redis[name] = value;
  };
}

/** Puts a value into the backplane setting of that name. */
export function backplaneSetting<K extends keyof BackplaneSettings>(name: K): Setter<BackplaneSettings[K]> {
  return (draft, value) => {
    draft.backplane[name] = value;
  };
}

/** A text; an empty one counts as not given. */
export function text(set: Setter<string>): KeyRule {
  return (draft, value, key) => {
    if (value !== '') set(draft, value, key);
  };
}

/** true/false, yes/no, on/off, 1/0. */
export function flag(set: Setter<boolean>): KeyRule {
  return choice('true or false', BOOLEANS, set);
}

/** RESP version: 2 or 3, with or without `resp` before it. */
export const protocol: KeyRule = choice('2 or 3', PROTOCOLS, redisOption('protocol'));

/** One of several words, in any letter case. */
export function choice<T>(expected: string, words: ReadonlyMap<string, T>, set: Setter<T>): KeyRule {
  return (draft, value, key) => {
    const chosen = words.get(value.toLowerCase());
    if (chosen === undefined) throw new ConnectionStringError(`"${key}" must be ${expected}.`, key);
    set(draft, chosen, key);
  };
}

/** A whole number in a range, both ends included. */
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

/** A key that changes nothing here, with a warning if the user should know. */
export function ignored(warning?: string): KeyRule {
  return (draft, _value, key) => {
    if (warning) draft.warnings.push(`"${key}" is ignored: ${warning}`);
  };
}

/** A flag that changes nothing here, with a warning where it asks for something. */
export function ignoredIfTrue(warning: string): KeyRule {
  const warn = ignored(warning);
  return flag((draft, on, key) => {
    if (on) warn(draft, '', key);
  });
}

/** A key that must not be used, except with a value that asks for nothing (compared in lower case). */
export function refused(reason: string, ...harmless: string[]): KeyRule {
  return (_draft, value, key) => {
    if (harmless.includes(value.toLowerCase())) return;
    throw new ConnectionStringError(`"${key}" is not supported: ${reason}`, key);
  };
}

/** A rule whose key deserves a warning if the connection turns out to be without TLS, or without sentinels. */
export function onlyWith(needs: Condition, rule: KeyRule): KeyRule {
  return (draft, value, key) => {
    rule(draft, value, key);
    draft.conditional.push({ key, needs });
  };
}

/**
 * Error for a key that no table knows.
 * @param key as written
 * @param where says which part of the string it is, for when the key may not be quoted
 * @param suspect the key may be the rest of a password that a separator has cut
 * @param known the keys that there are
 */
export function unknownKey(
  key: string,
  where: string,
  suspect: boolean,
  known: KeyTable,
): ConnectionStringError {
  // A pasted access key also looks like `key=`; a name is made of letters and short.
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
        `${where} has an unknown key (not shown: it could be a piece of a password).`,
      );
}

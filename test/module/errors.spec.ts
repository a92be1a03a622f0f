import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { NotSubscribedError } from '../../lib/bus/bus.errors.js';
import {
  PublishDeniedError,
  PublishRefusedError,
  SubscriptionRefusedError,
} from '../../lib/bus/transport.js';
import * as library from '../../lib/index.js';
import * as testing from '../../lib/testing/index.js';

const { BackplaneError, NotJoinedError, NotPublishedError } = library;
type BackplaneError = library.BackplaneError;

const CAUSE = new Error('a cause');
const DOWN = new PublishRefusedError('Redis is down');
const DENIED = new SubscriptionRefusedError('NOPERM');

/** One instance of each error class, and a `ReportedError` for each stage. */
const ERRORS: readonly BackplaneError[] = [
  new library.BackplaneClosedError('invoke'),
  new library.ClientResultError('id', 'no'),
  new library.CommandFailedError('server', 'no'),
  new library.CommandTimeoutError(['server'], 5000),
  new library.ConnectionClosedError('id'),
  new library.ConnectionNotFoundError(['id']),
  new library.DuplicateBackplaneError(),
  new library.ForeignAdapterError('IoAdapter'),
  new library.InvalidArgumentError('timeout', 'a number', 'x'),
  new library.InvalidCloseError('code', 'expected 1000'),
  new library.InvalidNameError('a name', 'group'),
  new library.InvalidOptionsError(['x: no']),
  new library.InvalidPathError('ChatGateway', 'path', 'no'),
  new library.InvalidResultError('id', CAUSE),
  new library.InvokeCanceledError(CAUSE),
  new library.InvokeTargetError(),
  new library.InvokeTimeoutError('id', 10_000),
  new library.MessageTooLargeError(2, 1),
  new library.MessagesGivenUpError(1, 'age', []),
  new library.NoHttpServerError(),
  new library.NotAGatewayError('Chat'),
  new NotJoinedError('group', CAUSE),
  new NotPublishedError(0, DOWN),
  new library.PathRequiredError([]),
  new library.PublishOutcomeUnknownError(0, CAUSE),
  new library.RedisConnectError('no'),
  new library.RepliesMissingError(['server']),
  new library.ServerLostError('server'),
  new library.StartupTimeoutError(5000, 'connecting', CAUSE),
  new library.TargetWidenedError(),
  new testing.HandlerError('say', 'no'),
  new testing.TestClientError('no'),
  new testing.TestSetupError('no'),
  new library.UnsendableDataError('json', CAUSE),
  ...(['connect', 'subscribe', 'publish', 'decode', 'deliver', 'listener', 'presence'] as const).map(
    (stage) => new library.ReportedError(stage, 'a message'),
  ),
];

const RETRYABLE: Readonly<Record<string, boolean | undefined>> = { yes: true, no: false };
const DEPENDS_ON_CAUSE = ['NotJoinedError', 'NotPublishedError'];

interface Row {
  readonly name: string;
  readonly code: string;
  readonly retryable: string;
}

/** The rows of the table in lib/ERRORS.md. */
function documented(): Row[] {
  const text = readFileSync(new URL('../../lib/ERRORS.md', import.meta.url), 'utf8');
  return text.split('\n').flatMap((line) => {
    const [, name = '', code = '', , retryable = ''] = line.split('|').map((cell) => cell.trim());
    return name.startsWith('`') ? [{ name: name.slice(1, -1), code: code.slice(1, -1), retryable }] : [];
  });
}

const keysOf = (rows: readonly { name: string; code: string }[]): string[] =>
  rows.map(({ name, code }) => `${name} ${code}`).toSorted();

it('every exported error extends BackplaneError, and is in this list', () => {
  const exported = [...Object.values(library), ...Object.values(testing)]
    .filter((value) => typeof value === 'function' && value.prototype instanceof Error)
    .filter((value) => value !== BackplaneError);

  expect(new Set(ERRORS.map((error) => error.constructor))).toEqual(new Set(exported));
  for (const error of ERRORS) expect(error).toBeInstanceOf(BackplaneError);
});

it('every error has the name of its class and a unique code', () => {
  for (const error of ERRORS) expect(error.name).toBe(error.constructor.name);
  expect(new Set(ERRORS.map(({ code }) => code)).size).toBe(ERRORS.length);
});

it('the table in ERRORS.md lists every error once, with its code', () => {
  expect(keysOf(documented())).toEqual(keysOf(ERRORS));
});

it('the table in ERRORS.md says which errors are retryable', () => {
  for (const { name, code, retryable } of documented()) {
    const error = ERRORS.find((candidate) => candidate.code === code);
    if (retryable === 'depends') expect(DEPENDS_ON_CAUSE).toContain(name);
    else expect([name, error?.retryable]).toEqual([name, RETRYABLE[retryable]]);
  }
});

it('NotPublishedError is retryable if no client got the message and Redis does not deny it', () => {
  expect(new NotPublishedError(0, DOWN).retryable).toBe(true);
  expect(new NotPublishedError(1, DOWN).retryable).toBe(false);
  expect(new NotPublishedError(0, new PublishDeniedError('NOPERM')).retryable).toBe(false);
});

it('NotJoinedError is retryable unless Redis refuses the channel', () => {
  expect(new NotJoinedError('a', new NotSubscribedError('app:a')).retryable).toBe(true);
  expect(new NotJoinedError('a', new NotSubscribedError('app:a', { cause: DENIED })).retryable).toBe(false);
});

import { checkData, checkEvent } from '../broadcast/arguments.js';
import { jsonProtocol } from '../protocol/json-protocol.js';
import { eventFrames } from '../protocol/argument-list.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import { toError } from '../protocol/thrown.js';

/** The protocol in which the imagined clients of the fakes receive messages. */
export const FAKE_PROTOCOLS = [jsonProtocol];

/** @throws InvalidArgumentError, UnsendableDataError: what the library itself would refuse */
export function fakeMessage(event: string, data: unknown): MessageFrames {
  checkEvent(event);
  checkData(data);
  const frames = eventFrames(event, data);
  frames.for(jsonProtocol);
  return frames;
}

/** A rejection that, like one of the library's `emit`, causes no unhandled rejection if nobody awaits it. */
export function refused(error: unknown): Promise<never> {
  const failed: Promise<never> = Promise.reject(toError(error));
  failed.catch(() => undefined);
  return failed;
}

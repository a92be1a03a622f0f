import { BackplaneError } from '../protocol/backplane.error.js';
import { messageOf } from '../protocol/thrown.js';
import { ClientResultError, InvalidResultError } from '../routing/request.errors.js';
import { TestSetupError } from './testing.errors.js';

/**
 * Replies to an `invoke` of the server in place of a client. Gets the data of the event and returns the response, or throws
 * the error that the client responds with.
 */
export type Reply = (data: unknown) => unknown;

/** The replies that a fake has been given, by event. */
export class Replies {
  private readonly byEvent = new Map<string, Reply>();

  set(event: string, reply: Reply): void {
    this.byEvent.set(event, reply);
  }

  /**
   * Invokes the client with this id. An error of this library, such as an `InvokeTimeoutError`, is thrown unchanged.
   *
   * @throws TestSetupError when no reply was set
   * @throws ClientResultError when the reply throws
   * @throws InvalidResultError when `parse` throws
   */
  async invoke<T>(
    connectionId: string,
    event: string,
    data: unknown,
    parse: ((data: unknown) => T) | undefined,
  ): Promise<T> {
    const reply = this.byEvent.get(event);
    if (!reply)
      throw new TestSetupError(
        `The fake has no reply to "${event}". Set one: fake.reply('${event}', () => …).`,
      );
    const response = await respond(connectionId, reply, data);
    // Without `parse`, the caller is responsible for the type, as with the library itself.
    if (!parse) return response as T;
    try {
      return parse(response);
    } catch (cause) {
      throw new InvalidResultError(connectionId, cause);
    }
  }
}

async function respond(connectionId: string, reply: Reply, data: unknown): Promise<unknown> {
  try {
    return (await reply(data)) ?? null;
  } catch (error) {
    throw error instanceof BackplaneError ? error : new ClientResultError(connectionId, messageOf(error));
  }
}

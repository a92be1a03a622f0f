import { WsException } from '@nestjs/websockets';
import type { Session } from '../adapter/session.js';
import { HubCall } from './hub-call.js';
import { HubErrors } from './hub-errors.js';
import type { HubInvocation } from './hub-message.js';
import type { HubReply } from './hub-reply.js';
import { Upload, UploadBacklog } from './upload.js';

/** The calls and uploads in progress on one connection. */
export class HubCalls {
  private readonly calls = new Set<HubCall>();
  /** The client can cancel the calls that have an id. */
  private readonly byId = new Map<string, HubCall>();
  private readonly uploads = new Map<string, Upload>();
  /** How many of the calls have requested a stream. */
  private streams = 0;
  private readonly backlog: UploadBacklog;

  constructor(private readonly session: Session) {
    this.backlog = new UploadBacklog(session.context.edge.maxBufferedBytes, (isHolding) =>
      session.holdReading(isHolding),
    );
    session.onDisconnect(() => {
      for (const upload of this.uploads.values())
        upload.close(new UploadError('The client has disconnected.'));
      for (const call of this.calls) call.cancel();
    });
  }

  upload(streamId: string): Upload | undefined {
    return this.uploads.get(streamId);
  }

  cancel(id: string): void {
    this.byId.get(id)?.cancel();
  }

  /** Queues a call for its handler. */
  begin(invocation: HubInvocation, reply: HubReply): void {
    const { session } = this;
    const { id, isStream, streamIds } = invocation;
    if (isStream) this.streams++;
    const uploads = streamIds.map((streamId) => this.open(streamId));
    const call: HubCall = new HubCall(
      session,
      invocation,
      uploads,
      reply,
      (failed, error) => {
        session.context.log.error('handler', `The handler of '${failed.target}' failed`, error);
        reply.failInternally(error);
      },
      () => this.ended(call, invocation),
    );
    this.calls.add(call);
    if (id !== undefined) this.byId.set(id, call);
    session.enqueue(() => call.run());
  }

  /** Why a call must be refused: the error for the client, or `undefined`. */
  refusalOf({ id, isStream, streamIds }: HubInvocation): string | undefined {
    if (id !== undefined && this.byId.has(id)) return HubErrors.idInUse(id);
    const { maxPendingMessages } = this.session.context.edge;
    // The session's queue limits all other calls, but does not count streams.
    const streams = streamIds.length + (isStream ? 1 : 0);
    if (streams > 0 && this.streams + this.uploads.size + streams > maxPendingMessages)
      return HubErrors.tooManyStreams(maxPendingMessages);
    const opened = new Set<string>();
    for (const streamId of streamIds) {
      if (this.uploads.has(streamId) || opened.has(streamId)) return HubErrors.idInUse(streamId);
      opened.add(streamId);
    }
    return undefined;
  }

  private open(streamId: string): Upload {
    const upload = new Upload(this.backlog);
    this.uploads.set(streamId, upload);
    return upload;
  }

  private ended(call: HubCall, { id, isStream, streamIds }: HubInvocation): void {
    this.calls.delete(call);
    if (isStream) this.streams--;
    if (id !== undefined) this.byId.delete(id);
    for (const streamId of streamIds) this.uploads.delete(streamId);
  }
}

/** The error with which an upload ends. Nest's filters send its message to the client. */
export class UploadError extends WsException {}

export { RedisBackplaneModule } from './redis-backplane.module.js';
export { StartupTimeoutError } from './startup-timeout.error.js';
export type {
  BufferOptions,
  OutageOption,
  RedisBackplaneOptions,
  RedisBackplaneOptionsFactory,
  RedisRole,
} from './options/redis-backplane-options.js';
export type {
  Admission,
  Authenticate,
  AuthenticateOption,
  Authenticator,
  AuthenticatorClass,
} from './options/authenticate.js';
export type { BackplaneLogger } from './options/backplane-logger.js';
export type { EdgeOptions } from './options/edge-options.js';
export type { PresenceClient, PresenceOptions } from './options/presence-options.js';
export type { SignalROptions, SignalRRedirect } from './options/signalr-options.js';
export { InvalidOptionsError } from './options/invalid-options.error.js';

export { Broadcaster } from './broadcast/broadcaster.js';
export {
  type Answer,
  Target,
  type TargetScope,
  type UsersTarget,
  type UserTarget,
} from './broadcast/target.js';
export type { MembersOptions } from './broadcast/members-options.js';
export type {
  PresenceChange,
  PresenceJoin,
  PresenceLeave,
  PresenceLeaveCause,
  PresenceMember,
} from './presence/presence-change.js';
export type {
  ConnectionExplanation,
  Explanation,
  NotReceivedReason,
  ServerExplanation,
} from './routing/explanation.js';
export type { ExplainOptions } from './broadcast/explain-options.js';
export type { OccupancyEvent } from './presence/occupancy.js';
export type { ServerChange, ServerInfo } from './presence/server-info.js';
export type { Member, MemberCount, MemberList } from './routing/members.js';
export { BackplaneConnection } from './broadcast/backplane-connection.js';
export { type BackplaneCounters, RedisBackplane } from './broadcast/redis-backplane.js';
export type { BackplaneHealth } from './broadcast/health.js';
export type { Loss } from './broadcast/loss.js';
export type { EdgeCounters } from './broadcast/edge-counters.js';
export { type ArgumentList, argumentList } from './protocol/argument-list.js';
export type { AnyEvents, DataOf, EventArguments, EventData, EventName } from './broadcast/events.js';
export type { InvokeAllResult, InvokeOptions, InvokeResponse } from './broadcast/invoke.js';
export {
  InvalidPathError,
  NotAGatewayError,
  PathRequiredError,
  TargetWidenedError,
} from './broadcast/broadcast.errors.js';

export { Arg, Args, CancelSignal, type ParameterPipe, UploadStream } from './adapter/handler-parameters.js';
export { UseAuthenticator } from './adapter/use-authenticator.decorator.js';
export { RedisBackplaneAdapter } from './adapter/redis-backplane.adapter.js';
export {
  BackplaneExceptionFilter,
  type BackplaneExceptionPayload,
} from './adapter/backplane-exception.filter.js';
export { DuplicateBackplaneError, ForeignAdapterError, NoHttpServerError } from './adapter/adapter.errors.js';

export { Delivery, type BackplaneOutcome, type PendingDelivery } from './routing/delivery.js';
export {
  type GivenUpTarget,
  type GiveUpReason,
  MessagesGivenUpError,
  MessageTooLargeError,
  NotJoinedError,
  NotPublishedError,
  PublishOutcomeUnknownError,
} from './routing/routing.errors.js';
export {
  BackplaneClosedError,
  ClientResultError,
  CommandFailedError,
  CommandTimeoutError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvalidResultError,
  InvokeCanceledError,
  InvokeTargetError,
  InvokeTimeoutError,
  RepliesMissingError,
  ServerLostError,
} from './routing/request.errors.js';

export type { BackplaneStatus } from './bus/status.js';
export type { BusCounters, ConnectionFailure, ConnectionRestoration } from './bus/bus.js';
export { type ErrorStage, ReportedError } from './bus/bus.errors.js';
export { RedisConnectError } from './bus/transport.js';

export { InvalidCloseError } from './broadcast/close-code.js';
export {
  BackplaneError,
  type BackplaneErrorCode,
  type ReportedErrorCode,
} from './protocol/backplane.error.js';
export { UnsendableDataError } from './protocol/unsendable-data.error.js';
export { InvalidNameError } from './protocol/channel-names.js';
export { InvalidArgumentError } from './protocol/invalid-argument.error.js';
export type { TargetKind, TargetRef } from './protocol/target.js';
export type { ClientProtocolName } from './protocol/client-protocol.js';

export { recordEmits, type EmitRecording } from './record-emits.js';
export {
  type RecordedCommand,
  type RecordedEmit,
  type RecordedMessage,
  RecordedEmits,
} from './recorded-emits.js';
export type { RecordedTarget } from './recorded-target.js';
export { FakeBroadcaster } from './fake-broadcaster.js';
export { FakeConnection, type FakeConnectionOptions } from './fake-connection.js';
export { connectTestClient, type TestClientOptions } from './connect-test-client.js';
export { type CloseEvent, TestClient } from './test-client.js';
export type { ReceivedMessage } from './received-message.js';
export type { Reply } from './replies.js';
export { HandlerError, TestClientError, TestSetupError } from './testing.errors.js';

import { runBalancedChat } from '../support/balanced-chat.js';

await runBalancedChat('haproxy');

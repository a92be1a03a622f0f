// The tests run as they are imported, with Node's own runner.
import './score.gateway.test.js';

'use strict';
// Does as its event says: {"do": WORD, …}.

class OopsError extends Error {
  constructor(text) {
    super(text);
    this.name = 'OopsError';
    // Its own, since node's differs from version to version.
    this.stack = `OopsError: ${text}\n    at handler (/var/task/app.js:1:1)`;
  }
}

const endless = {};
endless.endless = endless;

const actions = {
  echo: async (event) => event.value,
  big: async (event) => 'x'.repeat(event.bytes),
  size: async (event) => event.value.length,
  sync: (event) => event.value,
  nothing: async () => undefined,
  context: async (event, context) => ({
    awsRequestId: context.awsRequestId, functionName: context.functionName, functionVersion: context.functionVersion,
    invokedFunctionArn: context.invokedFunctionArn, memoryLimitInMB: context.memoryLimitInMB,
    logGroupName: context.logGroupName, logStreamName: context.logStreamName, clientContext: context.clientContext,
    identity: context.identity, left: context.getRemainingTimeInMillis() > 1000,
    waits: context.callbackWaitsForEmptyEventLoop, trace: process.env._X_AMZN_TRACE_ID, tenantId: context.tenantId }),
  throw: async (event) => { throw new OopsError(event.text ?? 'it broke: é'); },
  throwText: async () => { throw 'only a text'; },
  logs: async () => { console.log('one\ntwo', { a: 1 }); console.warn('three'); console.error('four'); },
  cycle: async () => endless,
  exit: async (event) => process.exit(event.code),
  never: () => new Promise(() => {}),
  rejectLater: () => new Promise(() => { Promise.reject(new OopsError('nobody waits')); }),
  throwLater: () => new Promise(() => { setTimeout(() => { throw new OopsError('from a timer'); }, 1); }),
};

exports.handler = (event, context) => actions[event.do](event, context);
exports.callback = (event, context, callback) => {
  if (event.fail) return callback(new OopsError('by callback'));
  if (event.quick) context.callbackWaitsForEmptyEventLoop = false;
  const started = Date.now();
  if (event.wait) setTimeout(() => { event.value += `, waited ${Date.now() - started >= event.wait - 1}`; }, event.wait);
  return callback(null, event.hold ? event : event.value);
};
exports.done = (event, context) => {
  if (event.how === 'succeed') context.succeed(event.value);
  else if (event.how === 'fail') context.fail(new OopsError('by fail'));
  else context.done(null, event.value);
};
exports.api = { prefix: 'nested ', inner: { prefix: 'inner ', async handle(event) { return this.prefix + event.value; } } };
exports.notAFunction = 7;

'use strict';
// One call of the handler, whichever of three ways it answers in: a promise, a callback, or done/succeed/fail of
// its context; and with callbackWaitsForEmptyEventLoop when nothing is left to be done.

// Of a header, whose bytes are UTF-8 here, whatever HTTP calls them.
function parseHeader(text) {
  return text ? JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) : undefined;
}

function makeContext(headers) {
  const environment = process.env;
  const deadline = Number(headers['lambda-runtime-deadline-ms'] ?? 0);
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    clientContext: parseHeader(headers['lambda-runtime-client-context']),
    identity: parseHeader(headers['lambda-runtime-cognito-identity']),
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
  };
  const tenant = headers['lambda-runtime-aws-tenant-id'];
  if (tenant !== undefined) context.tenantId = tenant;
  return context;
}

// Settles with the handler's result. `atRest` registers what is to be called when the event loop is empty.
function call(handler, event, context, atRest) {
  return new Promise((resolve, reject) => {
    let given = null;  // by the callback: {error} or {value}; only the first counts
    const settle = () => (given.failed ? reject(given.error) : resolve(given.value));
    const callback = (error, value) => {
      if (given !== null) return;
      given = { failed: error !== undefined && error !== null, error, value };
      if (!context.callbackWaitsForEmptyEventLoop || given.failed) settle();
    };
    const finish = (error, value) => {
      context.callbackWaitsForEmptyEventLoop = false;
      callback(error, value);
    };
    Object.assign(context, { done: finish, succeed: (value) => finish(null, value),
                             fail: (error) => finish(error ?? 'handled') });
    // Nothing is left that could answer: what the callback gave, or null, as Lambda does.
    atRest(() => { given ??= { failed: false, value: null }; settle(); });
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') {
      returned.then(resolve, reject);
    } else if (returned !== undefined && handler.length < 3 && given === null) {
      // Only of a function that takes no callback: one that does often returns what some call returned.
      resolve(returned);
    }
  });
}

module.exports = { call, makeContext };

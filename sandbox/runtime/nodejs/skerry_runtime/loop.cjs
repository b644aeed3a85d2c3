'use strict';
// A worker's life: the handler is loaded, then one invocation after the other.
const { Client } = require('./api.cjs');
const { Fault, shape } = require('./errors.cjs');
const { load } = require('./handler.cjs');
const { call, makeContext } = require('./invocation.cjs');
const logs = require('./logs.cjs');

// Answers that a worker can go on after: the caller has been told by the server.
const BEARABLE = new Set([202, 400, 403, 413]);

let client;
let current = null;     // the invocation that is handled
let initialising = true;
let ending = false;
let whenAtRest = null;  // what is called when the event loop is empty

function complain(what) {
  require('node:fs').writeSync(2, `skerry runtime: ${what}\n`);
}

async function failInitialisation(thrown, type) {
  if (ending) return;
  ending = true;
  const error = shape(thrown, type);
  logs.logError('Init Error', error);
  try {
    await client.failInitialisation(JSON.stringify(error), error.errorType);
  } catch (problem) {
    complain(problem.message);
  }
  process.exit(1);
}

// What nobody caught, or the loop ran empty while loading: the invocation fails, and the worker ends, since nobody
// knows what state it is in.
async function endWith(what, thrown, type) {
  if (initialising) return failInitialisation(thrown, type);
  if (ending) return undefined;
  ending = true;
  const error = shape(thrown, type);
  logs.logError(what, error);
  try {
    // Its connection may be waiting for /next, or be in the middle of an answer: a new one.
    if (current !== null) {
      await new Client(process.env.AWS_LAMBDA_RUNTIME_API).fail(current, JSON.stringify(error), error.errorType);
    }
  } catch (problem) {
    complain(problem.message);
  }
  process.exit(1);
}

function watch() {
  process.on('uncaughtException', (thrown) => endWith('Uncaught Exception', thrown));
  process.on('unhandledRejection', (reason) => endWith('Unhandled Promise Rejection',
    Object.assign(new Fault('Runtime.UnhandledPromiseRejection', shape(reason).errorMessage), { reason }),
    'Runtime.UnhandledPromiseRejection'));
  process.on('beforeExit', () => {
    if (ending) return;
    if (initialising) {
      failInitialisation(new Fault('Runtime.ImportModuleError', 'the handler never finished loading'));
      return;
    }
    const action = whenAtRest;
    whenAtRest = null;
    if (action !== null) action();
  });
}

function encode(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch (problem) {
    throw new Fault('Runtime.MarshalError', `Unable to stringify response body: ${problem.message}`, problem.stack);
  }
}

function decode(body) {
  try {
    return body.length === 0 ? null : JSON.parse(body.toString('utf8'));
  } catch (problem) {
    throw new Fault('Runtime.UnmarshalError', `Unable to parse input as json: ${problem.message}`, problem.stack);
  }
}

async function answer(handler, invocation) {
  try {
    const context = makeContext(invocation.headers);
    const value = await call(handler, decode(invocation.body), context, (action) => { whenAtRest = action; });
    whenAtRest = null;
    return { body: encode(value) };
  } catch (thrown) {
    whenAtRest = null;
    const error = shape(thrown);
    logs.logError('Invoke Error', error);
    return { error, body: JSON.stringify(error) };
  }
}

// False: the worker has to end.
async function serveOne(handler) {
  const invocation = await client.next();
  if (invocation.status !== 200) {
    complain(`/next answered ${invocation.status}`);
    return false;
  }
  current = invocation;
  const id = invocation.headers['lambda-runtime-aws-request-id'] ?? '';
  logs.setRequest(id);
  const trace = invocation.headers['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  const { error, body } = await answer(handler, invocation);
  if (ending) return new Promise(() => {});  // endWith() has the last word
  const told = error ? await client.fail(invocation, body, error.errorType) : await client.respond(invocation, body);
  current = null;
  if (told.status !== 202) complain(`the answer to ${id} was refused: ${told.status} ${told.body.toString().slice(0, 200)}`);
  return BEARABLE.has(told.status);
}

async function main() {
  const address = process.env.AWS_LAMBDA_RUNTIME_API;
  if (!address) {
    complain('AWS_LAMBDA_RUNTIME_API is not set: this program is started by skerryd');
    process.exit(1);
  }
  client = new Client(address);
  logs.patchConsole();
  watch();
  if (process.env.SKERRY_STANDBY) {
    try {
      await require('./standby.cjs').wait(client);
    } catch (problem) {
      complain(problem.message);
      process.exit(1);
    }
  }
  const root = process.env.LAMBDA_TASK_ROOT || '/var/task';
  let handler;
  try {
    process.chdir(root);
    handler = await load(root, process.env._HANDLER ?? '');
  } catch (thrown) {
    await failInitialisation(thrown);
    return;
  }
  initialising = false;
  try {
    while (await serveOne(handler));
  } catch (problem) {
    complain(problem.message);
  }
  process.exit(1);
}

module.exports = { main };

'use strict';
// A worker that has started before it is known which function it is for. It loads what most functions load, does
// once what it will do for its function, waits to be told, and is from then on as if it had been started for it.
const fs = require('node:fs');
const v8 = require('node:v8');
const vm = require('node:vm');
const handlers = require('./handler.cjs');
const { call, makeContext } = require('./invocation.cjs');
const logs = require('./logs.cjs');

// Of Node.js itself. What a function finds in them is the same whether they have been loaded before or not.
const OFTEN_USED = ['assert', 'async_hooks', 'child_process', 'crypto', 'dns', 'fs/promises', 'http', 'https', 'os',
  'perf_hooks', 'querystring', 'stream/promises', 'string_decoder', 'timers/promises', 'tls', 'util', 'zlib'];

// Text of NAME=value, each with a zero at its end, becomes the whole environment.
function becomeEnvironment(text) {
  const told = new Map();
  for (const variable of text.split('\0')) {
    const equals = variable.indexOf('=');
    if (equals > 0) told.set(variable.slice(0, equals), variable.slice(equals + 1));
  }
  for (const name of Object.keys(process.env)) if (!told.has(name)) delete process.env[name];
  for (const [name, value] of told) if (process.env[name] !== value) process.env[name] = value;
}

// V8 compiles a function when it is first called, and Node.js sets up much when it is first used: half of the time
// that a first answer took. What is done here leaves nothing behind but that.
async function rehearse(client) {
  const headers = { 'lambda-runtime-aws-request-id': 'rehearsal', 'lambda-runtime-deadline-ms': '1' };
  const sink = fs.openSync('/dev/null', 'w');
  for (const name of ['rehearsal.handle', 'rehearsal2.handle']) {
    const handler = await handlers.load(__dirname, name);
    const context = makeContext(headers);
    context.callbackWaitsForEmptyEventLoop = false;
    const answer = await call(handler, JSON.parse('{"an":["event",1]}'), context, () => {});
    logs.rehearse(sink, '%s took %d', name, context.getRemainingTimeInMillis(), answer);
    await client.ping();
    await client.respond({ headers }, JSON.stringify(answer));  // to nothing: refused
  }
  fs.closeSync(sink);
}

// What is of no use any more goes now, and not when a function allocates its first kilobytes.
function tidy() {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');  // the function's own globals have none
  v8.setFlagsFromString('--no-expose-gc');
  // The second moves what the first has found alive.
  for (let i = 0; i < 2; ++i) gc({ type: 'minor' });
}

async function wait(client) {
  for (const name of OFTEN_USED) require(`node:${name}`);
  await rehearse(client);
  tidy();
  const { status, body } = await client.assignment();
  if (status !== 200) throw new Error(`its assignment was answered ${status}`);
  becomeEnvironment(body.toString('utf8'));
}

module.exports = { wait };

'use strict';
// A worker that has started before it is known which function it is for. It loads what most functions load, waits
// to be told, and is from then on as if it had been started for that function.

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

async function wait(client) {
  for (const name of OFTEN_USED) require(`node:${name}`);
  const { status, body } = await client.assignment();
  if (status !== 200) throw new Error(`its assignment was answered ${status}`);
  becomeEnvironment(body.toString('utf8'));
}

module.exports = { wait };

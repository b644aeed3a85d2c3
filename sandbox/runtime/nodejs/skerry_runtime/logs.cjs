'use strict';
// console.* as functions for Lambda expect it: the time, the request and the level before each entry.
const fs = require('node:fs');
const { format } = require('node:util');

let requestId = 'undefined';
let log = 1;

// At once, also when the process ends next. A log that nobody takes ends no invocation.
function write(text) {
  let rest = Buffer.from(text);
  for (let tries = 0; rest.length > 0 && tries < 1000; ++tries) {
    try {
      rest = rest.subarray(fs.writeSync(log, rest));
    } catch (problem) {
      if (problem.code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// One entry is one line: its own line ends become carriage returns, as Lambda writes them.
function entry(level, text) {
  write(`${new Date().toISOString()}\t${requestId}\t${level}\t${text.replace(/\n/g, '\r')}\n`);
}

function patchConsole() {
  const levels = { log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => entry(level, format(...values));
  }
  console.trace = (...values) => {
    const holder = { name: 'Trace', message: format(...values) };
    Error.captureStackTrace(holder, console.trace);
    entry('TRACE', holder.stack);
  };
}

function logError(what, error) {
  entry('ERROR', `${what} \t${JSON.stringify({ ...error, stack: error.trace, trace: undefined })}`);
}

// An entry that goes to another descriptor.
function rehearse(to, ...values) {
  log = to;
  console.log(...values);
  log = 1;
}

function setRequest(id) { requestId = id; }

module.exports = { patchConsole, logError, setRequest, write, rehearse };

'use strict';
// A client of the Runtime API: one connection that is kept, over node:net, since node:http takes longer
// to load. Understands what RFC 9112 asks of a client that only ever sends GET and POST of a known length.
const net = require('node:net');

const VERSION = '/2018-06-01/runtime';
const MOST_HEAD_BYTES = 65536;
const HEAD_END = Buffer.from('\r\n\r\n');

// The Runtime API is not there, or does not speak as it should: the worker has to end.
class ApiError extends Error {}

// What can't break out of a header: printable ASCII, not endless.
function headerValue(text) {
  return String(text).slice(0, 256).replace(/[^ -~]/g, '?');
}

function pathOf(invocation) {
  return `${VERSION}/invocation/${invocation.headers['lambda-runtime-aws-request-id'] ?? ''}`;
}

function parseHead(text) {
  const lines = text.split('\r\n');
  const found = /^HTTP\/1\.([01]) (\d{3})/.exec(lines[0]);
  if (!found) throw new ApiError(`not an answer: ${JSON.stringify(lines[0].slice(0, 80))}`);
  const headers = Object.create(null);
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(found[2]), minor: found[1] === '1', headers };
}

// Chunks from `at` on; null: more bytes are needed. Else {body, end}.
function parseChunks(data, at) {
  const parts = [];
  for (;;) {
    const end = data.indexOf('\r\n', at);
    if (end < 0) return null;
    const size = /^[0-9a-fA-F]{1,8}/.exec(data.toString('latin1', at, end));
    if (!size) throw new ApiError('a chunk of the answer has no length');
    const bytes = parseInt(size[0], 16);
    at = end + 2;
    if (bytes === 0) {
      for (;;) {  // trailers
        const stop = data.indexOf('\r\n', at);
        if (stop < 0) return null;
        if (stop === at) return { body: Buffer.concat(parts), end: at + 2 };
        at = stop + 2;
      }
    }
    if (data.length < at + bytes + 2) return null;
    parts.push(data.subarray(at, at + bytes));
    at += bytes + 2;
  }
}

// One answer out of bytes that arrive in pieces.
class Reader {
  constructor() { this.pieces = []; this.bytes = 0; this.wanted = 0; this.head = null; this.bodyAt = 0; }

  // The answer {status, headers, body, stays}; null: not all of it is there.
  add(piece) {
    this.pieces.push(piece);
    this.bytes += piece.length;
    // A long body is put together once, not with each piece.
    if (this.bytes < this.wanted) return null;
    const data = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces);
    this.pieces = [data];
    while (this.head === null || this.head.status < 200) {  // "100 Continue" and the like come before
      const end = data.indexOf(HEAD_END, this.bodyAt);
      if (end < 0) {
        if (data.length - this.bodyAt > MOST_HEAD_BYTES) throw new ApiError("the answer's head is too long");
        return null;
      }
      this.head = parseHead(data.toString('latin1', this.bodyAt, end));
      this.bodyAt = end + 4;
    }
    return this.body(data);
  }

  body(data) {
    const { status, headers, minor } = this.head;
    const asked = (headers.connection ?? '').toLowerCase();
    const stays = minor ? asked !== 'close' : asked === 'keep-alive';
    const coding = headers['transfer-encoding'];
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw new ApiError(`the answer's transfer encoding is ${coding}`);
      const chunks = parseChunks(data, this.bodyAt);
      return chunks && { status, headers, body: chunks.body, stays };
    }
    if (status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0), stays };
    if (!/^\d{1,15}$/.test(headers['content-length'] ?? '')) throw new ApiError('the answer has no length');
    this.wanted = this.bodyAt + Number(headers['content-length']);
    if (data.length < this.wanted) return null;
    return { status, headers, body: data.subarray(this.bodyAt, this.wanted), stays };
  }
}

// `address` is HOST:PORT, as AWS_LAMBDA_RUNTIME_API has it. One request at a time.
class Client {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon).replace(/^\[|\]$/g, '') || '127.0.0.1';
    this.port = Number(address.slice(colon + 1)) || 80;
    this.fixed = `Host: ${address}\r\nUser-Agent: skerry-nodejs/1\r\n`;
    this.socket = null;
    this.waiting = null;  // {resolve, reject, reader, kept}
  }

  // The next invocation; waits for it as long as it takes, and keeps the process alive meanwhile.
  next() { return this.exchange(`GET ${VERSION}/invocation/next HTTP/1.1\r\n${this.fixed}\r\n`, null); }
  // Which function this worker is for; waits for it as next() does.
  assignment() { return this.exchange(`GET /skerry/assignment HTTP/1.1\r\n${this.fixed}\r\n`, null); }
  ping() { return this.exchange(`GET /2018-06-01/ping HTTP/1.1\r\n${this.fixed}\r\n`, null); }
  respond(invocation, body) { return this.post(`${pathOf(invocation)}/response`, body, '', invocation); }
  fail(invocation, body, errorType) { return this.post(`${pathOf(invocation)}/error`, body, errorType, invocation); }
  failInitialisation(body, errorType) { return this.post(`${VERSION}/init/error`, body, errorType); }

  post(path, text, errorType, invocation) {
    const body = Buffer.from(text);
    const type = errorType ? `Lambda-Runtime-Function-Error-Type: ${headerValue(errorType)}\r\n` : '';
    // Names one attempt, so that a late answer is not taken for that of the next.
    const attempt = invocation?.headers['lambda-runtime-invocation-id'];
    const echo = attempt ? `Lambda-Runtime-Invocation-Id: ${attempt}\r\n` : '';
    return this.exchange(`POST ${path} HTTP/1.1\r\n${this.fixed}Content-Type: application/json\r\n` +
                         `Content-Length: ${body.length}\r\n${type}${echo}\r\n`, body);
  }

  // A kept connection may have been closed at the other end meanwhile: then once more, on a new one.
  async exchange(head, body) {
    const kept = this.socket !== null;
    try {
      return await this.once(head, body);
    } catch (problem) {
      if (!kept || !problem.unanswered) throw problem;
    }
    return this.once(head, body);
  }

  once(head, body) {
    return new Promise((resolve, reject) => {
      if (this.socket === null) this.connect();
      this.waiting = { resolve, reject, reader: new Reader(), heard: false };
      this.socket.ref();
      // One segment when it is short.
      if (body !== null && body.length <= 16384) {
        this.socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]));
      } else {
        this.socket.write(head, 'latin1');
        if (body !== null) this.socket.write(body);
      }
    });
  }

  connect() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true });
    this.socket = socket;
    socket.on('data', (piece) => { if (this.socket === socket) this.take(piece); });
    socket.on('error', (problem) => { if (this.socket === socket) this.lost(problem.message); });
    socket.on('close', () => { if (this.socket === socket) this.lost('closed'); });
  }

  take(piece) {
    const waiting = this.waiting;
    if (waiting === null) return this.lost('an answer to nothing');
    waiting.heard = true;
    let answer;
    try {
      answer = waiting.reader.add(piece);
    } catch (problem) {
      return this.lost(problem.message);
    }
    if (answer === null) return undefined;
    this.waiting = null;
    if (answer.stays) this.socket.unref(); else this.drop();
    return waiting.resolve(answer);
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    socket.destroy();
  }

  lost(why) {
    const waiting = this.waiting;
    this.waiting = null;
    this.drop();
    if (waiting === null) return;
    const problem = new ApiError(`${this.host}:${this.port}: ${why}`);
    problem.unanswered = !waiting.heard;
    waiting.reject(problem);
  }
}

module.exports = { Client, ApiError };
